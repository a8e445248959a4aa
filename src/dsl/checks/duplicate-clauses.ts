// The same clause twice in one rule.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Clause } from "../ast.ts";
import { printClause } from "../print.ts";
import type { CheckContext } from "./context.ts";

export function checkDuplicateClauses({ policy, source }: CheckContext): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const { clauses } of policy.rules) {
    const firsts = new Map<string, Clause>();
    for (const clause of clauses) {
      const text = printClause(clause);
      const first = firsts.get(text);
      if (first === undefined) {
        firsts.set(text, clause);
        continue;
      }
      diagnostics.push({
        severity: "warning",
        code: "C031",
        message: "the rule already has this clause",
        source,
        span: clause.span,
        help: "delete one of them",
        related: [{ source, span: first.span, message: "the same clause" }],
      });
    }
  }
  return diagnostics;
}
