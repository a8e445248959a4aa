// Sets: defined once, and used.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Definition, Policy } from "../ast.ts";
import { duplicate } from "../merge.ts";
import { execPatternsOf, targetsOf } from "../walk.ts";
import type { CheckContext } from "./context.ts";

export function checkDefinitions({ written, source, inherited }: CheckContext): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const firsts = new Map<string, Definition>();
  for (const definition of written.definitions) {
    const { name } = definition;
    const first = firsts.get(name.text);
    if (first === undefined) firsts.set(name.text, definition);
    else diagnostics.push(duplicate("C003", "set", name, first.name, source));
  }
  const used = usedSets(written);
  for (const { name } of firsts.values()) {
    if (inherited.definitions.some((other) => other.name.text === name.text)) {
      diagnostics.push({
        severity: "error",
        code: "C003",
        message: `the set \`${name.text}\` is already defined by the policy this one adds to`,
        source,
        span: name.span,
        help: "give it another name",
      });
    } else if (!used.has(name.text)) {
      diagnostics.push({
        severity: "hint",
        code: "C004",
        message: `the set \`${name.text}\` is not used`,
        source,
        span: name.span,
        help: `write \`@${name.text}\` where a pattern may stand, or delete the definition`,
      });
    }
  }
  return diagnostics;
}

function usedSets(policy: Policy): Set<string> {
  const used = new Set<string>();
  for (const { program } of execPatternsOf(policy)) {
    if (program?.set !== undefined) used.add(program.set.text);
  }
  for (const { set } of targetsOf(policy)) if (set !== null) used.add(set.text);
  for (const { origin } of policy.sources) {
    const pattern =
      origin.kind === "file" ? origin.pattern : origin.kind === "endpoint" ? origin.endpoint : null;
    if (pattern?.set !== undefined) used.add(pattern.set.text);
  }
  return used;
}
