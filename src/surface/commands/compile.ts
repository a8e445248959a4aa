// `actplane compile`: the tables of a policy, and what they cost; needs no privileges.

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { hasErrors } from "../../base/diagnostic.ts";
import { dumpImage } from "../../ir/dump.ts";
import type { Compiled } from "../../ir/ir.ts";
import { type CompiledPolicy, compilePolicy } from "../compiled-policy.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { howToGives, PolicyFileError } from "../policy-file.ts";
import { compiledJson, renderCompiled, summaryOfCompiled } from "../text/compiled.ts";
import { diagnosticsJson, renderDiagnostics, wantsColor } from "../text/diagnostic.ts";
import { reasonNotToWrite } from "../text/failure.ts";
import { printable } from "../text/printable.ts";

export interface CompileArguments {
  readonly file: string | undefined;
  readonly rule?: string;
  readonly domain?: string;
  readonly explain?: boolean;
  readonly dump?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

const exits = { compiled: 0, usage: 1, errors: 3 } as const;

export async function compile(
  io: Io,
  host: Pick<Host, "skipsHooks">,
  given: CompileArguments,
): Promise<number> {
  if (given.rule !== undefined && given.file !== undefined) {
    io.stderr.write("actplane compile: a file and --rule were given; give one of them\n");
    return exits.usage;
  }
  let result: CompiledPolicy;
  try {
    result = await compilePolicy(io, {
      ...given,
      policy: given.file,
      howToGive: howToGives.argument,
    });
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    io.stderr.write(`actplane compile: ${error.message}\n`);
    return exits.usage;
  }
  const { compiled } = result;
  const skipsHooks = await host.skipsHooks();
  if (given.json === true) writeJson(io, result, skipsHooks);
  else reportFindings(io, result);
  if (compiled === null) return exits.errors;
  if (given.json !== true) io.stdout.write(textOf(compiled, given, skipsHooks));
  return given.output === undefined ? exits.compiled : writeImage(io, compiled, given.output);
}

/** Advice is for `check`; here only what stops the compiler, or what it says itself. */
function reportFindings(io: Io, { diagnostics }: CompiledPolicy): void {
  const relevant = diagnostics.filter(
    ({ severity, code }) => severity === "error" || code.startsWith("X"),
  );
  const color = wantsColor(io.stderr, io.env);
  if (relevant.length > 0) io.stderr.write(renderDiagnostics(relevant, { color }));
}

function textOf(compiled: Compiled, given: CompileArguments, skipsHooks: boolean): string {
  const parts: string[] = [];
  if (given.explain === true) parts.push(renderCompiled(compiled, skipsHooks));
  if (given.dump === true) parts.push(dumpImage(compiled.image, compiled));
  if (parts.length === 0 && given.output === undefined) parts.push(summaryOfCompiled(compiled));
  return parts.join("\n");
}

/** JSON is data and goes to standard output, findings and all. */
function writeJson(io: Io, { compiled, diagnostics }: CompiledPolicy, skipsHooks: boolean): void {
  const found = diagnosticsJson(diagnostics);
  const value =
    compiled === null || hasErrors(diagnostics)
      ? found
      : { ...found, ...compiledJson(compiled, skipsHooks) };
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** The words as the kernel reads them, little endian. */
function writeImage(io: Io, { image }: Compiled, output: string): number {
  const bytes = new DataView(new ArrayBuffer(image.length * 4));
  for (const [i, word] of image.entries()) bytes.setUint32(i * 4, word, true);
  try {
    writeFileSync(resolve(io.cwd, output), bytes);
    return exits.compiled;
  } catch (error) {
    io.stderr.write(
      `actplane compile: cannot write ${printable(output)}: ${reasonNotToWrite(error)}\n`,
    );
    return exits.usage;
  }
}
