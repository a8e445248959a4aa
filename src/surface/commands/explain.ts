// `actplane explain`: the whole story of a refusal, of the last run or from a file that a run left; in words, as a
// picture, or as data. Needs no privileges, only that the file may be read.

import { resolve } from "node:path";
import { findUser } from "../../kernel/user.ts";
import { journalPath } from "../../runtime/journal.ts";
import { drawings, type ExplainFormat } from "../drawings.ts";
import type { FoundFile } from "../explained-file.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { reasonOf } from "../text/failure.ts";
import { printable } from "../text/printable.ts";

export interface ExplainArguments {
  readonly file?: string;
  readonly last?: boolean;
  /** The number that the record has; default: the last. */
  readonly seq?: number;
  readonly format: ExplainFormat;
  readonly user?: string;
  readonly json?: boolean;
}

const exits = { shown: 0, usage: 1, nothing: 2 } as const;

export async function explain(io: Io, host: Host, given: ExplainArguments): Promise<number> {
  const fail = (text: string, code: number = exits.usage): number => {
    io.stderr.write(`actplane explain: ${text}\n`);
    return code;
  };
  if ((given.file === undefined) === (given.last !== true))
    return fail("either --last or a file is needed: `actplane explain --last`");
  const uid = given.file === undefined ? uidOf(io, given) : 0;
  if (uid === null) return fail(`there is no user \`${printable(given.user ?? "")}\``);
  const path =
    given.file === undefined ? journalPath(host.runFolder, uid) : resolve(io.cwd, given.file);
  const { readExplained, TooLarge } = await import("../explained-file.ts");
  let file: FoundFile;
  try {
    file = readExplained(path);
  } catch (error) {
    const reason = error instanceof TooLarge ? error.message : reasonOf(error);
    return fail(whyUnread(error, reason, path, given));
  }
  for (const { line, what } of file.faults.slice(0, faultsShown))
    io.stderr.write(`actplane explain: line ${line} is passed over: ${printable(what)}\n`);
  if (file.faults.length > faultsShown)
    io.stderr.write(`actplane explain: and ${file.faults.length - faultsShown} more lines\n`);
  const found =
    given.seq === undefined
      ? file.found.at(-1)
      : file.found.find(({ match }) => match.seq === given.seq);
  if (found === undefined) return fail(nothingToExplain(file, given), exits.nothing);
  io.stdout.write(
    given.json === true ? `${JSON.stringify(found.json)}\n` : drawings[given.format](found),
  );
  const others = file.found.filter((each) => each !== found).map(({ match }) => match.seq);
  if (others.length > 0 && given.json !== true && given.seq === undefined)
    io.stderr.write(`actplane explain: this is --seq ${found.match.seq}${othersText(others)}\n`);
  return exits.shown;
}

const faultsShown = 3;
const othersShown = 8;

function othersText(others: readonly number[]): string {
  const shown = others.slice(-othersShown).join(", ");
  return `; there ${others.length === 1 ? "is" : "are"} also ${others.length > othersShown ? "..., " : ""}${shown}`;
}

/** Whose last run: who called sudo, or who asks. Null: nobody. */
function uidOf(io: Io, { user }: ExplainArguments): number | null {
  if (user !== undefined) return findUser(user)?.uid ?? null;
  const own = process.geteuid?.() ?? 0;
  const sudo = Number(io.env.SUDO_UID ?? Number.NaN);
  return own === 0 && Number.isSafeInteger(sudo) ? sudo : own;
}

function whyUnread(
  error: unknown,
  reason: string,
  path: string,
  { file, user }: ExplainArguments,
): string {
  const { code } = error as NodeJS.ErrnoException;
  if (file !== undefined) return `cannot read ${printable(file)}: ${reason}`;
  if (code === "ENOENT")
    return `${user === undefined ? "no run of yours" : `no run of \`${printable(user)}\``} has left a journal since this machine was booted (${path})\n  \`sudo actplane run -- ...\` leaves one; a file of \`run --events\` can be explained too`;
  if (code === "EACCES" || code === "EPERM")
    return `cannot read ${path}: only root and the group of the user whose run it was may`;
  return `cannot read ${path}: ${reason}`;
}

function nothingToExplain(
  { found, head, hasEnded }: FoundFile,
  { file, seq }: ExplainArguments,
): string {
  const numbers = found.map(({ match }) => match.seq);
  if (numbers.length > 0)
    return `there is no --seq ${seq}; there ${numbers.length === 1 ? "is" : "are"} ${numbers.slice(-othersShown).join(", ")}`;
  if (file !== undefined) return `${printable(file)} tells of no match`;
  const what = head === null ? "" : ` of \`${head.command.map(printable).join(" ")}\``;
  const when = head === null ? "" : `, started at ${head.time}`;
  const run = `the last run${what}${when}`;
  return hasEnded
    ? `no rule matched in ${run}`
    : `nothing was told of ${run}, which goes on or was killed`;
}
