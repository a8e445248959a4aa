// Labels whose state is not carried out as written, and what that means for the rules that use them.
// An approval or an endorsement never gives its label; a declassification never takes it. Where that
// makes a rule refuse more, it is a note; where a rule would refuse less, the clause is unsupported.

import type { Policy } from "../dsl/ast.ts";
import { endpointGlobs } from "./endpoints.ts";

export interface LabelDoubt {
  /** The label may be missing where the policy would give it. */
  readonly missing: string | null;
  /** The label may stay where the policy would take it. */
  readonly staying: string | null;
}

export function labelDoubts(policy: Policy): Map<string, LabelDoubt> {
  const missing = new Map<string, string>();
  const staying = new Map<string, string>();
  for (const { label, origin } of policy.sources) {
    if (origin.kind === "approval")
      missing.set(label.text, "comes from an approval, and approvals are not carried out yet");
    if (origin.kind !== "endpoint") continue;
    const globs = endpointGlobs(origin.endpoint.endpoint);
    if ("unsupported" in globs)
      missing.set(label.text, `comes from an endpoint, and ${globs.unsupported}`);
  }
  for (const { kind, label } of policy.transforms) {
    if (kind === "endorse")
      missing.set(
        label.text,
        "is given by an endorsement, and endorsements are not carried out yet",
      );
    else staying.set(label.text, "is declassified, and declassifications are not carried out yet");
  }
  const names = new Set([...missing.keys(), ...staying.keys()]);
  return new Map(
    [...names].map((name) => [
      name,
      { missing: missing.get(name) ?? null, staying: staying.get(name) ?? null },
    ]),
  );
}
