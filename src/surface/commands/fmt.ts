// `actplane fmt`: the canonical layout of policy text, also inside a YAML document.

import { hasErrors } from "../../base/diagnostic.ts";
import { formatFile } from "../../dsl/format.ts";
import type { Io } from "../io.ts";
import {
  howToGives,
  isReadable,
  openPolicyFile,
  type PolicyFile,
  PolicyFileError,
} from "../policy-file.ts";
import { replaceFile } from "../replace-file.ts";
import { renderDiagnostics, wantsColor } from "../text/diagnostic.ts";
import { reasonNotToWrite } from "../text/failure.ts";
import { printable } from "../text/printable.ts";

export interface FmtArguments {
  readonly file: string | undefined;
  readonly check?: boolean;
  readonly write?: boolean;
}

const exits = { done: 0, usage: 1, different: 2, errors: 3 } as const;

export async function fmt(io: Io, given: FmtArguments): Promise<number> {
  let file: PolicyFile;
  try {
    file = await openPolicyFile(io, given.file, howToGives.only);
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    io.stderr.write(`actplane fmt: ${error.message}\n`);
    return exits.usage;
  }
  const { value: text, diagnostics } = isReadable(file)
    ? formatFile(file.value)
    : { value: "", diagnostics: file.diagnostics };
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (hasErrors(errors)) {
    io.stderr.write(renderDiagnostics(errors, { color: wantsColor(io.stderr, io.env) }));
    return exits.errors;
  }
  return finish(io, file, text, given);
}

function finish(io: Io, file: PolicyFile, text: string, given: FmtArguments): number {
  const { name, text: before } = file.value;
  if (given.check === true) {
    if (text === before) return exits.done;
    io.stderr.write(
      `${printable(name)} is not in the canonical form; \`actplane fmt --write\` changes it\n`,
    );
    return exits.different;
  }
  if (given.write !== true) {
    io.stdout.write(text);
    return exits.done;
  }
  if (file.path === null) {
    io.stderr.write("actplane fmt: standard input cannot be written to; leave --write out\n");
    return exits.usage;
  }
  try {
    if (text !== before) replaceFile(file.path, text);
    return exits.done;
  } catch (error) {
    io.stderr.write(
      `actplane fmt: cannot write ${printable(file.path)}: ${reasonNotToWrite(error)}\n`,
    );
    return exits.usage;
  }
}
