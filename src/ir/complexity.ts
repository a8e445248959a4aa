// Patterns whose braces would take the compiler longer than anyone waits. `{a,}{a,}{a,}...` is as many
// beginnings as it has groups, and each goes on differently; real patterns have one group or two.

import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { EndpointPattern, Pattern, Policy } from "../dsl/ast.ts";
import type { Glob } from "../dsl/glob.ts";
import { execPatternsOf, targetsOf } from "../dsl/walk.ts";

const bracesMax = 32;

/** A diagnostic for each pattern that is refused. */
export function complexPatterns(policy: Policy, source: Source): Diagnostic[] {
  return [...patternsOf(policy)]
    .filter(({ glob }) => bracesInSequence(glob) > bracesMax)
    .map(({ span }) => ({
      severity: "error",
      code: "X009",
      message: `the pattern has more than ${bracesMax} groups of braces`,
      source,
      span,
      help: "write it as several patterns",
    }));
}

function* patternsOf(policy: Policy): Generator<Pattern> {
  for (const { origin } of policy.sources) if (origin.kind === "file") yield origin.pattern;
  for (const { program, args } of execPatternsOf(policy)) {
    if (program !== null) yield program;
    yield* args;
  }
  for (const { patterns } of targetsOf(policy)) {
    for (const pattern of patterns ?? []) if (isGlob(pattern)) yield pattern;
  }
}

function isGlob(pattern: Pattern | EndpointPattern): pattern is Pattern {
  return "glob" in pattern;
}

/** The most groups that one way through the pattern crosses. */
function bracesInSequence(glob: Glob): number {
  return glob.reduce((sum, part) => {
    if (part.kind !== "alternatives") return sum;
    return sum + 1 + Math.max(0, ...part.branches.map(bracesInSequence));
  }, 0);
}
