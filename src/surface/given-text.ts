// A policy text that goes to the daemon, as a user names it on the command line, with the name it has there.

import { Undone } from "./daemon.ts";
import type { Io } from "./io.ts";
import { type HowToGive, inlinePolicy, openPolicyFile, PolicyFileError } from "./policy-file.ts";

export interface GivenText {
  readonly name: string;
  readonly text: string;
  /** What relative patterns are relative to where the text does not say. */
  readonly folder: string;
}

/** Throws Undone where there is nothing to read. */
export async function givenText(
  io: Io,
  file: string | undefined,
  rule: string | undefined,
  howToGive: HowToGive,
): Promise<GivenText> {
  try {
    const { value, path, folder } =
      rule === undefined ? await openPolicyFile(io, file, howToGive) : inlinePolicy(io, rule);
    return { name: nameFrom(path), text: value.text, folder };
  } catch (failure) {
    if (!(failure instanceof PolicyFileError)) throw failure;
    throw new Undone(failure.message);
  }
}

/** The API's names have no slashes. */
function nameFrom(path: string | null): string {
  const base = path?.split("/").at(-1) ?? "";
  return /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}$/.test(base) ? base : "policy";
}
