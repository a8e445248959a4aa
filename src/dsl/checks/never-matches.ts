// Clauses that no event can match: their labels contradict each other, or their exception takes away
// everything they are about.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Clause, Rule } from "../ast.ts";
import { coversTarget, disjointTargets, operationTarget } from "../cover.ts";
import { isAlwaysTrue, isSatisfiable } from "../logic.ts";
import { printExpr } from "../print.ts";
import type { CheckContext } from "./context.ts";

export function checkNeverMatches({ policy, source }: CheckContext): Diagnostic[] {
  return policy.rules.flatMap((rule) => {
    const dead = rule.clauses.flatMap((clause) => {
      const reason = neverMatches(clause);
      return reason === null ? [] : [{ clause, ...reason }];
    });
    const wholeRule = dead.length > 0 && dead.length === rule.clauses.length;
    const found = dead.map(({ span, message, help }, index): Diagnostic => {
      const first = wholeRule && index === 0;
      return {
        severity: "warning",
        code: first ? "C021" : "C020",
        message: first
          ? `the rule \`${rule.name.text}\` never matches: ${message}`
          : `this clause never matches: ${message}`,
        source,
        span,
        help,
      };
    });
    return [...found, ...needlessConditions(rule, source)];
  });
}

type Reason = Pick<Diagnostic, "span" | "message"> & { readonly help: string };

function neverMatches(clause: Clause): Reason | null {
  const { condition, unless, operation } = clause;
  if (condition !== null && !isSatisfiable(condition)) {
    return {
      span: condition.span,
      message: `\`${printExpr(condition)}\` is always false`,
      help: "drop one of the labels that contradict each other",
    };
  }
  const target = operationTarget(operation);
  for (const exception of unless) {
    if (exception.kind !== "target" || target === null) continue;
    const takesAll = exception.negated
      ? disjointTargets(exception.target, target)
      : coversTarget(exception.target, target);
    if (!takesAll) continue;
    return {
      span: exception.span,
      message: "the exception holds for everything that the clause is about",
      help: exception.negated
        ? "`target not P` excepts what does not match P: did you mean `target P`?"
        : "make the exception narrower than the clause",
    };
  }
  return null;
}

/** `if A or not A`. A plain `true` is the author's way to say "always". */
function needlessConditions(rule: Rule, source: CheckContext["source"]): Diagnostic[] {
  return rule.clauses.flatMap(({ condition }): Diagnostic[] => {
    if (condition === null || condition.kind === "true" || !isAlwaysTrue(condition)) return [];
    return [
      {
        severity: "hint",
        code: "C022",
        message: `\`${printExpr(condition)}\` is always true`,
        source,
        span: condition.span,
        help: "drop the `if`",
      },
    ];
  });
}
