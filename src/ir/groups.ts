// Which clauses share an automaton. All of a kind in one is best: one walk answers for all. But sets
// whose patterns compete (`**/a/**` beside `**/b/**`) multiply their states, so when one automaton
// would outgrow its patterns the set is divided: by shape first, then in halves.

import type { Glob } from "../dsl/glob.ts";
import { GROUPS_MAX } from "./abi.ts";
import { type Dfa, determinise } from "./determinise.ts";
import type { Language, Languages, Shape } from "./languages.ts";
import { type Flavor, insertPattern, Nfa } from "./nfa.ts";
import { prune } from "./prune.ts";

/** What must be decided in one automaton: a target with its exceptions. Languages by number. */
export interface Unit<Payload> {
  readonly target: number;
  /** All positive exceptions as one language. */
  readonly except: number | null;
  /** `unless target not T`: the exception holds where T does not match. */
  readonly exceptNot: readonly number[];
  readonly payload: Payload;
}

export interface Group<Payload> {
  readonly dfa: Dfa;
  /** By the DFA's outcome number. */
  readonly accepted: readonly (readonly Payload[])[];
  readonly patterns: number;
}

/** Why a set could not be compiled: `groups` automata of up to `statesMax` states were not enough. */
export interface TooLarge {
  readonly patterns: number;
  readonly statesMax: number;
}

/** States beyond twice the patterns' own bytes that a set may cost, tried in order. */
const slackStates = [4096, 1 << 15, 1 << 18];
/** What a mixed set may cost beyond its patterns before it is divided by shape. */
const mixedSlackStates = 1024;

export function buildGroups<Payload>(
  units: readonly Unit<Payload>[],
  languages: Languages,
  flavor: Flavor,
): Group<Payload>[] | TooLarge {
  if (units.length === 0) return [];
  const whole = buildGroup(units, languages, flavor, 1, mixedSlackStates);
  if (whole !== null) return [whole];
  const byShape = divideByShape(units, languages);
  for (const slack of slackStates) {
    const groups = byShape.flatMap((part) =>
      buildHalves(part, languages, flavor, slack, GROUPS_MAX),
    );
    if (groups.length <= GROUPS_MAX && groups.every((group) => group !== null))
      return groups as Group<Payload>[];
  }
  return { patterns: patternsOf(units, languages).size, statesMax: slackStates.at(-1) as number };
}

/** A null among the groups: a part that cannot be divided further is too large, or there would be too many parts. */
function buildHalves<Payload>(
  units: readonly Unit<Payload>[],
  languages: Languages,
  flavor: Flavor,
  slack: number,
  groupsMax: number,
): (Group<Payload> | null)[] {
  const group = buildGroup(units, languages, flavor, 2, slack);
  if (group !== null) return [group];
  if (units.length === 1 || groupsMax <= 1) return [null];
  const middle = units.length >> 1;
  const left = buildHalves(units.slice(0, middle), languages, flavor, slack, groupsMax - 1);
  if (left.includes(null)) return [null];
  return [
    ...left,
    ...buildHalves(units.slice(middle), languages, flavor, slack, groupsMax - left.length),
  ];
}

function divideByShape<Payload>(
  units: readonly Unit<Payload>[],
  languages: Languages,
): Unit<Payload>[][] {
  const order: Shape[] = ["anchored", "floating", "crossing"];
  const shapeOf = (unit: Unit<Payload>) =>
    Math.max(...languagesOf(unit).map((number) => order.indexOf(languages.get(number).shape)));
  return order
    .map((_, i) => units.filter((unit) => shapeOf(unit) === i))
    .filter((part) => part.length > 0);
}

function languagesOf<Payload>(unit: Unit<Payload>): number[] {
  return [unit.target, ...(unit.except === null ? [] : [unit.except]), ...unit.exceptNot];
}

function patternsOf<Payload>(units: readonly Unit<Payload>[], languages: Languages): Set<Glob> {
  const numbers = new Set(units.flatMap(languagesOf));
  return new Set([...numbers].flatMap((number) => languages.get(number).globs));
}

function buildGroup<Payload>(
  units: readonly Unit<Payload>[],
  languages: Languages,
  flavor: Flavor,
  factor: number,
  slack: number,
): Group<Payload> | null {
  const numbers = [...new Set(units.flatMap(languagesOf))];
  const nfa = new Nfa();
  const start = nfa.node();
  for (const number of numbers) {
    insertLanguage(nfa, start, number, languages.get(number).globs, flavor);
  }
  const statesMax = nfa.nodes * factor + slack;
  const all = numbers.map((number) => languages.get(number));
  if (statesAtLeast(all, flavor) > statesMax) return null;
  const dfa = determinise(nfa, [start], statesMax);
  if (dfa === null) return null;
  const accepted = acceptedUnits(dfa, units);
  return {
    dfa: prune(dfa, (outcome) => (accepted[outcome] ?? []).length > 0),
    accepted,
    patterns: patternsOf(units, languages).size,
  };
}

/** What can be told without building them: to give up on an automaton takes longer than all that are built in its place. */
function statesAtLeast(all: readonly Language[], flavor: Flavor): number {
  const folders = all.filter(({ globs }) => globs.some(isFolder));
  const anchored = folders.filter(({ shape }) => shape === "anchored");
  const floating = all.filter(({ shape }) => shape === "floating");
  // Below a folder the floating patterns go on from the start.
  const below = anchored.length > 0 ? anchored.length * nodesOf(floating, flavor) : 0;
  // A path may be below any set of `**/a/**`, and each set is a state.
  return Math.max(2 ** folders.filter(({ globs }) => globs.some(isFloatingFolder)).length, below);
}

function isFolder(glob: Glob): boolean {
  return glob.length > 2 && glob.at(-1)?.kind === "globstar";
}

function isFloatingFolder(glob: Glob): boolean {
  return isFolder(glob) && glob[0]?.kind === "globstar";
}

function nodesOf(all: readonly Language[], flavor: Flavor): number {
  const nfa = new Nfa();
  const start = nfa.node();
  all.forEach(({ globs }, number) => {
    insertLanguage(nfa, start, number, globs, flavor);
  });
  return nfa.nodes;
}

function insertLanguage(
  nfa: Nfa,
  start: number,
  number: number,
  globs: readonly Glob[],
  flavor: Flavor,
): void {
  let forever = -1;
  const ending = {
    end: (node: number) => nfa.accept(node, number),
    forever: () => {
      if (forever !== -1) return forever;
      forever = nfa.node();
      nfa.addSet(forever, flavor.globstar, forever);
      nfa.accept(forever, number);
      nfa.forevers.set(forever, number);
      return forever;
    },
  };
  for (const glob of globs) insertPattern(nfa, start, glob, flavor, ending);
}

/** For each set of matching languages the units whose target matches and whose exceptions do not hold. */
function acceptedUnits<Payload>(dfa: Dfa, units: readonly Unit<Payload>[]): Payload[][] {
  const byTarget = new Map<number, { unit: Unit<Payload>; order: number }[]>();
  units.forEach((unit, order) => {
    const list = byTarget.get(unit.target);
    if (list === undefined) byTarget.set(unit.target, [{ unit, order }]);
    else list.push({ unit, order });
  });
  return dfa.outcomes.map((outcome) => {
    const matching = new Set(outcome);
    return outcome
      .flatMap((target) => byTarget.get(target) ?? [])
      .filter(({ unit }) => unit.except === null || !matching.has(unit.except))
      .filter(({ unit }) => unit.exceptNot.every((number) => matching.has(number)))
      .sort((a, b) => a.order - b.order)
      .map(({ unit }) => unit.payload);
  });
}
