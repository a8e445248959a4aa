// A kernel event as a JSON object, for --events files and streams: the names of feedback records,
// bytes as text, numbers as numbers.

import { operationBits } from "../../ir/abi.ts";
import { labelOf } from "../../ir/find.ts";
import type { Compiled } from "../../ir/ir.ts";
import type { KernelEvent, Tier } from "../../kernel/kernel.ts";
import { targetText, wordsOf } from "../../runtime/bytes.ts";
import type { Clock } from "../../runtime/clock.ts";
import { objectReference } from "../../runtime/objects.ts";

export interface EventContext {
  /** Null: the policy is gone, and labels are told by their numbers. */
  readonly compiled: Compiled | null;
  readonly clock: Clock;
  readonly tier: Tier;
}

export function eventJson(event: KernelEvent, { compiled, clock, tier }: EventContext) {
  return {
    schema_version: 1,
    type: event.type,
    time: clock.iso(event.timeNs),
    tier,
    pid: event.tgid,
    tid: event.tid,
    parent: event.parent,
    uid: event.uid,
    ops: Object.entries(operationBits).flatMap(([name, bit]) => (event.ops & bit ? [name] : [])),
    target: event.first.length === 0 ? null : targetText(event),
    argv: event.words > 0 ? wordsOf(event.second, event.words) : null,
    labels: event.labels.flatMap((bit) =>
      compiled === null ? `${bit}` : (labelOf(compiled, bit)?.name ?? []),
    ),
    gates: event.gates,
    effect: event.effect,
    outcome: event.type === "match" ? event.outcome : null,
    clauses: event.clauses,
    builtin: event.builtin,
    steered: event.steered,
    object: event.object && objectReference(event.object),
    channels: event.channels.map(objectReference),
    script: event.script > 0 ? (wordsOf(event.second, event.words)[event.script] ?? null) : null,
    status: event.type === "exit" ? event.status : null,
    strict: event.strictPath ? "path" : event.strictArgs ? "arguments" : null,
  };
}
