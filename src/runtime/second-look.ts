// After tighten.ts has proved of the texts that nothing is loosened, this looks at what came out of the compiler.

import type { Source } from "../base/source.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Tier } from "../kernel/kernel.ts";
import { isWeaker } from "../kernel/verdicts.ts";
import { standingsOf } from "./clause-standing.ts";
import { loosens } from "./refusal.ts";
import type { DomainState, TextState } from "./registry.ts";

/** The proof said that nothing is loosened; this looks at what came out of the compiler. */
export function requireNothingWeaker(
  changes: readonly { readonly domain: DomainState; readonly compiled: Compiled }[],
  source: Source,
  tier: Tier,
): void {
  for (const { domain, compiled } of changes) {
    const after = new Map(
      standingsOf(compiled, tier).map((each) => [each.compiled.clause, each.verdict]),
    );
    for (const { compiled: clause, verdict } of standingsOf(domain.compiled, tier)) {
      const now = after.get(clause.clause);
      if (now !== undefined && !isWeaker(now, verdict)) continue;
      throw loosens([
        {
          severity: "error",
          code: "T010",
          message: `a clause of rule \`${clause.rule.name.text}\` in domain \`${domain.name}\` would be carried out weaker: ${now?.reason ?? "it would be gone"}`,
          source,
          span: { start: 0, end: 0 },
        },
      ]);
    }
  }
}

/**
 * Gates and histories that the domain takes up and that another domain of the session has: what happens here would
 * count there. tighten.ts says so of equal words; this is about equal meaning.
 */
export function requireNothingShared(
  domain: DomainState,
  compiled: Compiled,
  added: readonly TextState[],
): void {
  const fed = domain.compiled === null ? new Set() : statesOf(domain.compiled);
  const taken = statesOf(compiled).difference(fed);
  for (const other of domain.session.domains) {
    if (other === domain || other.compiled === null) continue;
    const [shared] = taken.intersection(statesOf(other.compiled));
    if (shared === undefined) continue;
    throw loosens([
      {
        severity: "error",
        code: "T005",
        message: `a clause in domain \`${other.name}\` is lifted by a condition of the same meaning, and what happens here would then count there`,
        source: added[0]?.text.source ?? nameless,
        span: { start: 0, end: 0 },
        help: "have the rule added to a domain that both inherit from",
      },
    ]);
  }
}

const nameless: Source = { name: "policy", text: "" };

/** By their numbers, the gates and the lineages that lift clauses of a policy. An approval is the operator's. */
function statesOf({ gates, labels }: Compiled): Set<string> {
  return new Set([
    ...gates.map(({ id }) => `gate ${id}`),
    ...labels.flatMap(({ bit, hidden }) => (hidden ? [`lineage ${bit}`] : [])),
  ]);
}
