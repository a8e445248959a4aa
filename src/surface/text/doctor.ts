// What this host can enforce, for people and as JSON.

import { type OperationName, operationBits } from "../../ir/abi.ts";
import type { HostFacts } from "../../kernel/host-facts.ts";
import type { Tier } from "../../kernel/kernel.ts";
import { interruptsPrograms } from "../../kernel/preemption.ts";
import type { Probe } from "../../kernel/probe.ts";
import type { Remedy } from "../../kernel/remedy.ts";
import { type Verdict, verdictOfOperation } from "../../kernel/verdicts.ts";
import { type ClauseVerdict, renderVerdictsBriefly, verdictJson } from "./verdicts.ts";

export interface TierReport {
  readonly tier: Tier;
  readonly probe: Probe;
  /** Null where it works. */
  readonly remedy: Remedy | null;
}

export interface DoctorReport {
  readonly facts: HostFacts;
  readonly tiers: readonly TierReport[];
  /** Of the nearest policy; null: there is none. */
  readonly policy: readonly ClauseVerdict[] | string | null;
}

/** The tier that `run` would use. */
export function usedTier({ tiers }: DoctorReport): Tier | null {
  return tiers.find(({ probe }) => probe.works)?.tier ?? null;
}

/** `full`: a tier that refuses works; `degraded`: only the tracepoint tier; `none`. */
export function stateOf(report: DoctorReport): "full" | "degraded" | "none" {
  const used = usedTier(report);
  return used === null ? "none" : used === "tracepoint" ? "degraded" : "full";
}

export function renderDoctor(report: DoctorReport): string {
  const { facts, tiers, policy } = report;
  const used = usedTier(report);
  const isAll = used !== "tracepoint" || tiers.some(({ remedy }) => remedy?.change);
  const unchangeable = isAll ? "" : "no change to this machine is known that would make it more\n";
  const sections = [
    `kernel ${facts.release}, ${facts.architecture}\n`,
    tiers.map(tierText).join(""),
    `${stateText(used)}\n${preemptionText(used, facts)}${unchangeable}${used === null ? "" : `\n${operationsText(used)}`}`,
    ...(policy === null ? [] : [policyText(policy)]),
  ];
  return sections.join("\n");
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

/** Only where it matters. */
function preemptionText(used: Tier | null, { preemption }: HostFacts): string {
  if (used !== "modify-return" || !interruptsPrograms(preemption)) return "";
  const how = preemption === null ? "may preempt" : `preempts (${preemption})`;
  return `this kernel ${how}, and then skips programs on hooks: a kprobe, which it does not skip, judges, and any of four programs refuses\n`;
}

function policyText(policy: readonly ClauseVerdict[] | string): string {
  return typeof policy === "string"
    ? `the policy of this folder: ${policy}\n`
    : `the policy of this folder on this host:\n${renderVerdictsBriefly(policy)}`;
}

interface OperationVerdict {
  readonly operation: OperationName;
  readonly block: Verdict;
  readonly kill: Verdict;
}

function operationVerdicts(tier: Tier): OperationVerdict[] {
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

export function doctorJson(report: DoctorReport) {
  const { config: _, ...host } = report.facts;
  const { policy } = report;
  const used = usedTier(report);
  return {
    schema_version: 1,
    state: stateOf(report),
    tier: used,
    host,
    tiers: report.tiers,
    operations: used === null ? null : operationVerdicts(used),
    rules: policy === null || typeof policy === "string" ? [] : policy.map(verdictJson),
  };
}
