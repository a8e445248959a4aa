// What holds in a domain, compiled: all its texts and its parents' as one policy.

import type { Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { printCondition } from "../dsl/print.ts";
import { commandTable, withCommands } from "../ir/commands.ts";
import { compile } from "../ir/compile.ts";
import type { After, Compiled } from "../ir/ir.ts";
import type { Numbering } from "../ir/numbering.ts";
import { joinParts, type Part, type Settings } from "./policy-text.ts";
import { Recent } from "./recent.ts";

export interface Places {
  readonly workspace: string;
  readonly home: string;
}

/** `source` is where diagnostics of the compiler point: the text that was added last. */
export function composePolicy(
  parts: readonly Part[],
  places: Places,
  commands: Settings["commands"],
  numbering: Numbering,
  source: Source,
  foreignGates: readonly After[] = [],
): Outcome<Compiled> {
  const key = keyOf(parts, places, commands, numbering, foreignGates);
  const known = compositions.get(key);
  if (known !== undefined) return known;
  const { workspace, home } = places;
  const outcome = compile(joinParts(parts), {
    workspace,
    home,
    commands: withCommands(commandTable, commands),
    numbering,
    foreignGates,
    source,
  });
  compositions.set(key, outcome);
  return outcome;
}

/** Many domains hold the same: each composition is compiled once while it is in use. */
const compositions = new Recent<Outcome<Compiled>>(64);

/** By the identity of the parts: what prints alike may stand in different texts. */
function keyOf(
  parts: readonly Part[],
  { workspace, home }: Places,
  commands: Settings["commands"],
  numbering: Numbering,
  foreignGates: readonly After[],
): string {
  const identities = [...parts, numbering].map(identityOf);
  const gates = foreignGates.map(printCondition);
  return JSON.stringify([identities, workspace, home, [...commands], gates]);
}

const identities = new WeakMap<object, number>();
let lastIdentity = 0;

function identityOf(value: object): number {
  const identity = identities.get(value) ?? ++lastIdentity;
  identities.set(value, identity);
  return identity;
}

/** Sessions of the same policies have the same numbering: one value stands for all of them. */
export function numberingFrom(text: string): Numbering {
  const known = numberings.get(text);
  if (known !== undefined) return known;
  const numbering: Numbering = JSON.parse(text);
  numberings.set(text, numbering);
  return numbering;
}

const numberings = new Recent<Numbering>(64);
