// A file that a person keeps gets a new text as a whole or not at all: what fails on the way, a full disk above all,
// leaves the old one.

import {
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** A link stays a link. False, and nothing is changed, where the file is no longer what it was `before`. */
export function replaceFile(file: string, after: string, before?: string): boolean {
  const old = existsSync(file) ? statSync(file) : null;
  const target = old === null ? file : realpathSync(file);
  mkdirSync(dirname(target), { recursive: true });
  const temporary = join(dirname(target), `.actplane-${process.pid}-${Date.now()}.tmp`);
  try {
    writeNew(temporary, after, old);
    const isOther = old !== null && before !== undefined && readFileSync(target, "utf8") !== before;
    if (!isOther) renameSync(temporary, target);
    else rmSync(temporary);
    return !isOther;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeNew(path: string, text: string, like: Stats | null): void {
  const handle = openSync(path, "wx", like === null ? 0o644 : like.mode & 0o777);
  try {
    writeFileSync(handle, text);
    if (like !== null && like.uid !== process.geteuid?.()) give(handle, like);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Root leaves a file its owner; who may not becomes the owner, as with any editor that replaces files. */
function give(handle: number, { uid, gid }: Stats): void {
  if (process.geteuid?.() === 0) fchownSync(handle, uid, gid);
}
