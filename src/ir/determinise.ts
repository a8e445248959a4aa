// From a nondeterministic automaton to a deterministic one, by subsets. Three things keep it small:
// it steps over classes of bytes; a row names only the classes that differ from its default; and once
// an outcome is certain (`dir/**`) everything that could only lead to the same outcome is forgotten.

import { type ByteClasses, byteClasses } from "./byte-sets.ts";
import type { Nfa } from "./nfa.ts";

/** State 0 is dead: no edge leaves it and it accepts nothing. */
export interface Dfa {
  readonly classes: ByteClasses;
  readonly states: number;
  readonly starts: readonly number[];
  /** Where a class leads that the row does not name. */
  readonly otherwise: Uint32Array;
  /** Row of state s: `rowClass` and `rowNext` from `rowStart[s]` up to `rowStart[s + 1]`. */
  readonly rowStart: Uint32Array;
  readonly rowClass: Uint8Array;
  readonly rowNext: Uint32Array;
  /** Index into `outcomes` by state. */
  readonly outcome: Uint32Array;
  /** Sorted lists of NFA outcomes; the first is empty. */
  readonly outcomes: readonly (readonly number[])[];
}

/** The subsets reachable from each of `starts`; null when they are more than `statesMax`. */
export function determinise(nfa: Nfa, starts: readonly number[], statesMax: number): Dfa | null {
  return new Determiniser(prepare(nfa)).run(starts, statesMax);
}

/** Subsets that compete without end are large, too: giving up must not take as long as all of them would. */
const membersPerState = 64;

const nobody = -1;
const several = -2;

/** The NFA in terms of classes, with what the construction asks of a node again and again. */
interface Prepared {
  readonly nfa: Nfa;
  readonly classes: ByteClasses;
  /** The classes a set names, if they are few; else null, and `excluded` are the others. */
  readonly narrow: readonly (readonly number[] | null)[];
  readonly excluded: readonly (readonly number[])[];
  readonly members: readonly Uint8Array[];
  /** Nodes that an edge to a node puts into a subset: of node n from `closureStart[n]` on. */
  readonly closureStart: Int32Array;
  readonly closureNodes: Int32Array;
  /** The only outcome a node can lead to, or `nobody` or `several`. */
  readonly owner: Int32Array;
  /** The outcome that holds from a node on whatever follows, or `nobody`. */
  readonly foreverOf: Int32Array;
  readonly doesAccept: Uint8Array;
}

function prepare(nfa: Nfa): Prepared {
  const classes = byteClasses(nfa.sets.all, new Set(nfa.byteEdges.on));
  // One byte stands for its class.
  const memberOf = new Uint8Array(classes.count);
  classes.classOf.forEach((number, byte) => {
    memberOf[number] = byte;
  });
  const members = nfa.sets.all.map((set) => memberOf.map((byte) => (set[byte] ? 1 : 0)));
  const lists = members.map(divided);
  const foreverOf = new Int32Array(nfa.nodes).fill(nobody);
  for (const [node, outcome] of nfa.forevers) foreverOf[node] = outcome;
  const doesAccept = new Uint8Array(nfa.nodes);
  for (const node of nfa.accepts.keys()) doesAccept[node] = 1;
  return {
    nfa,
    classes,
    members,
    narrow: lists.map(({ named }) => (named.length * 2 <= classes.count ? named : null)),
    excluded: lists.map(({ others }) => others),
    ...closures(nfa, twins(nfa), nodesThatMatter(nfa)),
    foreverOf,
    doesAccept,
    owner: nfa.forevers.size === 0 ? new Int32Array(nfa.nodes).fill(nobody) : owners(nfa),
  };
}

/** The classes that a row names, and the others. */
function divided(row: Uint8Array): { named: number[]; others: number[] } {
  const named: number[] = [];
  const others: number[] = [];
  for (let number = 0; number < row.length; number++)
    (row[number] === 1 ? named : others).push(number);
  return { named, others };
}

function isLeaf(nfa: Nfa, node: number): boolean {
  return (
    nfa.byteEdges.head[node] === -1 &&
    nfa.setEdges.head[node] === -1 &&
    nfa.emptyEdges.head[node] === -1
  );
}

/** A node or its twin: leaves that accept alike are one. */
function twins(nfa: Nfa): Int32Array {
  const twin = new Int32Array(nfa.nodes).map((_, node) => node);
  const first = new Map<string, number>();
  for (const [node, outcomes] of nfa.accepts) {
    if (!isLeaf(nfa, node)) continue;
    const key = [...outcomes].sort((a, b) => a - b).join();
    const known = first.get(key);
    if (known === undefined) first.set(key, node);
    else twin[node] = known;
  }
  return twin;
}

/** Nodes worth keeping in a subset: they accept, or an edge over bytes leaves them. */
function nodesThatMatter(nfa: Nfa): Uint8Array {
  const matters = new Uint8Array(nfa.nodes);
  for (let node = 0; node < nfa.nodes; node++) {
    if (nfa.byteEdges.head[node] !== -1 || nfa.setEdges.head[node] !== -1) matters[node] = 1;
  }
  for (const node of nfa.accepts.keys()) matters[node] = 1;
  return matters;
}

function closures(
  nfa: Nfa,
  twin: Int32Array,
  matters: Uint8Array,
): { closureStart: Int32Array; closureNodes: Int32Array } {
  const { head, next, to } = nfa.emptyEdges;
  const closureStart = new Int32Array(nfa.nodes + 1);
  const closureNodes: number[] = [];
  for (let node = 0; node < nfa.nodes; node++) {
    const reached = head[node] === -1 ? [node] : new Set([node]);
    for (const at of reached) {
      if (matters[at] === 1) closureNodes.push(twin[at] as number);
      if (!(reached instanceof Set)) break;
      for (let edge = head[at] as number; edge !== -1; edge = next[edge] as number) {
        reached.add(to[edge] as number);
      }
    }
    closureStart[node + 1] = closureNodes.length;
  }
  return { closureStart, closureNodes: new Int32Array(closureNodes) };
}

/** A fixed point; nodes are made after those that lead to them, so going backwards needs few passes. */
function owners(nfa: Nfa): Int32Array {
  const owner = new Int32Array(nfa.nodes).fill(nobody);
  const join = (node: number, other: number): boolean => {
    const own = owner[node] as number;
    if (other === nobody || own === other || own === several) return false;
    owner[node] = own === nobody ? other : several;
    return true;
  };
  for (const [node, outcomes] of nfa.accepts) for (const outcome of outcomes) join(node, outcome);
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = nfa.nodes - 1; node >= 0; node--) {
      for (const edges of [nfa.byteEdges, nfa.setEdges, nfa.emptyEdges]) {
        for (
          let edge = edges.head[node] as number;
          edge !== -1;
          edge = edges.next[edge] as number
        ) {
          if (join(node, owner[edges.to[edge] as number] as number)) changed = true;
        }
      }
    }
  }
  return owner;
}

class Determiniser {
  readonly #from: Prepared;
  readonly #subsets = new Subsets();
  readonly #otherwise: number[] = [];
  readonly #rowStart: number[] = [];
  readonly #rowClass: number[] = [];
  readonly #rowNext: number[] = [];
  readonly #outcome: number[] = [];
  readonly #outcomes: number[][] = [[]];
  readonly #outcomeNumbers = new Map<string, number>([["", 0]]);

  // The subset under construction: a stamp by node tells whether it is in already.
  readonly #building: Int32Array;
  #size = 0;
  #stamp = 0;
  readonly #stampOf: Int32Array;
  readonly #foreverStamp: Int32Array;
  #anyForever = false;
  /** In arguments a forever node accepts only at the argument's end, so what has just ended must be kept beside it. */
  readonly #acceptedForever: Uint8Array;

  // The row under construction: targets by class.
  readonly #targets: number[][];
  readonly #isTouched: Uint8Array;

  constructor(from: Prepared) {
    this.#from = from;
    this.#building = new Int32Array(from.nfa.nodes);
    this.#stampOf = new Int32Array(from.nfa.nodes).fill(-1);
    this.#targets = Array.from({ length: from.classes.count }, () => []);
    this.#isTouched = new Uint8Array(from.classes.count);
    const outcomes = from.foreverOf.reduce((most, outcome) => Math.max(most, outcome), nobody) + 1;
    this.#foreverStamp = new Int32Array(outcomes).fill(-1);
    this.#acceptedForever = new Uint8Array(outcomes);
    for (const [node, outcome] of from.nfa.forevers) {
      if (from.doesAccept[node] === 1) this.#acceptedForever[outcome] = 1;
    }
  }

  run(startNodes: readonly number[], statesMax: number): Dfa | null {
    this.#begin();
    this.#finish(); // The empty subset is state 0.
    const starts = startNodes.map((node) => {
      this.#begin();
      this.#add(node);
      return this.#finish();
    });
    for (let state = 0; state < this.#subsets.count; state++) {
      if (this.#subsets.count > statesMax) return null;
      if (this.#subsets.members > statesMax * membersPerState) return null;
      this.#rowStart.push(this.#rowClass.length);
      this.#addRow(state);
    }
    this.#rowStart.push(this.#rowClass.length);
    return {
      classes: this.#from.classes,
      states: this.#subsets.count,
      starts,
      otherwise: new Uint32Array(this.#otherwise),
      rowStart: new Uint32Array(this.#rowStart),
      rowClass: new Uint8Array(this.#rowClass),
      rowNext: new Uint32Array(this.#rowNext),
      outcome: new Uint32Array(this.#outcome),
      outcomes: this.#outcomes,
    };
  }

  // ---- subsets

  #begin(): void {
    this.#size = 0;
    this.#stamp++;
    this.#anyForever = false;
  }

  #add(node: number): void {
    const { closureStart, closureNodes, foreverOf } = this.#from;
    const end = closureStart[node + 1] as number;
    for (let i = closureStart[node] as number; i < end; i++) {
      const member = closureNodes[i] as number;
      if (this.#stampOf[member] === this.#stamp) continue;
      this.#stampOf[member] = this.#stamp;
      this.#building[this.#size++] = member;
      const forever = foreverOf[member] as number;
      if (forever === nobody) continue;
      this.#foreverStamp[forever] = this.#stamp;
      this.#anyForever = true;
    }
  }

  /** The state of the subset that was built. */
  #finish(): number {
    if (this.#anyForever) this.#dropDecided();
    sortNodes(this.#building, this.#size);
    const before = this.#subsets.count;
    const state = this.#subsets.intern(this.#building, this.#size);
    if (state === before) this.#outcome.push(this.#outcomeOfBuilding());
    return state;
  }

  #dropDecided(): void {
    let kept = 0;
    for (let i = 0; i < this.#size; i++) {
      const node = this.#building[i] as number;
      if (!this.#isDecided(node)) this.#building[kept++] = node;
    }
    this.#size = kept;
  }

  /** Whether all that `node` could still bring is certain already. What it accepts now must not be lost. */
  #isDecided(node: number): boolean {
    const { owner, foreverOf, doesAccept } = this.#from;
    const outcome = owner[node] as number;
    if (outcome < 0 || this.#foreverStamp[outcome] !== this.#stamp) return false;
    if (foreverOf[node] !== nobody) return false;
    return doesAccept[node] === 0 || this.#acceptedForever[outcome] === 1;
  }

  #outcomeOfBuilding(): number {
    const found: number[] = [];
    for (let i = 0; i < this.#size; i++) {
      const node = this.#building[i] as number;
      if (this.#from.doesAccept[node] === 1)
        found.push(...(this.#from.nfa.accepts.get(node) ?? []));
    }
    if (found.length === 0) return 0;
    const sorted = [...new Set(found)].sort((a, b) => a - b);
    const key = sorted.join();
    const known = this.#outcomeNumbers.get(key);
    if (known !== undefined) return known;
    this.#outcomeNumbers.set(key, this.#outcomes.length);
    this.#outcomes.push(sorted);
    return this.#outcomes.length - 1;
  }

  // ---- rows

  #addRow(state: number): void {
    const { wide, touched } = this.#gatherEdges(state);
    this.#begin();
    for (let i = 1; i < wide.length; i += 2) this.#add(wide[i] as number);
    const unnamed = this.#finish();

    touched.sort((a, b) => a - b);
    const next = touched.map((number) => this.#targetOver(number, wide));
    const otherwise = mostCommon(next, unnamed, this.#from.classes.count - touched.length);
    this.#otherwise.push(otherwise);
    if (otherwise === unnamed) {
      for (const [i, number] of touched.entries()) {
        this.#addCell(number, next[i] as number, otherwise);
      }
    } else {
      const byClass = new Map(touched.map((number, i) => [number, next[i] as number]));
      for (let number = 0; number < this.#from.classes.count; number++) {
        this.#addCell(number, byClass.get(number) ?? unnamed, otherwise);
      }
    }
    for (const number of touched) {
      (this.#targets[number] as number[]).length = 0;
      this.#isTouched[number] = 0;
    }
  }

  #addCell(number: number, next: number, otherwise: number): void {
    if (next === otherwise) return;
    this.#rowClass.push(number);
    this.#rowNext.push(next);
  }

  /** The edges that leave the subset: `wide` as pairs of set and target; the others by class in `#targets`. */
  #gatherEdges(state: number): { wide: number[]; touched: number[] } {
    const { nfa, classes, narrow, excluded } = this.#from;
    const { byteEdges, setEdges } = nfa;
    const wide: number[] = [];
    const touched: number[] = [];
    const touch = (number: number) => {
      if (this.#isTouched[number] === 1) return;
      this.#isTouched[number] = 1;
      touched.push(number);
    };
    const { arena } = this.#subsets;
    const end = this.#subsets.end(state);
    for (let i = this.#subsets.start(state); i < end; i++) {
      const node = arena[i] as number;
      for (
        let edge = byteEdges.head[node] as number;
        edge !== -1;
        edge = byteEdges.next[edge] as number
      ) {
        const number = classes.classOf[byteEdges.on[edge] as number] as number;
        touch(number);
        (this.#targets[number] as number[]).push(byteEdges.to[edge] as number);
      }
      for (
        let edge = setEdges.head[node] as number;
        edge !== -1;
        edge = setEdges.next[edge] as number
      ) {
        const set = setEdges.on[edge] as number;
        const to = setEdges.to[edge] as number;
        const named = narrow[set] as readonly number[] | null;
        if (named !== null) {
          for (const number of named) {
            touch(number);
            (this.#targets[number] as number[]).push(to);
          }
        } else {
          wide.push(set, to);
          for (const number of excluded[set] as readonly number[]) touch(number);
        }
      }
    }
    return { wide, touched };
  }

  #targetOver(number: number, wide: readonly number[]): number {
    this.#begin();
    for (const to of this.#targets[number] as number[]) this.#add(to);
    for (let i = 0; i < wide.length; i += 2) {
      const members = this.#from.members[wide[i] as number] as Uint8Array;
      if (members[number] === 1) this.#add(wide[i + 1] as number);
    }
    return this.#finish();
  }
}

/** Subsets are short and nearly in order; a call into the engine's sort costs more than they do. */
function sortNodes(nodes: Int32Array, size: number): void {
  if (size > 48) {
    nodes.subarray(0, size).sort();
    return;
  }
  for (let i = 1; i < size; i++) {
    const node = nodes[i] as number;
    let k = i - 1;
    for (; k >= 0 && (nodes[k] as number) > node; k--) nodes[k + 1] = nodes[k] as number;
    nodes[k + 1] = node;
  }
}

/** The target that most classes lead to; `unnamed` leads `unnamedCount` of them. */
function mostCommon(next: readonly number[], unnamed: number, unnamedCount: number): number {
  if (unnamedCount >= next.length) return unnamed;
  const counts = new Map<number, number>([[unnamed, unnamedCount]]);
  for (const state of next) counts.set(state, (counts.get(state) ?? 0) + 1);
  let best = unnamed;
  for (const [state, count] of counts) if (count > (counts.get(best) as number)) best = state;
  return best;
}

/**
 * Distinct sorted lists of nodes, numbered in order of arrival: open addressing over one arena.
 * Written with indices throughout: views and iterators over typed arrays were half of the time.
 */
class Subsets {
  arena = new Int32Array(1 << 12);
  count = 0;
  #used = 0;
  #starts = new Int32Array(1 << 10);
  #slots = new Int32Array(1 << 11).fill(-1);

  /** Of all lists together. */
  get members(): number {
    return this.#used;
  }

  start(number: number): number {
    return this.#starts[number] as number;
  }

  end(number: number): number {
    return this.#starts[number + 1] as number;
  }

  /** The first `size` of `nodes`. */
  intern(nodes: Int32Array, size: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(nodes, 0, size) & mask;
    for (; this.#slots[slot] !== -1; slot = (slot + 1) & mask) {
      if (this.#equals(this.#slots[slot] as number, nodes, size))
        return this.#slots[slot] as number;
    }
    this.#slots[slot] = this.count;
    return this.#append(nodes, size);
  }

  #equals(number: number, nodes: Int32Array, size: number): boolean {
    const start = this.start(number);
    if (this.end(number) - start !== size) return false;
    for (let i = 0; i < size; i++) if (this.arena[start + i] !== nodes[i]) return false;
    return true;
  }

  #append(nodes: Int32Array, size: number): number {
    if (this.#used + size > this.arena.length) {
      this.arena = grown(this.arena, Math.max(this.arena.length * 2, this.#used + size));
    }
    for (let i = 0; i < size; i++) this.arena[this.#used + i] = nodes[i] as number;
    this.#used += size;
    if (this.count + 2 > this.#starts.length) {
      this.#starts = grown(this.#starts, this.#starts.length * 2);
    }
    this.count++;
    this.#starts[this.count] = this.#used;
    if (this.count * 2 > this.#slots.length) this.#rehash();
    return this.count - 1;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let number = 0; number < this.count; number++) {
      let slot = hashOf(this.arena, this.start(number), this.end(number)) & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}

function hashOf(nodes: Int32Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ (nodes[i] as number), 0x9e3779b1) ^ (hash >>> 15);
  }
  return hash ^ (hash >>> 13);
}

function grown(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
