// Questions about globs as sets of names: does one match a text, does one cover another, can two
// meet. Only the checker's advice rests on it, so "unknown" is an answer: a pair of globs that would
// cost too much to compare is taken for unrelated. What the kernel matches is compiled in src/ir.

import { type Glob, type GlobPart, slash } from "./glob.ts";

/** Steps in a comparison before it is given up; common pairs need a few dozen. */
const stepsMax = 4_000;
/** Positions in one automaton; a longer pattern is not compared. */
const positionsMax = 1_500;

/** How `*` reads `/`: in a path it stops there. */
export type SlashRule = "stops" | "ordinary";

type Move = readonly [matches: (byte: number) => boolean, to: number];

interface Automaton {
  readonly moves: readonly (readonly Move[])[];
  readonly empty: readonly (readonly number[])[];
  readonly accept: number;
  /** Bytes that some part singles out; all others behave alike. */
  readonly named: ReadonlySet<number>;
}

/** Whether `glob` matches the whole of `bytes`. */
export function matchesGlob(glob: Glob, bytes: Uint8Array, rule: SlashRule = "stops"): boolean {
  return globMatcher(glob, rule)(bytes);
}

/** As matchesGlob, for many texts. */
export function globMatcher(glob: Glob, rule: SlashRule = "stops"): (bytes: Uint8Array) => boolean {
  const automaton = build(glob, rule);
  if (automaton === null) return () => false;
  const initial = closure(automaton, [0]);
  return (bytes) => {
    let states = initial;
    for (const byte of bytes) {
      states = step(automaton, states, byte);
      if (states.length === 0) return false;
    }
    return states.includes(automaton.accept);
  };
}

/** Whether everything that `special` matches, `general` matches too. False also where that is unknown. */
export function covers(general: Glob, special: Glob, rule: SlashRule = "stops"): boolean {
  const inner = build(special, rule);
  const outer = build(general, rule);
  if (inner === null || outer === null) return false;
  const found = explore(
    inner,
    outer,
    (a, b) => a.includes(inner.accept) && !b.includes(outer.accept),
    true,
  );
  return found === false;
}

/** Whether no text matches both. False also where that is unknown. */
export function disjoint(left: Glob, right: Glob, rule: SlashRule = "stops"): boolean {
  const a = build(left, rule);
  const b = build(right, rule);
  if (a === null || b === null) return false;
  const found = explore(a, b, (x, y) => x.includes(a.accept) && y.includes(b.accept), false);
  return found === false;
}

/**
 * Whether some text leads both automata to states that `wanted` looks for; null where the search was given up.
 * `keepDead`: go on where the second is stuck.
 */
function explore(
  a: Automaton,
  b: Automaton,
  wanted: (a: readonly number[], b: readonly number[]) => boolean,
  keepDead: boolean,
): boolean | null {
  const bytes = representatives(a, b);
  const queue: [readonly number[], readonly number[]][] = [[closure(a, [0]), closure(b, [0])]];
  const seen = new Set<string>();
  let steps = 0;
  for (let pair = queue.pop(); pair !== undefined; pair = queue.pop()) {
    if (wanted(pair[0], pair[1])) return true;
    for (const byte of bytes) {
      steps += 1;
      if (steps > stepsMax) return null;
      const x = step(a, pair[0], byte);
      if (x.length === 0) continue;
      const y = step(b, pair[1], byte);
      if (y.length === 0 && !keepDead) continue;
      const key = `${x.join()}|${y.join()}`;
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push([x, y]);
    }
  }
  return false;
}

/** One byte of each kind that the two automata tell apart. */
function representatives(a: Automaton, b: Automaton): number[] {
  const named = new Set([...a.named, ...b.named, slash]);
  // 0xff never stands in UTF-8, so where nobody names it, it stands for every other byte.
  for (let other = 0xff; other >= 0; other--) {
    if (!named.has(other)) return [...named, other];
  }
  return [...named];
}

function step(automaton: Automaton, states: readonly number[], byte: number): readonly number[] {
  const next: number[] = [];
  for (const state of states) {
    for (const [matches, to] of automaton.moves[state] as readonly Move[]) {
      if (matches(byte)) next.push(to);
    }
  }
  return next.length === 0 ? next : closure(automaton, next);
}

/** `states` and all that is reached from them without a byte, sorted. */
function closure(automaton: Automaton, states: readonly number[]): readonly number[] {
  const reached = new Set(states);
  for (const state of reached) {
    for (const to of automaton.empty[state] as readonly number[]) reached.add(to);
  }
  return [...reached].sort((x, y) => x - y);
}

// ---------------------------------------------------------------------------------------- building

function build(glob: Glob, rule: SlashRule): Automaton | null {
  const builder = new Builder(rule);
  const accept = builder.sequence(glob, builder.newState());
  if (builder.moves.length > positionsMax) return null;
  return { moves: builder.moves, empty: builder.empty, accept, named: builder.named };
}

class Builder {
  readonly moves: Move[][] = [];
  readonly empty: number[][] = [];
  readonly named = new Set<number>();
  readonly #rule: SlashRule;

  constructor(rule: SlashRule) {
    this.#rule = rule;
  }

  newState(): number {
    this.moves.push([]);
    this.empty.push([]);
    return this.moves.length - 1;
  }

  /** The state in which `glob` ends that starts in `from`. */
  sequence(glob: Glob, from: number): number {
    let at = from;
    for (const part of glob) {
      if (this.moves.length > positionsMax) return at;
      at = this.#part(part, at);
    }
    return at;
  }

  #part(part: GlobPart, from: number): number {
    switch (part.kind) {
      case "byte": {
        this.named.add(part.byte);
        return this.#move(from, (byte) => byte === part.byte);
      }
      case "class": {
        this.#nameEdges(part.set);
        return this.#move(from, (byte) => part.set[byte] === true);
      }
      case "star":
        return this.#loop(from, this.#rule === "stops" ? (byte) => byte !== slash : () => true);
      case "globstar":
        return this.#globstar(part.slashAfter, from);
      case "alternatives": {
        const end = this.newState();
        for (const branch of part.branches) this.#empty(this.sequence(branch, from), end);
        return end;
      }
    }
  }

  /** `(.*\/)?` where the slash belongs to it, else `.*`. */
  #globstar(slashAfter: boolean, from: number): number {
    const inside = this.#loop(from, () => true);
    if (!slashAfter) return inside;
    const end = this.#move(inside, (byte) => byte === slash);
    this.#empty(from, end);
    return end;
  }

  #loop(from: number, matches: (byte: number) => boolean): number {
    const state = this.newState();
    this.#empty(from, state);
    (this.moves[state] as Move[]).push([matches, state]);
    // A state of its own behind the loop, so that what follows does not run back into it.
    const end = this.newState();
    this.#empty(state, end);
    return end;
  }

  #move(from: number, matches: (byte: number) => boolean): number {
    const to = this.newState();
    (this.moves[from] as Move[]).push([matches, to]);
    return to;
  }

  #empty(from: number, to: number): void {
    (this.empty[from] as number[]).push(to);
  }

  /** The bytes on both sides of each edge of a class are enough to tell it from others, with the classes beside it. */
  #nameEdges(set: readonly boolean[]): void {
    const members = set.filter(Boolean).length;
    const inside = members <= 128;
    for (let byte = 0; byte < 256; byte++) if (set[byte] === inside) this.named.add(byte);
  }
}
