// Gates of a session that what happens in its other domains shuts: `after make test since write "src/**"` of a child is
// stale after an edit in its parent, whose rules know nothing of it. None is opened from elsewhere: tighten.ts.

import { printCondition } from "../dsl/print.ts";
import type { After } from "../ir/ir.ts";
import type { PolicyText } from "./policy-text.ts";
import type { SessionState, TextState } from "./registry.ts";

/** Of all domains of the session, each once; those of a domain's own policy among them. */
export function gatesOf({ domains }: Pick<SessionState, "domains">): After[] {
  return distinct([...domains].flatMap(({ texts }) => texts.flatMap(({ text }) => gatesIn(text))));
}

/** Those of `texts` that the session does not have yet. */
export function newGates(texts: readonly TextState[], session: SessionState): After[] {
  const brought = distinct(texts.flatMap(({ text }) => gatesIn(text)));
  if (brought.length === 0) return [];
  const known = new Set(gatesOf(session).map(printCondition));
  return brought.filter((gate) => !known.has(printCondition(gate)));
}

function gatesIn(text: PolicyText): readonly After[] {
  const known = gates.get(text);
  if (known !== undefined) return known;
  const found = text.parts
    .flatMap(({ policy }) => policy.rules)
    .flatMap(({ clauses }) => clauses)
    .flatMap(({ unless }) => unless)
    .filter((each) => each.kind === "after")
    .filter(({ since }) => since.length > 0);
  gates.set(text, found);
  return found;
}

/** A session may have many domains, and each that is compiled asks all of them. */
const gates = new WeakMap<PolicyText, readonly After[]>();

function distinct(conditions: readonly After[]): After[] {
  return [...new Map(conditions.map((each) => [printCondition(each), each])).values()];
}
