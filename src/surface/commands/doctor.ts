// `actplane doctor`: what this host can enforce, found by trying, and what would make it more.

import { hostFacts } from "../../kernel/host-facts.ts";
import { type Tier, tiers } from "../../kernel/kernel.ts";
import { remedyOf } from "../../kernel/remedy.ts";
import { compilePolicy } from "../compiled-policy.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { findPolicyFile, PolicyFileError } from "../policy-file.ts";
import {
  type DoctorReport,
  doctorJson,
  renderDoctor,
  stateOf,
  type TierReport,
  usedTier,
} from "../text/doctor.ts";
import { verdictsIn } from "../text/verdicts.ts";

export interface DoctorArguments {
  readonly json?: boolean;
}

const exits = { full: 0, degraded: 1, none: 2 } as const;

export async function doctor(io: Io, host: Host, given: DoctorArguments): Promise<number> {
  const facts = hostFacts();
  if (!facts.isRoot) {
    const text = "doctor tries programs in the kernel, which needs root: `sudo actplane doctor`";
    if (given.json === true) writeJson(io, { schema_version: 1, state: "unknown", error: text });
    else io.stderr.write(`actplane: ${text}\n`);
    return exits.none;
  }
  const reports: TierReport[] = [];
  for (const tier of tiers) {
    const probe = await host.probeTier(tier);
    reports.push({ tier, probe, remedy: probe.works ? null : remedyOf(tier, probe, facts) });
  }
  const found = { facts, tiers: reports, policy: null };
  const report: DoctorReport = { ...found, policy: await policyOf(io, usedTier(found)) };
  if (given.json === true) writeJson(io, doctorJson(report));
  else io.stdout.write(renderDoctor(report));
  return exits[stateOf(report)];
}

function writeJson(io: Io, value: object): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Of the nearest policy: its verdicts, or why there are none. */
async function policyOf(io: Io, tier: Tier | null): Promise<DoctorReport["policy"]> {
  if (tier === null || findPolicyFile(io.cwd) === null) return null;
  try {
    const { compiled } = await compilePolicy(io, {});
    if (compiled === null) return "it has errors, `actplane check` shows them";
    return compiled.clauses.length === 0 ? "it has no rules" : verdictsIn(tier, compiled.clauses);
  } catch (error) {
    if (error instanceof PolicyFileError) return error.message;
    throw error;
  }
}
