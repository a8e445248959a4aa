// Labels that are introduced and no condition asks for.

import type { Diagnostic } from "../../base/diagnostic.ts";
import { labelUses } from "../merge.ts";
import type { CheckContext } from "./context.ts";

export function checkLabelsUsed({ policy, source, inherited }: CheckContext): Diagnostic[] {
  const used = new Set<string>();
  for (const { rules } of [inherited, policy]) {
    for (const { clauses } of rules) {
      for (const { condition } of clauses) {
        if (condition !== null) for (const { label } of labelUses(condition)) used.add(label);
      }
    }
  }
  const diagnostics: Diagnostic[] = [];
  const told = new Set<string>();
  const endorsed = policy.transforms.filter(({ kind }) => kind === "endorse");
  for (const { label } of [...policy.sources, ...endorsed]) {
    if (used.has(label.text) || told.has(label.text)) continue;
    told.add(label.text);
    diagnostics.push({
      severity: "hint",
      code: "C011",
      message: `no rule asks for the label \`${label.text}\``,
      source,
      span: label.span,
      help: `use it in a condition: \`if ${label.text}\``,
    });
  }
  return diagnostics;
}
