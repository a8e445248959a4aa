// A document without a rule refuses nothing: an empty file, or one that only says who has which label. Asked of whole
// documents: a text that adds labels to the rules of others is no fault.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Source } from "../../base/source.ts";
import type { Policy } from "../ast.ts";

export function checkHasRules(policies: readonly Policy[], source: Source): Diagnostic[] {
  if (policies.some(({ rules }) => rules.length > 0)) return [];
  return [
    {
      severity: "warning",
      code: "C062",
      message: "the policy has no rules, so nothing is refused",
      source,
      span: { start: 0, end: 0 },
      help: "write a rule: `rule NAME:` and its clauses",
    },
  ];
}
