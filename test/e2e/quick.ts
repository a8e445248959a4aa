// What the quick form asks of a suite: one case of each kind of rule, a few that no rule is about, and no more rules than these
// need, because compiling them is a good part of the time in an emulated machine.

import type { Case, Suite } from "./case.ts";

/** Of the cases that no rule is about. */
const everyNth = 50;

export function quick({ policy, cases }: Suite): Suite {
  const parts = declarations(policy);
  const texts = new Map(parts.flatMap((text) => (nameOf(text) ? [[nameOf(text), text]] : [])));
  /** Rules that differ in nothing but numbers are of one kind: gates last as long as a session, so each case has its own. */
  const kindOf = (each: Case) =>
    rulesOf(each)
      .map((name) => texts.get(name)?.replaceAll(/\d+/g, "") ?? "")
      .join();
  const kinds = new Map<string, Case[]>();
  for (const each of cases.filter(({ slow }) => slow === undefined))
    kinds.set(kindOf(each), [...(kinds.get(kindOf(each)) ?? []), each]);
  const chosen = [...kinds].flatMap(([kind, some]) =>
    kind === "" ? some.filter((_, i) => i % everyNth === 0) : [richest(some)],
  );
  const needed = new Set(chosen.flatMap(rulesOf));
  return {
    policy: parts.filter((text) => needed.has(nameOf(text) ?? "") || !nameOf(text)).join(""),
    cases: cases.filter((each) => chosen.includes(each)),
  };
}

/** The one that tries most, which is the first where all try one thing. */
function richest(cases: readonly Case[]): Case {
  const triesOf = ({ marks }: Case) => marks?.free.length ?? 1;
  return cases.reduce((best, each) => (triesOf(each) > triesOf(best) ? each : best));
}

function rulesOf({ rule }: Case): readonly string[] {
  return [rule ?? []].flat();
}

function declarations(policy: string): string[] {
  return policy.split(/^(?=(?:source|define|declassify|endorse|rule) )/m);
}

/** Of a rule; null: it is another declaration. */
function nameOf(declaration: string): string | null {
  return /^rule ([\w-]+):/.exec(declaration)?.[1] ?? null;
}
