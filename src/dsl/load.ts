// A policy text, whole: parsed, its sets in place, checked. Documents are read by document.ts.

import { hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy } from "./ast.ts";
import { checkPolicy } from "./check.ts";
import { parsePolicy } from "./parser.ts";
import { expandSets } from "./sets.ts";

/** Ready to compile where no diagnostic is an error. `inherited` is what the text adds to. */
export function loadPolicy(source: Source, inherited?: Policy): Outcome<Policy> {
  const parsed = parsePolicy(source);
  const expanded = expandSets(parsed.value, source, inherited?.definitions);
  // Advice about a broken tree would be about what the author did not write.
  const broken = hasErrors(parsed.diagnostics) || hasErrors(expanded.diagnostics);
  const checked = checkPolicy(parsed.value, source, {
    errorsOnly: broken,
    ...(inherited === undefined ? {} : { inherited }),
  });
  return {
    value: expanded.value,
    diagnostics: [...parsed.diagnostics, ...expanded.diagnostics, ...checked],
  };
}
