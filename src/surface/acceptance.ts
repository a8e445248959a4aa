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

/** Whether weaker verdicts are accepted: by `--degraded` or by the document, and never against `require: block`. */
export function allowsDegraded(
  { require, allow }: Pick<PolicyDocument, "require" | "allow">,
  isDegraded: boolean,
): boolean {
  return require !== "block" && (isDegraded || allow === "degraded");
}
