// `actplane check`: every fault of a policy, without privileges.

import { resolve } from "node:path";
import { type Diagnostic, hasErrors, type Severity } from "../../base/diagnostic.ts";
import { inTextOrder } from "../../dsl/check.ts";
import { unmatchedPatterns } from "../../dsl/checks/unmatched-patterns.ts";
import { type PolicyDocument, readPolicyFile } from "../../dsl/document.ts";
import { checkDocument, policiesOf, resolveDomain } from "../../dsl/domains.ts";
import { loadPolicy } from "../../dsl/load.ts";
import type { Io } from "../io.ts";
import {
  inlinePolicy,
  isReadable,
  openPolicyFile,
  type PolicyFile,
  PolicyFileError,
} from "../policy-file.ts";
import { diagnosticsJson, renderDiagnostics, wantsColor } from "../text/diagnostic.ts";
import { walkWorkspace } from "../workspace.ts";

export interface CheckArguments {
  readonly file: string | undefined;
  readonly rule?: string;
  readonly domain?: string;
  readonly failLevel: Severity;
  readonly json?: boolean;
}

const exits = { clean: 0, usage: 1, findings: 2, errors: 3 } as const;
const ranks: Record<Severity, number> = { hint: 0, warning: 1, error: 2 };

export async function check(io: Io, given: CheckArguments): Promise<number> {
  const other =
    given.file !== undefined ? "a file" : given.domain !== undefined ? "--domain" : null;
  if (given.rule !== undefined && other !== null) {
    io.stderr.write(`actplane check: --rule and ${other} exclude each other\n`);
    return exits.usage;
  }
  let file: PolicyFile;
  try {
    file =
      given.rule === undefined
        ? await openPolicyFile(io, given.file)
        : inlinePolicy(io, given.rule);
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    io.stderr.write(`actplane check: ${error.message}\n`);
    return exits.usage;
  }
  const diagnostics = isReadable(file) ? findings(file, given) : file.diagnostics;
  report(io, diagnostics, given);
  if (hasErrors(diagnostics)) return exits.errors;
  const worst = Math.max(-1, ...diagnostics.map(({ severity }) => ranks[severity]));
  return worst >= ranks[given.failLevel] ? exits.findings : exits.clean;
}

/** Everything that is wrong with the file, in the order of its text. */
function findings(file: PolicyFile, given: CheckArguments): Diagnostic[] {
  const source = file.value;
  if (given.rule !== undefined) return inTextOrder(loadPolicy(source).diagnostics);
  const read = readPolicyFile(source);
  const shape = [...file.diagnostics, ...read.diagnostics];
  const checked = checkDocument(read.value, given.domain);
  const isBroken = hasErrors(shape) || hasErrors(checked);
  const hints =
    isBroken || file.path === null ? [] : workspaceHints(read.value, file, given.domain);
  return inTextOrder([...shape, ...checked, ...hints]);
}

function workspaceHints(
  document: PolicyDocument,
  file: PolicyFile,
  domain: string | undefined,
): Diagnostic[] {
  const policies =
    domain === undefined ? policiesOf(document) : [resolveDomain(document, domain).value.policy];
  const { paths, isWhole } = walkWorkspace(resolve(file.folder, document.workspace ?? "."));
  if (!isWhole) return [];
  const all = policies.flatMap((policy) => unmatchedPatterns(policy, paths, document.source));
  const byPlace = new Map(all.map((diagnostic) => [diagnostic.span.start, diagnostic]));
  return [...byPlace.values()];
}

/** JSON is data and goes to standard output; words go to standard error. */
function report(io: Io, diagnostics: readonly Diagnostic[], given: CheckArguments): void {
  if (given.json === true) {
    io.stdout.write(`${JSON.stringify(diagnosticsJson(diagnostics), null, 2)}\n`);
    return;
  }
  io.stderr.write(renderDiagnostics(diagnostics, { color: wantsColor(io.stderr, io.env) }));
}
