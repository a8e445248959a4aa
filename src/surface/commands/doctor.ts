// `actplane doctor`: what this host can enforce, found by trying, and what would make it more.

import { type OperationName, operationBits } from "../../ir/abi.ts";
import { hostFacts } from "../../kernel/host-facts.ts";
import { type Tier, tiers } from "../../kernel/kernel.ts";
import type { Probe } from "../../kernel/probe.ts";
import { type Remedy, remedyOf } from "../../kernel/remedy.ts";
import { type Verdict, verdictOf, verdictOfOperation } from "../../kernel/verdicts.ts";
import { compilePolicy } from "../compiled-policy.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { findPolicyFile } from "../policy-file.ts";
import { type ClauseVerdict, renderVerdicts } from "../text/verdicts.ts";

export interface DoctorArguments {
  readonly json?: boolean;
}

/** `full`: a tier that refuses works; `degraded`: only the tracepoint tier; `none`. */
const exits = { full: 0, degraded: 1, none: 2 } as const;

interface TierReport {
  readonly tier: Tier;
  readonly probe: Probe;
  /** Null where it works. */
  readonly remedy: Remedy | null;
}

export async function doctor(io: Io, host: Host, given: DoctorArguments): Promise<number> {
  const facts = hostFacts();
  if (!facts.isRoot) {
    io.stderr.write(
      "actplane: doctor tries programs in the kernel, which needs root: `sudo actplane doctor`\n",
    );
    return exits.none;
  }
  const reports: TierReport[] = [];
  for (const tier of tiers) {
    const probe = await host.probeTier(tier);
    reports.push({ tier, probe, remedy: probe.works ? null : remedyOf(tier, probe, facts) });
  }
  const used = reports.find(({ probe }) => probe.works)?.tier ?? null;
  const state = used === null ? "none" : used === "tracepoint" ? "degraded" : "full";
  const policy = used === null ? [] : await policyVerdicts(io, used);
  if (given.json === true) {
    const { config, ...told } = facts;
    const operations = used === null ? null : operationVerdicts(used);
    const rules = policy.map(({ compiled, verdict }) => ({
      rule: compiled.rule.name.text,
      clause: compiled.id,
      ...verdict,
    }));
    io.stdout.write(
      `${JSON.stringify({ schema_version: 1, state, tier: used, host: told, tiers: reports, operations, rules }, null, 2)}\n`,
    );
    return exits[state];
  }
  io.stdout.write(
    `kernel ${facts.release}, ${facts.architecture}\n\n${reports.map(tierText).join("")}\n`,
  );
  io.stdout.write(`${stateText(used)}\n`);
  if (used !== null) io.stdout.write(`\n${operationsText(used)}`);
  if (policy.length > 0)
    io.stdout.write(`\nthe policy of this folder on this host:\n${renderVerdicts(policy)}`);
  return exits[state];
}

function tierText({ tier, probe, remedy }: TierReport): string {
  const line = `  ${tier.padEnd(13)}  ${probe.works ? "works" : (remedy?.why ?? probe.answer)}\n`;
  if (remedy === null || remedy.change === null) return line;
  return `${line}  ${"".padEnd(13)}    to enable it: ${remedy.change}\n`;
}

function stateText(used: Tier | null): string {
  switch (used) {
    case null:
      return "nothing can be enforced here: `actplane run` will not start a command";
    case "tracepoint":
      return "`actplane run` uses the tracepoint tier: degraded, it refuses addresses and kills in time for some operations only";
    default:
      return `\`actplane run\` uses the ${used} tier: everything it covers is refused before it happens`;
  }
}

function operationVerdicts(
  tier: Tier,
): { operation: OperationName; block: Verdict; kill: Verdict }[] {
  return (Object.keys(operationBits) as OperationName[]).map((operation) => ({
    operation,
    block: verdictOfOperation("block", operation, tier),
    kill: verdictOfOperation("kill", operation, tier),
  }));
}

function operationsText(tier: Tier): string {
  const rows = operationVerdicts(tier).map(
    ({ operation, block, kill }) =>
      `  ${operation.padEnd(10)} ${block.kind.padEnd(22)} ${kill.kind}\n`,
  );
  return `  ${"operation".padEnd(10)} ${"block".padEnd(22)} kill\n${rows.join("")}`;
}

/** Of the nearest policy, if there is one without errors. */
async function policyVerdicts(io: Io, tier: Tier): Promise<ClauseVerdict[]> {
  if (findPolicyFile(io.cwd) === null) return [];
  const { compiled } = await compilePolicy(io, {});
  return (compiled?.clauses ?? []).map((clause) => ({
    compiled: clause,
    verdict: verdictOf(clause, tier),
  }));
}
