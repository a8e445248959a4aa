// Globs as one nondeterministic automaton. Patterns are inserted one after the other and share every
// prefix, so that ten thousand of them under one folder cost their differing ends; what they mean is
// LANGUAGE.md section 3, over the bytes that `Flavor` names.
//
//     insert("a/**") then "a/b"    start -a-> 1 -/-> 2 -empty-> forever(first)
//                                                   2 -b-> 3   accepts the second

import type { ByteSet, Glob, GlobPart } from "../dsl/glob.ts";
import { allButNul, allButSlash, allBytes, ByteSets } from "./byte-sets.ts";

/** What the wildcards of a glob run over. */
export interface Flavor {
  readonly star: ByteSet;
  readonly globstar: ByteSet;
  /** A class of the notation, as the set of bytes it means here. */
  readonly classSet: (set: ByteSet) => ByteSet;
}

/** A path never holds NUL, so its membership is free: equal to its neighbour's it costs no class. */
export const pathFlavor: Flavor = {
  star: allButSlash,
  globstar: allBytes,
  classSet: (set) =>
    set[0] === set[1] ? set : set.map((member, byte) => (byte === 0 ? set[1] === true : member)),
};

/** In arguments and names `/` is an ordinary byte, and NUL ends them. `?` is the one class that is all but `/`. */
export const argumentFlavor: Flavor = {
  star: allButNul,
  globstar: allButNul,
  classSet: (set) =>
    set.every((member, byte) => member || byte === 0x2f || byte === 0)
      ? allButNul
      : set.map((member, byte) => member && byte !== 0),
};

/** As in arguments, but within one segment of a path: a `**` of the pattern has to be a `*`. */
export const segmentFlavor: Flavor = {
  star: allButNul.map((member, byte) => member && byte !== 0x2f),
  globstar: allButNul,
  classSet: (set) => set.map((member, byte) => member && byte !== 0 && byte !== 0x2f),
};

/** Bytes of fixed meaning, such as addresses: sets are what they say. */
export const binaryFlavor: Flavor = { star: allBytes, globstar: allBytes, classSet: (set) => set };

const slash = 0x2f;

/** Room for the number of a set in a key; the keys of two million nodes stay exact. */
const setsMax = 1 << 20;

/** Kinds of shared successors, as a part of their key. */
const shareSet = 0;
const shareStar = 1;
const shareGlobstar = 2;
const shareGlobstarSlash = 3;

/** One kind of edge: linked lists in arrays, because most nodes have one edge. */
class Edges {
  readonly head: number[] = [];
  readonly next: number[] = [];
  /** A byte, the number of a set, or nothing. */
  readonly on: number[] = [];
  readonly to: number[] = [];

  add(from: number, on: number, to: number): void {
    this.next.push(this.head[from] as number);
    this.on.push(on);
    this.to.push(to);
    this.head[from] = this.to.length - 1;
  }

  /** The first target of `from` over `on`, or -1. */
  find(from: number, on: number): number {
    for (let edge = this.head[from] as number; edge !== -1; edge = this.next[edge] as number) {
      if (this.on[edge] === on) return this.to[edge] as number;
    }
    return -1;
  }
}

export class Nfa {
  readonly sets = new ByteSets();
  readonly byteEdges = new Edges();
  readonly setEdges = new Edges();
  readonly emptyEdges = new Edges();
  /** The outcomes of a node, most have none. */
  readonly accepts = new Map<number, number[]>();
  /** Nodes from which one outcome holds whatever follows: node -> outcome. */
  readonly forevers = new Map<number, number>();
  readonly #shared = new Map<number, number>();

  get nodes(): number {
    return this.byteEdges.head.length;
  }

  node(): number {
    this.byteEdges.head.push(-1);
    this.setEdges.head.push(-1);
    this.emptyEdges.head.push(-1);
    return this.nodes - 1;
  }

  addByte(from: number, byte: number, to: number): void {
    this.byteEdges.add(from, byte, to);
  }

  addSet(from: number, set: ByteSet, to: number): void {
    this.setEdges.add(from, this.sets.intern(set), to);
  }

  addEmpty(from: number, to: number): void {
    this.emptyEdges.add(from, 0, to);
  }

  accept(node: number, outcome: number): void {
    const outcomes = this.accepts.get(node);
    if (outcomes === undefined) this.accepts.set(node, [outcome]);
    else if (!outcomes.includes(outcome)) outcomes.push(outcome);
  }

  /** Inserts `glob` from `at` on; the node that is reached when it has matched. */
  insert(at: number, glob: Glob, flavor: Flavor): number {
    let node = at;
    for (const part of glob) node = this.#insertPart(node, part, flavor);
    return node;
  }

  #insertPart(at: number, part: GlobPart, flavor: Flavor): number {
    switch (part.kind) {
      case "byte":
        return this.#byteSuccessor(at, part.byte);
      case "class":
        return this.#setSuccessor(at, flavor.classSet(part.set));
      case "star":
        return this.#loopSuccessor(at, shareStar, flavor.star);
      case "globstar":
        if (!part.slashAfter) return this.#loopSuccessor(at, shareGlobstar, flavor.globstar);
        return this.#anyFoldersSuccessor(at, flavor.globstar);
      case "alternatives": {
        const ends = new Set(part.branches.map((branch) => this.insert(at, branch, flavor)));
        const [only] = ends;
        if (only !== undefined && ends.size === 1) return only;
        const join = this.node();
        for (const end of ends) this.addEmpty(end, join);
        return join;
      }
    }
  }

  #byteSuccessor(at: number, byte: number): number {
    const known = this.byteEdges.find(at, byte);
    if (known !== -1) return known;
    const node = this.node();
    this.addByte(at, byte, node);
    return node;
  }

  #setSuccessor(at: number, set: ByteSet): number {
    const number = this.sets.intern(set);
    return this.#share(at, shareSet, number, (node) => this.setEdges.add(at, number, node));
  }

  /** Any run over `set`. */
  #loopSuccessor(at: number, kind: number, set: ByteSet): number {
    return this.#share(at, kind, 0, (node) => {
      this.addEmpty(at, node);
      this.addSet(node, set, node);
    });
  }

  /** `(.*` + `/)?` */
  #anyFoldersSuccessor(at: number, set: ByteSet): number {
    return this.#share(at, shareGlobstarSlash, 0, (node) => {
      const loop = this.node();
      this.addEmpty(at, loop);
      this.addSet(loop, set, loop);
      this.addByte(loop, slash, node);
      this.addEmpty(at, node);
    });
  }

  #share(at: number, kind: number, number: number, connect: (node: number) => void): number {
    const key = (at * setsMax + number) * 4 + kind;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const node = this.node();
    this.#shared.set(key, node);
    connect(node);
    return node;
  }
}

/** How a pattern that has matched is told, and where the rest does not matter. */
export interface Ending {
  /** The pattern ends at `node`. */
  readonly end: (node: number) => void;
  /** The one node that stays matched over anything; made on first use. */
  readonly forever: () => number;
}

/** Inserts a whole pattern. One that ends in `**` leads to the one `forever` node, so that it never multiplies states. */
export function insertPattern(
  nfa: Nfa,
  at: number,
  glob: Glob,
  flavor: Flavor,
  ending: Ending,
): void {
  const last = glob.at(-1);
  if (last?.kind === "alternatives") {
    const before = nfa.insert(at, glob.slice(0, -1), flavor);
    for (const branch of last.branches) insertPattern(nfa, before, branch, flavor, ending);
  } else if (last !== undefined && runsOverAll(last, flavor)) {
    nfa.addEmpty(nfa.insert(at, glob.slice(0, -1), flavor), ending.forever());
  } else {
    ending.end(nfa.insert(at, glob, flavor));
  }
}

function runsOverAll(part: GlobPart, flavor: Flavor): boolean {
  if (part.kind === "globstar") return !part.slashAfter;
  return part.kind === "star" && flavor.star === flavor.globstar;
}
