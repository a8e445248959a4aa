// From what a user names on the command line to a compiled policy, with everything that was found on
// the way: the common beginning of run, compile and explain.

import { homedir } from "node:os";
import { resolve } from "node:path";
import { type Diagnostic, hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { inTextOrder } from "../dsl/check.ts";
import { type PolicyDocument, textDocument } from "../dsl/document.ts";
import { resolveDomain } from "../dsl/domains.ts";
import { readPolicyFile } from "../dsl/policy-file.ts";
import { commandTable, withCommands } from "../ir/commands.ts";
import { compile } from "../ir/compile.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Io } from "./io.ts";
import {
  type HowToGive,
  howToGives,
  inlinePolicy,
  isReadable,
  openPolicyFile,
  type PolicyFile,
} from "./policy-file.ts";

export interface PolicyChoice {
  readonly policy?: string | undefined;
  readonly rule?: string | undefined;
  readonly domain?: string | undefined;
  /** What `~` means; default: the home of who runs us. */
  readonly home?: string | undefined;
  readonly howToGive?: HowToGive;
}

export interface CompiledPolicy {
  readonly source: Source;
  readonly document: PolicyDocument;
  readonly domain: string;
  /** Null where the diagnostics hold an error. */
  readonly compiled: Compiled | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Throws PolicyFileError where there is nothing to read. */
export async function compilePolicy(io: Io, choice: PolicyChoice): Promise<CompiledPolicy> {
  const file =
    choice.rule === undefined
      ? await openPolicyFile(io, choice.policy, choice.howToGive ?? howToGives.option)
      : inlinePolicy(io, choice.rule);
  return compileFile(file, choice);
}

export async function compileFile(file: PolicyFile, choice: PolicyChoice): Promise<CompiledPolicy> {
  const source = file.value;
  const read = choice.rule === undefined ? await readPolicyFile(source) : textDocument(source);
  const document = read.value;
  const resolved = resolveDomain(document, choice.domain);
  const found = isReadable(file)
    ? [...file.diagnostics, ...read.diagnostics, ...resolved.diagnostics]
    : [...file.diagnostics];
  const { domain, policy } = resolved.value;
  if (hasErrors(found))
    return { source, document, domain, compiled: null, diagnostics: inTextOrder(found) };
  const workspace = resolve(file.folder, document.workspace ?? ".");
  const outcome = compile(policy, {
    workspace,
    home: choice.home ?? homedir(),
    commands: withCommands(commandTable, document.commands),
    source,
  });
  const diagnostics = inTextOrder([...found, ...outcome.diagnostics]);
  return {
    source,
    document,
    domain,
    compiled: hasErrors(diagnostics) ? null : outcome.value,
    diagnostics,
  };
}
