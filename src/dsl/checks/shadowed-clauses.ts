// Clauses whose effect never decides, because a stronger clause matches whenever they do.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Clause, Effect, Rule } from "../ast.ts";
import type { CheckContext } from "../check.ts";
import { coversExceptions, coversKind, coversOperation } from "../cover.ts";
import { implies } from "../logic.ts";

const strength: Record<Effect, number> = { notify: 0, block: 1, kill: 2 };

/** Pairs looked at; a policy with more clauses than this allows gets no further advice of this kind. */
const pairsMax = 50_000;

interface Placed {
  readonly rule: Rule;
  readonly clause: Clause;
}

export function checkShadowedClauses({ policy, inherited, source }: CheckContext): Diagnostic[] {
  const own = policy.rules.flatMap((rule) => rule.clauses.map((clause): Placed => ({ rule, clause })));
  const others = inherited.rules.flatMap((rule) => rule.clauses.map((clause): Placed => ({ rule, clause })));
  const candidates = [...own, ...others].filter(({ clause }) => clause.effect !== "notify");
  const diagnostics: Diagnostic[] = [];
  let pairs = 0;
  for (const weak of own) {
    const shadow = candidates.find((strong) => {
      pairs += 1;
      return pairs <= pairsMax && shadows(strong.clause, weak.clause);
    });
    if (shadow !== undefined) diagnostics.push(describe(weak, shadow, source, own.includes(shadow)));
  }
  return diagnostics;
}

/** Cheap questions first: nearly every pair ends at one of the first two. */
function shadows(strong: Clause, weak: Clause): boolean {
  return (
    strength[strong.effect] > strength[weak.effect] &&
    coversKind(strong.operation.kind, weak.operation.kind) &&
    coversExceptions(strong.unless, weak.unless) &&
    implies(weak.condition, strong.condition) &&
    coversOperation(strong.operation, weak.operation)
  );
}

function describe(weak: Placed, strong: Placed, source: CheckContext["source"], isOwn: boolean): Diagnostic {
  const { effect } = strong.clause;
  const place = strong.rule === weak.rule ? "this rule" : `the rule \`${strong.rule.name.text}\``;
  return {
    severity: "warning",
    code: "C030",
    message: `this \`${weak.clause.effect}\` never decides: a \`${effect}\` of ${place} matches whenever it does`,
    source,
    span: weak.clause.span,
    help: "drop this clause, or make the stronger one narrower",
    ...(isOwn ? { related: [{ source, span: strong.clause.span, message: "the stronger clause" }] } : {}),
  };
}
