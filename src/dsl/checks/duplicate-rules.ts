// Two rules of one name: records and approvals name a rule, so the name must say which.

import type { Diagnostic } from "../../base/diagnostic.ts";
import { duplicate } from "../merge.ts";
import type { CheckContext } from "./context.ts";

export function checkDuplicateRules({ written, source }: CheckContext): Diagnostic[] {
  const firsts = new Map<string, (typeof written.rules)[0]>();
  const diagnostics: Diagnostic[] = [];
  for (const rule of written.rules) {
    if (rule.name.text === "") continue;
    const first = firsts.get(rule.name.text);
    if (first === undefined) firsts.set(rule.name.text, rule);
    else diagnostics.push(duplicate("C001", "rule", rule.name, first.name, source));
  }
  return diagnostics;
}
