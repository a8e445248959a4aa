// `actplane why` and `actplane simulate`: what a policy would do about an operation, or about every
// operation of a trace; from the same tables that the kernel half holds, without privileges.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { UnclearQuestion } from "../../runtime/asked.ts";
import { simulate as simulateTrace } from "../../runtime/simulate.ts";
import { type AskedPolicy, whyOf } from "../../runtime/why.ts";
import { askedFrom } from "../ask.ts";
import { askedPolicy } from "../asked-policy.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { PolicyFileError } from "../policy-file.ts";
import { diagnosticsJson, renderDiagnostics, wantsColor } from "../text/diagnostic.ts";
import { reasonOf } from "../text/failure.ts";
import { printable } from "../text/printable.ts";
import { renderSteps, renderWhy } from "../text/why.ts";

interface PolicyArguments {
  readonly policy?: string;
  readonly rule?: string;
  readonly domain?: string;
  readonly json?: boolean;
}

export interface WhyArguments extends PolicyArguments {
  readonly label?: readonly string[];
  readonly gate?: readonly string[];
  readonly operation: readonly string[];
}

export interface SimulateArguments extends PolicyArguments {
  readonly trace: string;
}

const exits = { passes: 0, usage: 1, refused: 2, errors: 3 } as const;

export async function why(io: Io, host: Host, given: WhyArguments): Promise<number> {
  return answer(io, host, given, "why", (policy) => {
    const { asked, notes } = askedFrom(given.operation, io);
    const result = whyOf(policy, asked, { labels: given.label, gates: given.gate });
    for (const note of notes) io.stderr.write(`actplane why: ${note}\n`);
    io.stdout.write(given.json === true ? json(result) : renderWhy(result));
    return result.effect === "block" || result.effect === "kill";
  });
}

export async function simulate(io: Io, host: Host, given: SimulateArguments): Promise<number> {
  return answer(io, host, given, "simulate", async (policy) => {
    const { parseTrace } = await import("../../runtime/trace-line.ts");
    const steps = simulateTrace(policy, parseTrace(await textOf(io, given.trace)));
    io.stdout.write(
      given.json === true
        ? steps.map((step) => `${JSON.stringify({ schema_version: 1, ...step })}\n`).join("")
        : renderSteps(steps),
    );
    return steps.some(({ effect }) => effect === "block" || effect === "kill");
  });
}

/** `ask` yields whether something would be refused. */
async function answer(
  io: Io,
  host: Host,
  given: PolicyArguments,
  verb: string,
  ask: (policy: AskedPolicy) => boolean | Promise<boolean>,
): Promise<number> {
  try {
    const policy = await askedPolicy(io, host, given);
    if (policy.refused !== null) {
      const { diagnostics } = policy.refused;
      if (given.json === true) io.stdout.write(json(diagnosticsJson(diagnostics)));
      else
        io.stderr.write(renderDiagnostics(diagnostics, { color: wantsColor(io.stderr, io.env) }));
      return exits.errors;
    }
    for (const note of policy.notes) io.stderr.write(`actplane ${verb}: note: ${note}\n`);
    return (await ask(policy)) ? exits.refused : exits.passes;
  } catch (error) {
    if (!(error instanceof PolicyFileError || error instanceof UnclearQuestion)) throw error;
    io.stderr.write(`actplane ${verb}: ${printable(error.message)}\n`);
    return exits.usage;
  }
}

async function textOf(io: Io, file: string): Promise<string> {
  if (file === "-") return new TextDecoder().decode(await io.readStdin());
  try {
    return readFileSync(resolve(io.cwd, file), "utf8");
  } catch (error) {
    throw new UnclearQuestion(`cannot read ${file}: ${reasonOf(error)}`);
  }
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
