// Patterns that match nothing in the workspace: mostly a folder that was misspelt or has moved. The
// caller walks the workspace and gives the names; which patterns can be judged is decided here.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Source } from "../../base/source.ts";
import { type Clause, fileOperations, type Pattern, type Policy } from "../ast.ts";
import { belowWorkspace } from "../glob.ts";
import { globMatcher } from "../glob-language.ts";
import { isOneOf } from "../vocabulary.ts";
import { eventsOf } from "../walk.ts";

/**
 * The relative patterns of `policy` that match none of `paths`, which are relative to the workspace, without `/` in
 * front. Floating and absolute patterns are about more than the workspace and are not judged; neither are exceptions
 * and what is created, which are about files that are not there yet.
 */
export function unmatchedPatterns(
  policy: Policy,
  paths: readonly string[],
  source: Source,
): Diagnostic[] {
  const waiting = new Map<Pattern, (bytes: Uint8Array) => boolean>();
  for (const pattern of judged(policy))
    waiting.set(pattern, globMatcher(belowWorkspace(pattern.glob)));
  const encoder = new TextEncoder();
  for (const path of paths) {
    if (waiting.size === 0) break;
    const bytes = encoder.encode(path);
    for (const [pattern, matches] of waiting) if (matches(bytes)) waiting.delete(pattern);
  }
  const told = new Set<number>();
  return [...waiting.keys()].flatMap(({ text, span }): Diagnostic[] => {
    if (told.has(span.start)) return [];
    told.add(span.start);
    return [
      {
        severity: "hint",
        code: "C051",
        message: `\`${text}\` matches nothing in the workspace`,
        source,
        span,
        help: "a relative pattern starts at the workspace; write `**/` in front to match in any folder",
      },
    ];
  });
}

/** Relative patterns of file sources, file operations and gate events. */
function judged(policy: Policy): Pattern[] {
  const sources = policy.sources.flatMap(({ origin }) =>
    origin.kind === "file" ? [origin.pattern] : [],
  );
  const clauses = policy.rules.flatMap((rule) => rule.clauses);
  const targets = clauses.flatMap(targetPatterns);
  return [...sources, ...targets].filter(isRelative);
}

function targetPatterns(clause: Clause): readonly Pattern[] {
  const { operation } = clause;
  const own =
    isOneOf(fileOperations, operation.kind) && operation.kind !== "create" && "target" in operation
      ? ((operation.target.patterns ?? []) as readonly Pattern[])
      : [];
  const events = [...eventsOf(clause)].flatMap((event) =>
    event.kind === "exec" || event.kind === "create" ? [] : (event.target.patterns ?? []),
  );
  return [...own, ...events];
}

function isRelative({ text, glob }: Pattern): boolean {
  const [first] = glob;
  if (first === undefined || first.kind === "globstar" || first.kind === "alternatives")
    return false;
  // `stdio:` names are ActPlane's for the standard streams.
  return !text.startsWith("/") && !text.startsWith("~") && !text.startsWith("stdio:");
}
