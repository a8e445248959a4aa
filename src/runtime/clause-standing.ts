// What this host does about each clause of a compiled policy, and whether that is enough.

import type { Compiled, CompiledClause } from "../ir/ir.ts";
import type { Tier } from "../kernel/kernel.ts";
import { isAcceptable, type Verdict, verdictOf } from "../kernel/verdicts.ts";
import { isOwnRule } from "./own-rules.ts";
import { Refusal } from "./refusal.ts";
import { type DomainState, requiresBlock } from "./registry.ts";

export interface ClauseStanding {
  readonly compiled: CompiledClause;
  readonly verdict: Verdict;
}

/** Rules of our own are not listed. */
export function standingsOf(compiled: Compiled | null, tier: Tier): ClauseStanding[] {
  const clauses = (compiled?.clauses ?? []).filter(({ rule }) => !isOwnRule(rule));
  return clauses.map((each) => ({ compiled: each, verdict: verdictOf(each, tier) }));
}

/** A clause that this host would carry out weaker than a policy may count on has to be accepted in so many words. */
export function requireStrength(
  domain: DomainState,
  verdicts: readonly ClauseStanding[],
  tier: Tier,
): void {
  const requireBlock = requiresBlock(domain);
  const weak = verdicts.filter(
    ({ compiled, verdict }) => !isAcceptable(compiled.clause.effect, verdict, requireBlock),
  );
  if (weak.length === 0 || (domain.degraded && !requireBlock)) return;
  throw new Refusal(
    "policy-weak-here",
    `this host (${tier} tier) cannot carry out ${weak.length} of ${verdicts.length} clauses as written`,
    [],
    { weak },
  );
}
