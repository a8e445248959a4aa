// Labels that may be missing where the policy would give them, and why. Where a rule is about such a label it
// would refuse less than written: the clause is then unsupported. Where the label is negated, more is refused.

import type { Policy } from "../dsl/ast.ts";
import { endpointGlobs } from "./endpoints.ts";

export function labelDoubts(policy: Policy): Map<string, string> {
  const missing = new Map<string, string>();
  for (const { label, origin } of policy.sources) {
    if (origin.kind !== "endpoint") continue;
    const globs = endpointGlobs(origin.endpoint.endpoint);
    if ("unsupported" in globs)
      missing.set(label.text, `comes from an endpoint, and ${globs.unsupported}`);
  }
  return missing;
}
