// `actplane check`: every fault of a policy, and with --host what this host does about each clause;
// without privileges.

import { resolve } from "node:path";
import { type Diagnostic, hasErrors, type Severity } from "../../base/diagnostic.ts";
import type { Policy } from "../../dsl/ast.ts";
import { inTextOrder } from "../../dsl/check.ts";
import { checkHasRules } from "../../dsl/checks/has-rules.ts";
import { unmatchedPatterns } from "../../dsl/checks/unmatched-patterns.ts";
import type { PolicyDocument } from "../../dsl/document.ts";
import { checkDocument, policiesOf, resolveDomain } from "../../dsl/domains.ts";
import { loadPolicy } from "../../dsl/load.ts";
import { readPolicyFile } from "../../dsl/policy-file.ts";
import type { CompiledClause } from "../../ir/ir.ts";
import type { Tier } from "../../kernel/kernel.ts";
import { verdictOf } from "../../kernel/verdicts.ts";
import { allowsDegraded, weakOf } from "../acceptance.ts";
import { compileFile } from "../compiled-policy.ts";
import type { Host } from "../host.ts";
import { hostTier } from "../host-tier.ts";
import type { Io } from "../io.ts";
import {
  inlinePolicy,
  isReadable,
  openPolicyFile,
  type PolicyFile,
  PolicyFileError,
} from "../policy-file.ts";
import { diagnosticsJson, renderDiagnostics, wantsColor } from "../text/diagnostic.ts";
import {
  clauseJson,
  renderTierVerdicts,
  renderVerdicts,
  tierVerdictsJson,
  verdictsIn,
} from "../text/verdicts.ts";
import { walkWorkspace } from "../workspace.ts";

export interface CheckArguments {
  readonly file: string | undefined;
  readonly rule?: string;
  readonly domain?: string;
  readonly failLevel: Severity;
  readonly json?: boolean;
  /** Say what this host does about each clause. */
  readonly host?: boolean;
}

const exits = { clean: 0, usage: 1, findings: 2, errors: 3 } as const;
const ranks: Record<Severity, number> = { hint: 0, warning: 1, error: 2 };

export async function check(io: Io, host: Host, given: CheckArguments): Promise<number> {
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
  const found = isReadable(file) ? await findings(file, given) : file.diagnostics;
  const onHost =
    given.host === true && !hasErrors(found) ? await verdicts(file, host, given) : null;
  const diagnostics = onHost === null ? found : [...found, ...onHost.errors];
  report(io, diagnostics, onHost, given);
  if (hasErrors(diagnostics)) return exits.errors;
  const worst = Math.max(-1, ...diagnostics.map(({ severity }) => ranks[severity]));
  const isRefused = onHost !== null && onHost.starts === false;
  return isRefused || worst >= ranks[given.failLevel] ? exits.findings : exits.clean;
}

/** What the compiler adds to the findings, and what becomes of each clause here. */
interface OnHost {
  readonly errors: readonly Diagnostic[];
  readonly clauses: readonly CompiledClause[];
  /** What `run` would use; undefined: not known, trying needs root. */
  readonly tier: Tier | null | undefined;
  /** Whether `run` would start a command under the policy; null: not known. */
  readonly starts: boolean | null;
  /** Whether `--degraded` would make it start. */
  readonly isNegotiable: boolean;
}

async function verdicts(file: PolicyFile, host: Host, given: CheckArguments): Promise<OnHost> {
  const { compiled, document, diagnostics } = await compileFile(file, given);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const clauses = compiled?.clauses ?? [];
  const known = await hostTier(host);
  if (known === null)
    return { errors, clauses, tier: undefined, starts: null, isNegotiable: false };
  const { tier } = known;
  const weak = tier === null ? [] : weakOf(verdictsIn(tier, clauses), document);
  const starts = tier !== null && (weak.length === 0 || allowsDegraded(document, false));
  return { errors, clauses, tier, starts, isNegotiable: allowsDegraded(document, true) };
}

/** Everything that is wrong with the file, in the order of its text. */
async function findings(file: PolicyFile, given: CheckArguments): Promise<Diagnostic[]> {
  const source = file.value;
  if (given.rule !== undefined) {
    const { value, diagnostics } = loadPolicy(source);
    const empty = hasErrors(diagnostics) ? [] : checkHasRules([value], source);
    return inTextOrder([...diagnostics, ...empty]);
  }
  const read = await readPolicyFile(source);
  const shape = [...file.diagnostics, ...read.diagnostics];
  const checked = checkDocument(read.value, given.domain);
  const isBroken = hasErrors(shape) || hasErrors(checked);
  if (isBroken) return inTextOrder([...shape, ...checked]);
  const policies =
    given.domain === undefined
      ? policiesOf(read.value)
      : [resolveDomain(read.value, given.domain).value.policy];
  const hints = file.path === null ? [] : workspaceHints(read.value, policies, file);
  return inTextOrder([...shape, ...checked, ...checkHasRules(policies, source), ...hints]);
}

function workspaceHints(
  document: PolicyDocument,
  policies: readonly Policy[],
  file: PolicyFile,
): Diagnostic[] {
  const { paths, isWhole } = walkWorkspace(resolve(file.folder, document.workspace ?? "."));
  if (!isWhole) return [];
  const all = policies.flatMap((policy) => unmatchedPatterns(policy, paths, document.source));
  const byPlace = new Map(all.map((diagnostic) => [diagnostic.span.start, diagnostic]));
  return [...byPlace.values()];
}

/** JSON is data and goes to standard output, as verdicts do; words about faults go to standard error. */
function report(
  io: Io,
  diagnostics: readonly Diagnostic[],
  onHost: OnHost | null,
  given: CheckArguments,
): void {
  if (given.json === true) {
    const found = diagnosticsJson(diagnostics);
    const value = onHost === null ? found : { ...found, ...onHostJson(onHost) };
    io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  io.stderr.write(renderDiagnostics(diagnostics, { color: wantsColor(io.stderr, io.env) }));
  if (onHost !== null && onHost.errors.length === 0) io.stdout.write(onHostText(onHost));
}

function onHostText({ tier, clauses, starts, isNegotiable }: OnHost): string {
  if (clauses.length === 0) return "the policy has no rules\n";
  if (tier === undefined || tier === null) {
    const why =
      tier === null
        ? "no tier works on this host, so `actplane run` starts nothing; elsewhere it would be:"
        : "which tier this host has is not known: trying needs root (`sudo actplane doctor`), which is then remembered";
    return `${why}\n${renderTierVerdicts(clauses)}`;
  }
  const unless = isNegotiable
    ? "unless --degraded accepts the weaker verdicts"
    : "because `require: block` accepts nothing less";
  const end = starts ? "" : `\`actplane run\` starts nothing under this policy here, ${unless}\n`;
  return `${tier} tier\n${renderVerdicts(verdictsIn(tier, clauses))}${end}`;
}

function onHostJson({ tier, clauses, starts }: OnHost) {
  return {
    host: { known: tier !== undefined, tier: tier ?? null, starts },
    clauses: clauses.map((compiled) => ({
      ...clauseJson(compiled),
      verdict: tier ? verdictOf(compiled, tier) : null,
      tiers: tierVerdictsJson(compiled),
    })),
  };
}
