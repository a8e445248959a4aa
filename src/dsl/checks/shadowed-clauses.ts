// Clauses whose effect never decides, because a stronger clause matches whenever they do.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Clause, Effect, Rule } from "../ast.ts";
import { coversExceptions, coversOperation, generalKinds } from "../cover.ts";
import { implies } from "../logic.ts";
import type { CheckContext } from "./context.ts";

const strength: Record<Effect, number> = { notify: 0, block: 1, kill: 2 };

/** Pairs looked at; a policy with more clauses than this allows gets no further advice of this kind. */
const pairsMax = 20_000;

interface Placed {
  readonly rule: Rule;
  readonly clause: Clause;
}

export function checkShadowedClauses({ policy, inherited, source }: CheckContext): Diagnostic[] {
  const own = policy.rules.flatMap(placed);
  const strong = [...own, ...inherited.rules.flatMap(placed)].filter(
    ({ clause }) => clause.effect !== "notify",
  );
  // Only clauses of the same operation are compared, and with them those of `write`, which stands for several.
  const byKind = Map.groupBy(strong, ({ clause }) => clause.operation.kind);
  const diagnostics: Diagnostic[] = [];
  let pairs = 0;
  for (const weak of own) {
    const { effect, operation } = weak.clause;
    if (effect === "kill") continue;
    const kinds = generalKinds(operation.kind);
    const candidates = kinds.flatMap((kind) => byKind.get(kind) ?? []);
    pairs += candidates.length;
    if (pairs > pairsMax) break;
    const shadow = candidates.find(({ clause }) => shadows(clause, weak.clause));
    if (shadow !== undefined)
      diagnostics.push(describe(weak, shadow, source, policy.rules.includes(shadow.rule)));
  }
  return diagnostics;
}

function placed(rule: Rule): Placed[] {
  return rule.clauses.map((clause) => ({ rule, clause }));
}

/** Cheap questions first. */
function shadows(strong: Clause, weak: Clause): boolean {
  return (
    strength[strong.effect] > strength[weak.effect] &&
    coversOperation(strong.operation, weak.operation) &&
    coversExceptions(strong.unless, weak.unless) &&
    implies(weak.condition, strong.condition)
  );
}

function describe(
  weak: Placed,
  strong: Placed,
  source: CheckContext["source"],
  isOwn: boolean,
): Diagnostic {
  const { effect } = strong.clause;
  const place = strong.rule === weak.rule ? "this rule" : `the rule \`${strong.rule.name.text}\``;
  return {
    severity: "warning",
    code: "C030",
    message: `this \`${weak.clause.effect}\` never decides: a \`${effect}\` of ${place} matches whenever it does`,
    source,
    span: weak.clause.span,
    help: "drop this clause, or make the stronger one narrower",
    ...(isOwn
      ? { related: [{ source, span: strong.clause.span, message: "the stronger clause" }] }
      : {}),
  };
}
