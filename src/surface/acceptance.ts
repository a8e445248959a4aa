// Whether a policy may be started on a host that carries out some of its clauses weaker than written.

import type { PolicyDocument } from "../dsl/document.ts";
import { isAcceptable } from "../kernel/verdicts.ts";
import type { ClauseVerdict } from "./text/verdicts.ts";

/** Those that are weaker than the policy may count on. */
export function weakOf(
  verdicts: readonly ClauseVerdict[],
  document: Pick<PolicyDocument, "require">,
): ClauseVerdict[] {
  const requireBlock = document.require === "block";
  return verdicts.filter(
    ({ compiled: { clause }, verdict }) => !isAcceptable(clause.effect, verdict, requireBlock),
  );
}

/** Whether a document accepts weaker verdicts by itself. `require` is stronger than `allow`. */
export function allowsDegraded({
  require,
  allow,
}: Pick<PolicyDocument, "require" | "allow">): boolean {
  return allow === "degraded" && require !== "block";
}
