// What a refusal says of a gate that it waits for: when the run was, how it ended, what made it stale and
// who did that.

import type { Condition } from "../dsl/ast.ts";
import { printEvent } from "../dsl/print.ts";
import type { Compiled } from "../ir/ir.ts";
import type { KernelEvent } from "../kernel/kernel.ts";
import type { Clock } from "./clock.ts";
import type { Doer, GateHistory, Gates, StaleHow } from "./gates.ts";
import type { Step } from "./processes.ts";

export interface GateReference {
  /** What the gate waits for: `exec "npm" "test" exits 0`. */
  readonly event: string;
  readonly state: "never-ran" | "steered" | "running" | "failed" | "stale" | "expired";
  /** Start of the run that counts; of the last one where none did. */
  readonly ran_at: string | null;
  /** Who ran it. */
  readonly ran_by: Step | null;
  /** Of a run that failed, as a shell shows it: 128 + n for a signal. */
  readonly exit_status: number | null;
  /** Null where it is stale because of what happened while it ran. */
  readonly stale_since: string | null;
  /** What was done to what, and by whom; records of versions before do not say how. */
  readonly stale_by: (Step & { readonly what: string; readonly how?: StaleHow }) | null;
}

export interface GateContext {
  readonly compiled: Compiled;
  readonly gates: Gates;
  readonly clock: Clock;
}

/** Of an `after`; of any other condition none. */
export function gateReference(
  condition: Condition,
  event: KernelEvent,
  context: GateContext,
): GateReference[] {
  if (condition.kind !== "after") return [];
  const gate = context.compiled.gates.find((each) => sameGate(each, condition));
  if (gate === undefined) return [];
  const history = context.gates.history(gate.id);
  const { stale, failedStatus } = history;
  const ranBy = history.satisfiedNs === null ? history.startedBy : history.satisfiedBy;
  const iso = (timeNs: bigint | null) => (timeNs === null ? null : context.clock.iso(timeNs));
  return [
    {
      event: printEvent(gate.event) + (gate.exits === null ? "" : ` exits ${gate.exits}`),
      state: gateState(history, gate.withinMs, event.timeNs),
      ran_at: iso(history.steeredNs ?? history.satisfiedNs ?? history.startedNs),
      ran_by: ranBy && stepOf(ranBy),
      exit_status: failedStatus === null ? null : shellStatus(failedStatus),
      stale_since: iso(stale?.timeNs ?? null),
      stale_by: stale && { what: stale.what, how: stale.how, ...stepOf(stale) },
    },
  ];
}

function stepOf({ tgid, exe }: Doer): Step {
  return { pid: tgid, exe };
}

function gateState(
  history: GateHistory,
  withinMs: number | null,
  nowNs: bigint,
): GateReference["state"] {
  const { running, stale, satisfiedNs, failedStatus, steeredNs } = history;
  if (running) return "running";
  if (steeredNs !== null) return "steered";
  if (stale !== null) return "stale";
  if (satisfiedNs === null) return failedStatus === null ? "never-ran" : "failed";
  const isExpired = withinMs !== null && nowNs - satisfiedNs > BigInt(withinMs) * 1_000_000n;
  // A clause matched, so it is not open: what makes it stale happened while it ran.
  return isExpired ? "expired" : "stale";
}

/** A status of wait(2) as a shell's `$?`. */
function shellStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

function sameGate(
  gate: Compiled["gates"][number],
  condition: Extract<Condition, { kind: "after" }>,
): boolean {
  const text = (each: Pick<typeof condition, "event" | "exits" | "since" | "withinMs">) =>
    [printEvent(each.event), each.exits, ...each.since.map(printEvent), each.withinMs].join("\n");
  return text(gate) === text(condition);
}
