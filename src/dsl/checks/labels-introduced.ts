// Labels that a condition asks for and nothing introduces: mostly a typing mistake.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Policy } from "../ast.ts";
import { isSatisfiable } from "../logic.ts";
import { labelUses } from "../merge.ts";
import { didYouMean } from "../vocabulary.ts";
import type { CheckContext } from "./context.ts";

export function checkLabelsIntroduced({ policy, source, inherited }: CheckContext): Diagnostic[] {
  const introduced = new Set([...introducedLabels(inherited), ...introducedLabels(policy)]);
  const diagnostics: Diagnostic[] = [];
  const told = new Set<string>();
  for (const { clauses } of policy.rules) {
    for (const { condition } of clauses) {
      if (condition === null) continue;
      for (const use of labelUses(condition)) {
        if (introduced.has(use.label) || told.has(use.label)) continue;
        told.add(use.label);
        const deadly = !isSatisfiable(condition, (label) => (label === use.label ? false : null));
        const end = deadly ? ", so this clause never matches" : "";
        diagnostics.push({
          severity: "warning",
          code: "C010",
          message: `the label \`${use.label}\` is never introduced${end}`,
          source,
          span: use.span,
          help:
            didYouMean(use.label, introduced) ??
            `introduce it: \`source ${use.label} = file "..."\``,
        });
      }
    }
  }
  for (const { kind, label } of policy.transforms) {
    if (kind === "endorse" || introduced.has(label.text) || told.has(label.text)) continue;
    told.add(label.text);
    diagnostics.push({
      severity: "warning",
      code: "C010",
      message: `the label \`${label.text}\` is never introduced, so there is nothing to declassify`,
      source,
      span: label.span,
      help:
        didYouMean(label.text, introduced) ?? `introduce it: \`source ${label.text} = file "..."\``,
    });
  }
  return diagnostics;
}

/** By a source, or by an endorsement. */
export function introducedLabels(policy: Policy): string[] {
  return [
    ...policy.sources.map(({ label }) => label.text),
    ...policy.transforms.filter(({ kind }) => kind === "endorse").map(({ label }) => label.text),
  ];
}
