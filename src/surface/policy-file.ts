// Finding and reading the policy that a command is about.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Diagnostic, hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { decodeSource, sourceBytesMax } from "../dsl/decode.ts";
import type { Io } from "./io.ts";
import { reasonOf } from "./text/failure.ts";
import { printable } from "./text/printable.ts";

const fileNames = ["actplane.yaml", "actplane.yml", join(".actplane", "policy.yaml")] as const;

/** The nearest policy file in `folder` or above, absolute, or null. */
export function findPolicyFile(folder: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = fileNames.map((name) => join(at, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (dirname(at) === at) return null;
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

/** The file a user named, `-`, or the nearest one; throws PolicyFileError where it cannot be read. */
export async function openPolicyFile(io: Io, file: string | undefined): Promise<PolicyFile> {
  if (file === "-") {
    return { ...decodeSource("<stdin>", await io.readStdin()), path: null, folder: io.cwd };
  }
  const path = file === undefined ? findPolicyFile(io.cwd) : resolve(io.cwd, file);
  if (path === null) {
    throw new PolicyFileError(
      `no actplane.yaml in ${printable(io.cwd)} or above it; name a file, or give the policy with --rule`,
    );
  }
  return {
    ...decodeSource(file ?? shortName(io.cwd, path), readBytes(path)),
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

function readBytes(path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (stat.isDirectory())
      throw new PolicyFileError(`${printable(path)} is a folder, not a policy`);
    // A pipe is welcome (`check <(generate)`), but /dev/zero never ends.
    if (stat.isCharacterDevice() || stat.isBlockDevice())
      throw new PolicyFileError(`${printable(path)} is a device, not a policy`);
    if (stat.size > sourceBytesMax)
      throw new PolicyFileError(`${printable(path)} is larger than 32 MiB`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof PolicyFileError) throw error;
    throw new PolicyFileError(`cannot read ${printable(path)}: ${reasonOf(error)}`);
  }
}

/** Relative where that is shorter to read. */
function shortName(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short.length < path.length ? short : path;
}
