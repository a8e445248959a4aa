// A kernel event as a JSON object, for --events files and streams: the names of feedback records,
// bytes as text, numbers as numbers.

import { operationBits } from "../../ir/abi.ts";
import type { Compiled } from "../../ir/ir.ts";
import type { KernelEvent } from "../../kernel/kernel.ts";
import { endpointText, pathText, wordsOf } from "../../runtime/bytes.ts";
import type { Clock } from "../../runtime/clock.ts";

const addressOps = operationBits.connect | operationBits.bind | operationBits.send;

export function eventJson(event: KernelEvent, compiled: Compiled, clock: Clock) {
  const target =
    event.first.length === 0
      ? null
      : event.ops & addressOps
        ? endpointText(event.first)
        : pathText(event.first);
  return {
    schema_version: 1,
    type: event.type,
    time: clock.iso(event.timeNs),
    pid: event.tgid,
    tid: event.tid,
    parent: event.parent,
    uid: event.uid,
    ops: Object.entries(operationBits).flatMap(([name, bit]) => (event.ops & bit ? [name] : [])),
    target,
    argv: event.words > 0 ? wordsOf(event.second, event.words) : null,
    labels: event.labels.flatMap((bit) => compiled.labels[bit]?.name ?? []),
    gates: event.gates,
    effect: event.effect,
    outcome: event.type === "match" ? event.outcome : null,
    clauses: event.clauses,
    status: event.type === "exit" ? event.status : null,
    strict: event.strictPath ? "path" : event.strictArgs ? "arguments" : null,
  };
}
