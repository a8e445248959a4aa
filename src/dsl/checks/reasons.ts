// Refusals without a `because`: the agent that is refused is told nothing it could act on.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { CheckContext } from "./context.ts";

export function checkReasons({ policy, source }: CheckContext): Diagnostic[] {
  return policy.rules
    .filter(
      (rule) => rule.because === null && rule.clauses.some(({ effect }) => effect !== "notify"),
    )
    .map((rule) => ({
      severity: "hint",
      code: "C060",
      message: `the rule \`${rule.name.text}\` does not say why it refuses`,
      source,
      span: rule.name.span,
      help: 'add `because "..."`: the agent reads it and can do the right thing instead',
    }));
}
