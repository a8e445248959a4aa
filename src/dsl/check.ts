// The checks of a parsed policy. Each is one function in a file of its own under checks/; this file
// only says which there are and in which order their findings are told.

import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy } from "./ast.ts";
import type { Check, CheckContext } from "./checks/context.ts";
import { checkDefinitions } from "./checks/definitions.ts";
import { checkDuplicateClauses } from "./checks/duplicate-clauses.ts";
import { checkDuplicateRules } from "./checks/duplicate-rules.ts";
import { checkGates } from "./checks/gates.ts";
import { checkLabelsIntroduced } from "./checks/labels-introduced.ts";
import { checkLabelsUsed } from "./checks/labels-used.ts";
import { checkMixedConnectives } from "./checks/mixed-connectives.ts";
import { checkNeverMatches } from "./checks/never-matches.ts";
import { checkPrograms } from "./checks/programs.ts";
import { checkReasons } from "./checks/reasons.ts";
import { checkShadowedClauses } from "./checks/shadowed-clauses.ts";
import { checkTransforms } from "./checks/transforms.ts";
import { emptyPolicy } from "./merge.ts";
import { expandSets } from "./sets.ts";

export { labelsOf, mergePolicies } from "./merge.ts";
export { expandSets } from "./sets.ts";

export interface CheckOptions {
  readonly inherited?: Policy;
  /** Only what makes the policy wrong; advice is left out. */
  readonly errorsOnly?: boolean;
}

/** Faults. */
const errorChecks: readonly Check[] = [checkDuplicateRules, checkDefinitions];

/** Advice: warnings and hints. */
const adviceChecks: readonly Check[] = [
  checkLabelsIntroduced,
  checkLabelsUsed,
  checkNeverMatches,
  checkMixedConnectives,
  checkDuplicateClauses,
  checkShadowedClauses,
  checkGates,
  checkPrograms,
  checkTransforms,
  checkReasons,
];

/** Nobody reads advice on a policy that a program has written; its faults are told all the same. */
const advisedRulesMax = 5_000;

/** The findings of a policy that was parsed, in the order of the text. Unknown sets are told by `expandSets`. */
export function checkPolicy(
  policy: Policy,
  source: Source,
  options: CheckOptions = {},
): Diagnostic[] {
  const inherited = options.inherited ?? emptyPolicy;
  const expanded = expandSets(policy, source, inherited.definitions).value;
  const context: CheckContext = { written: policy, policy: expanded, source, inherited };
  const tooLong = policy.rules.length > advisedRulesMax;
  const checks =
    options.errorsOnly === true || tooLong ? errorChecks : [...errorChecks, ...adviceChecks];
  return inTextOrder(checks.flatMap((check) => check(context)));
}

/** By place, and for one place in the order found. */
export function inTextOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort((a, b) => a.span.start - b.span.start);
}
