// Walks over a policy, for those who want every node of a kind wherever it stands.

import type { Clause, EndpointTarget, ExecPattern, GateEvent, Policy, Target } from "./ast.ts";

/** Every program pattern: of sources, transforms, operations, exceptions and events. */
export function* execPatternsOf(policy: Policy): Generator<ExecPattern> {
  for (const { origin } of policy.sources) if (origin.kind === "exec") yield origin.exec;
  for (const { gate } of policy.transforms) yield gate;
  for (const { clauses } of policy.rules) {
    for (const clause of clauses) {
      if ("exec" in clause.operation) yield clause.operation.exec;
      for (const condition of clause.unless) {
        if (condition.kind === "lineage-includes") yield condition.exec;
      }
      for (const event of eventsOf(clause)) if (event.kind === "exec") yield event.exec;
    }
  }
}

/** Every target of rules: of operations, exceptions and events. */
export function* targetsOf(policy: Policy): Generator<Target | EndpointTarget> {
  for (const { clauses } of policy.rules) {
    for (const clause of clauses) {
      if ("target" in clause.operation) yield clause.operation.target;
      for (const condition of clause.unless) {
        if (condition.kind === "target") yield condition.target;
      }
      for (const event of eventsOf(clause)) if (event.kind !== "exec") yield event.target;
    }
  }
}

/** The events that a clause's gates wait for or are made stale by. */
export function* eventsOf(clause: Clause): Generator<GateEvent> {
  for (const condition of clause.unless) {
    if (condition.kind !== "after") continue;
    yield condition.event;
    yield* condition.since;
  }
}
