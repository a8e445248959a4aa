// Gates that can never open: the policy itself refuses, for everybody, the event that they wait for.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Clause, Condition, GateEvent } from "../ast.ts";
import { coversOperation } from "../cover.ts";
import { isAlwaysTrue } from "../logic.ts";
import { printCondition } from "../print.ts";
import type { CheckContext } from "./context.ts";

/** Pairs looked at; a policy with more gates than this allows gets no further advice of this kind. */
const pairsMax = 20_000;

export function checkGates({ policy, inherited, source }: CheckContext): Diagnostic[] {
  const all = [...policy.rules, ...inherited.rules];
  let pairs = 0;
  const refusals = all.flatMap((rule) =>
    rule.clauses.filter(refusesEverybody).map((clause) => ({ rule, clause })),
  );
  const diagnostics: Diagnostic[] = [];
  for (const rule of policy.rules) {
    for (const clause of rule.clauses) {
      for (const condition of clause.unless) {
        const event = awaitedEvent(condition);
        pairs += refusals.length;
        if (event === null || pairs > pairsMax) continue;
        const refusal = refusals.find((other) => keepsShut(other.clause, condition, event));
        if (refusal === undefined) continue;
        const { span } = refusal.clause;
        const own = policy.rules.includes(refusal.rule);
        diagnostics.push({
          severity: "warning",
          code: "C040",
          message:
            refusal.clause === clause
              ? "this gate never opens: the clause refuses the event that would open it"
              : `this gate never opens: the rule \`${refusal.rule.name.text}\` refuses the event that would open it`,
          source,
          span: condition.span,
          help: "wait for an event that the policy lets happen",
          ...(own && refusal.clause !== clause
            ? { related: [{ source, span, message: "refused here" }] }
            : {}),
        });
      }
    }
  }
  return diagnostics;
}

/** A refusal that a label decides leaves the event to processes without the label: people, for one. */
function refusesEverybody({ effect, condition }: Clause): boolean {
  return effect !== "notify" && isAlwaysTrue(condition);
}

/** The refusal has no exception, or only this gate, which is shut until the event. */
function keepsShut(refusal: Clause, gate: Condition, event: GateEvent): boolean {
  return (
    coversOperation(refusal.operation, event) &&
    refusal.unless.every((condition) => printCondition(condition) === printCondition(gate))
  );
}

function awaitedEvent(condition: Condition): GateEvent | null {
  if (condition.kind === "after") return condition.event;
  if (condition.kind !== "lineage-includes") return null;
  return { kind: "exec", span: condition.span, exec: condition.exec };
}
