// Finding and reading the policy that a command is about.

import { closeSync, lstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Diagnostic, hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { decodeSource, sourceBytesMax } from "../dsl/decode.ts";
import type { Io } from "./io.ts";
import { reasonOf } from "./text/failure.ts";
import { printable } from "./text/printable.ts";

const fileNames = ["actplane.yaml", "actplane.yml", join(".actplane", "policy.yaml")] as const;

/** The nearest policy file in `folder` or above, absolute, or null. One that cannot be read is not passed over. */
export function findPolicyFile(folder: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = fileNames.map((name) => join(at, name)).find(isThere);
    if (found !== undefined) return found;
    if (dirname(at) === at) return null;
  }
}

/** A symbolic link that leads nowhere is there: the policy above it may be another one. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A folder on the way is no folder, or may not be entered.
    return false;
  }
}

export interface PolicyFile extends Outcome<Source> {
  /** Absolute; null for standard input and `--rule`. */
  readonly path: string | null;
  /** What relative patterns are relative to where the document does not say. */
  readonly folder: string;
}

/** Why there is nothing to read, as a sentence for the user. */
export class PolicyFileError extends Error {
  override name = "PolicyFileError";
}

/** What a verb says where it finds no policy. */
export const howToGives = {
  argument: "name a file, or give the policy with --rule",
  option: "name one with --policy, or give its text with --rule",
  only: "name a file",
} as const;
export type HowToGive = (typeof howToGives)[keyof typeof howToGives];

/** The file a user named, `-`, or the nearest one; throws PolicyFileError where it cannot be read. */
export async function openPolicyFile(
  io: Io,
  file: string | undefined,
  howToGive: HowToGive = howToGives.argument,
): Promise<PolicyFile> {
  if (file === "-") {
    const bytes = await io.readStdin(sourceBytesMax);
    return { ...decodeSource("<stdin>", bytes), path: null, folder: io.cwd };
  }
  const path = file === undefined ? findPolicyFile(io.cwd) : resolve(io.cwd, file);
  if (path === null) {
    throw new PolicyFileError(`no actplane.yaml in ${printable(io.cwd)} or above it; ${howToGive}`);
  }
  return {
    ...decodeSource(file ?? shortName(io.cwd, path), readBytes(path, file !== undefined)),
    path,
    folder: dirname(path),
  };
}

/** Policy text that was given on the command line. */
export function inlinePolicy(io: Io, text: string): PolicyFile {
  return { value: { name: "--rule", text }, diagnostics: [], path: null, folder: io.cwd };
}

/** What cannot be read as text at all is not looked at further. */
export function isReadable({
  diagnostics,
}: {
  readonly diagnostics: readonly Diagnostic[];
}): boolean {
  return !hasErrors(diagnostics);
}

function readBytes(path: string, isNamed: boolean): Uint8Array {
  try {
    const stat = statSync(path);
    if (stat.isDirectory())
      throw new PolicyFileError(`${printable(path)} is a folder, not a policy`);
    // A pipe that was named is welcome (`check <(generate)`); one that lies there would be waited for without end.
    if (!isNamed && !stat.isFile())
      throw new PolicyFileError(
        `${printable(path)} is not a regular file; name it to have it read`,
      );
    // /dev/zero never ends.
    if (stat.isCharacterDevice() || stat.isBlockDevice())
      throw new PolicyFileError(`${printable(path)} is a device, not a policy`);
    if (stat.size > sourceBytesMax)
      throw new PolicyFileError(`${printable(path)} is larger than 32 MiB`);
    return stat.isFile() ? readFileSync(path) : readPipe(path);
  } catch (error) {
    if (error instanceof PolicyFileError) throw error;
    throw new PolicyFileError(`cannot read ${printable(path)}: ${reasonOf(error)}`);
  }
}

/** No further than a policy can be long: a pipe may have no end. */
function readPipe(path: string): Uint8Array {
  const file = openSync(path, "r");
  const chunks: Uint8Array[] = [];
  try {
    for (let length = 0; length <= sourceBytesMax; ) {
      const chunk = new Uint8Array(65_536);
      const read = readSync(file, chunk);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      length += read;
    }
  } finally {
    closeSync(file);
  }
  return Buffer.concat(chunks);
}

/** Relative where that is shorter to read. */
function shortName(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short.length < path.length ? short : path;
}
