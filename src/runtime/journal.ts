// The refusals of a user's last run, for `actplane explain --last`: one file a user, JSON lines, of which only root
// may write and only that user read. It is in place from the start and holds what was told so far, so that a run
// that is killed leaves it too.
//
//   {"type": "journal", ...}      what was run and when; how many records were dropped for want of room
//   {"type": "match", ...}        a feedback record each
//   {"type": "end", ...}          missing while it runs, and where the run was killed

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { FeedbackRecord } from "./feedback.ts";

/** In a file; when it is full the younger half stays. */
export const journalBytesMax = 8 * 1024 * 1024;

export interface JournalOptions {
  /** Usually /run/actplane. */
  readonly folder: string;
  /** Who may read it. */
  readonly uid: number;
  readonly gid: number;
  readonly bytesMax?: number;
}

export interface JournalHead {
  readonly time: string;
  readonly command: readonly string[];
  readonly policy: string;
  readonly domain: string;
  readonly tier: string;
}

/** Where the journal of a user is. */
export function journalPath(folder: string, uid: number): string {
  return join(folder, "last", `${uid}.jsonl`);
}

/** Why no journal can be kept. */
export class JournalRefused extends Error {}

export class Journal {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #lines: string[] = [];
  #linesBytes = 0;
  #fileBytes = 0;
  #dropped = 0;
  #fd = -1;

  /** Throws JournalRefused, or what the file system says. */
  constructor(
    private readonly options: JournalOptions,
    private readonly head: JournalHead,
  ) {
    const { folder, uid } = options;
    for (const each of [folder, join(folder, "last")]) makeFolder(each);
    this.#path = journalPath(folder, uid);
    this.#bytesMax = options.bytesMax ?? journalBytesMax;
    this.#replace();
  }

  write(record: FeedbackRecord): void {
    this.#add({ type: "match", ...record });
  }

  end(time: string, exitCode: number): void {
    if (this.#fd < 0) return;
    this.#add({ schema_version: 1, type: "end", time, exit_code: exitCode });
    this.#close();
  }

  #add(value: object): void {
    if (this.#fd < 0) return;
    const line = `${JSON.stringify(value)}\n`;
    this.#lines.push(line);
    this.#linesBytes += Buffer.byteLength(line);
    if (this.#fileBytes + Buffer.byteLength(line) > this.#bytesMax) this.#compact();
    else this.#fileBytes += writeSync(this.#fd, line);
  }

  /** Leave the younger half, in a new file. */
  #compact(): void {
    while (this.#linesBytes > this.#bytesMax / 2) {
      const line = this.#lines.shift();
      if (line === undefined) break;
      this.#linesBytes -= Buffer.byteLength(line);
      this.#dropped++;
    }
    // A later run of the same user has taken the name: this one is not the last any more.
    const isOurs = fstatSync(this.#fd).ino === statSync(this.#path, { throwIfNoEntry: false })?.ino;
    this.#close();
    if (isOurs) this.#replace();
  }

  /** A reader sees the old file or the new one, never a part. */
  #replace(): void {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    const temporary = `${this.#path}.${process.pid}`;
    unlinkIfThere(temporary);
    this.#fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    fchownSync(this.#fd, 0, this.options.gid);
    fchmodSync(this.#fd, 0o640);
    const head = { schema_version: 1, type: "journal", ...this.head, dropped: this.#dropped };
    const text = [`${JSON.stringify(head)}\n`, ...this.#lines].join("");
    this.#fileBytes = writeSync(this.#fd, text);
    renameSync(temporary, this.#path);
  }

  #close(): void {
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** Where others could write, they could put files of theirs in our place. */
function makeFolder(path: string): void {
  // The caller's umask may be narrower.
  if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o755);
  const { mode, uid, isFolder } = folderStat(path);
  if (!isFolder || uid !== 0 || (mode & 0o022) !== 0)
    throw new JournalRefused(`${path} is not root's alone`);
}

function folderStat(path: string): { mode: number; uid: number; isFolder: boolean } {
  const stat = lstatSync(path);
  return { mode: stat.mode, uid: stat.uid, isFolder: stat.isDirectory() };
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
