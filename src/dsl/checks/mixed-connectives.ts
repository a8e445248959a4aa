// `A or B and C` without parentheses: ActPlane reads it from left to right, this language as
// mathematics does. Parentheses make it mean the same everywhere.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Expr } from "../ast.ts";
import { printExpr } from "../print.ts";
import type { CheckContext } from "./context.ts";

export function checkMixedConnectives({ policy, source }: CheckContext): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const { clauses } of policy.rules) {
    for (const { condition } of clauses) {
      const mixed = condition === null ? null : firstMixed(condition);
      if (condition === null || mixed === null) continue;
      diagnostics.push({
        severity: "hint",
        code: "C023",
        message: "`and` binds tighter than `or` here; ActPlane reads them from left to right",
        source,
        span: mixed.span,
        help: `write \`if ${printExpr(condition)}\``,
      });
    }
  }
  return diagnostics;
}

/** An `or` with an `and` beside it that has no parentheses. */
function firstMixed(expr: Expr): Expr | null {
  if (expr.kind === "not") return firstMixed(expr.operand);
  if (expr.kind !== "and" && expr.kind !== "or") return null;
  const bare = [expr.left, expr.right].some((side) => side.kind === "and" && !hasParentheses(side));
  if (expr.kind === "or" && bare) return expr;
  return firstMixed(expr.left) ?? firstMixed(expr.right);
}

/** The span of what stood in parentheses holds them. */
function hasParentheses(expr: Extract<Expr, { kind: "and" | "or" }>): boolean {
  return expr.span.start < expr.left.span.start;
}
