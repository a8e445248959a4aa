// The automaton over argument lists: argv joined, each argument ended by NUL, argv[0] first. Every
// distinct pattern is an atom; the state reached by the NUL of an argument that matches accepts it.
//
//     default start   argv[0] NUL  then every argument against every plain pattern
//     start of `git`  as above, and beside it: options and their values are skipped, and the first
//                     other argument is held against the subcommand patterns; so is what follows `git-`
//                     in argv[0], because git itself goes by that

import type { ByteSet, Glob, GlobPart } from "../dsl/glob.ts";
import { splitFirst } from "./anchor.ts";
import { allButNul, allBytes, without } from "./byte-sets.ts";
import { type Command, valueOptionsOf } from "./commands.ts";
import { type Dfa, determinise } from "./determinise.ts";
import { argumentFlavor, type Ending, insertPattern, Nfa, segmentFlavor } from "./nfa.ts";

export interface ArgumentAtom {
  readonly atom: number;
  readonly glob: Glob;
  /** Null: any argument after argv[0]. */
  readonly command: Command | null;
}

export interface ArgumentAutomaton {
  /** Its starts: the default, then one a command in the order of `commands`. */
  readonly dfa: Dfa;
  readonly commands: readonly Command[];
}

export const argumentStatesMax = 1 << 18;

const nul = 0;
const dash = 0x2d;
const equals = 0x3d;
const slash = 0x2f;
const encoder = new TextEncoder();

/** Null: more than `argumentStatesMax` states. */
export function buildArguments(atoms: readonly ArgumentAtom[]): ArgumentAutomaton | null {
  const commands = [
    ...new Set(atoms.flatMap(({ command }) => (command === null ? [] : [command]))),
  ];
  const builder = new Builder(atoms);
  const starts = [builder.start(null), ...commands.map((command) => builder.start(command))];
  const dfa = determinise(builder.nfa, starts, argumentStatesMax);
  return dfa === null ? null : { dfa, commands };
}

class Builder {
  readonly nfa = new Nfa();
  readonly #atoms: readonly ArgumentAtom[];
  /** At the first byte of an argument, watching for plain patterns. */
  readonly #plain: number;
  readonly #others = new Map<string, ByteSet>();

  constructor(atoms: readonly ArgumentAtom[]) {
    this.#atoms = atoms;
    this.#plain = this.nfa.node();
    const plain = atoms.filter(({ command }) => command === null);
    if (plain.length === 0) return;
    this.nfa.addEmpty(this.#plain, this.#skip(this.#plain));
    for (const { atom, glob } of plain)
      insertPattern(this.nfa, this.#plain, glob, argumentFlavor, this.#ending(atom));
  }

  /** Inside argv[0]. */
  start(command: Command | null): number {
    const options = command === null ? null : this.#options(command);
    const inside = this.nfa.node();
    this.nfa.addSet(inside, allButNul, inside);
    this.nfa.addByte(inside, nul, this.#plain);
    if (options !== null) this.nfa.addByte(inside, nul, options);
    return command?.dashed ? this.#dashed(command, inside) : inside;
  }

  /** At the first byte of argv[0], whose last segment may name the subcommand. */
  #dashed(command: Command, inside: number): number {
    const start = this.nfa.node();
    const segment = this.nfa.node();
    this.nfa.addEmpty(start, inside);
    this.nfa.addEmpty(start, segment);
    this.nfa.addByte(inside, slash, segment);
    for (const name of command.names) {
      const own = this.#literal(segment, encoder.encode(`${name}-`));
      for (const { atom, glob } of this.#atoms.filter((one) => one.command === command))
        insertPattern(this.nfa, own, withinSegment(glob), segmentFlavor, this.#ending(atom));
    }
    return start;
  }

  /** Inside an argument that does not matter; its NUL leads to `then`. */
  #skip(then: number): number {
    const node = this.nfa.node();
    this.nfa.addSet(node, allButNul, node);
    this.nfa.addByte(node, nul, then);
    return node;
  }

  /** The argument must end where the pattern does. */
  #ending(atom: number): Ending {
    let accepting = -1;
    let forever = -1;
    const end = (node: number) => {
      if (accepting === -1) {
        accepting = this.nfa.node();
        this.nfa.accept(accepting, atom);
      }
      this.nfa.addByte(node, nul, accepting);
    };
    return {
      end,
      forever: () => {
        if (forever !== -1) return forever;
        forever = this.nfa.node();
        this.nfa.addSet(forever, allButNul, forever);
        this.nfa.forevers.set(forever, atom);
        end(forever);
        return forever;
      },
    };
  }

  // ---- subcommands

  /** At the first byte of an argument that may still be an option or the subcommand. */
  #options(command: Command): number {
    const options = this.nfa.node();
    const value = this.#skip(options);
    // An empty argument in the place of a value is one too.
    const valueStart = this.nfa.node();
    this.nfa.addEmpty(valueStart, value);

    const first = this.nfa.node();
    this.nfa.addByte(options, dash, first);
    if (command.unknownTakesValue) this.#unknownOptions(command, first, options, valueStart);
    else this.#knownOptions(command, first, options, valueStart);

    for (const word of command.words)
      this.nfa.addByte(this.#literal(options, encoder.encode(word)), nul, options);
    for (const text of command.wordStarts) {
      this.nfa.addEmpty(this.#literal(options, encoder.encode(text)), this.#skip(options));
    }
    if (command.subcommand === "each") this.#skipPositional(options);
    this.#insertSubcommands(command, options);
    return options;
  }

  #insertSubcommands(command: Command, options: number): void {
    const never = [
      dash,
      ...command.wordStarts.flatMap((text) => [...encoder.encode(text).subarray(0, 1)]),
    ];
    const own = this.nfa.node();
    this.nfa.addEmpty(options, own);
    for (const { atom, glob } of this.#atoms.filter((one) => one.command === command)) {
      const ending = this.#ending(atom);
      for (const guarded of guardFirst(glob, never))
        insertPattern(this.nfa, own, guarded, argumentFlavor, ending);
    }
  }

  /** An argument that is no option, and then the next. */
  #skipPositional(options: number): void {
    this.nfa.addSet(options, without(allButNul, [dash]), this.#skip(options));
    this.nfa.addByte(options, nul, options);
  }

  /** Nodes of their own: nothing else may grow out of them. */
  #literal(at: number, bytes: Iterable<number>): number {
    let node = at;
    for (const byte of bytes) {
      const next = this.nfa.node();
      this.nfa.addByte(node, byte, next);
      node = next;
    }
    return node;
  }

  /** After `-`: exactly a value option leads to its value, anything else to the next argument. */
  #knownOptions(command: Command, first: number, options: number, value: number): void {
    const rest = this.#skip(options);
    const done = (isOption: boolean) => (isOption ? value : options);
    const all = [...valueOptionsOf(command)].map((option) => option.slice(1));
    if (!command.clusters) {
      this.#lay(new Trie(all), first, done, rest, rest);
      return;
    }
    const long = this.nfa.node();
    this.nfa.addByte(first, dash, long);
    const longs = all.filter((option) => option.startsWith("-")).map((option) => option.slice(1));
    this.#lay(new Trie(longs), long, done, rest, rest);
    this.#cluster(command, first, options, value);
  }

  /** After `-` of `-abc`: a letter that takes a value ends it, the value being the rest or the next argument. */
  #cluster(command: Command, first: number, options: number, value: number): void {
    const letters = command.valueOptions
      .filter((option) => option.length === 2)
      .map((option) => option.charCodeAt(1));
    const inside = this.nfa.node();
    const valued = this.nfa.node();
    for (const [node, never] of [
      [first, [dash, ...letters]],
      [inside, letters],
    ] as const) {
      this.nfa.addSet(node, without(allButNul, never), inside);
      this.nfa.addByte(node, nul, options);
      for (const letter of letters) this.nfa.addByte(node, letter, valued);
    }
    this.nfa.addByte(valued, nul, value);
    this.nfa.addSet(valued, allButNul, this.#skip(options));
  }

  /** After `-`, where only flags are known: `--x` and `-x` take a value, `--x=y` and `-xy` carry theirs. */
  #unknownOptions(command: Command, first: number, options: number, value: number): void {
    const carried = this.#skip(options);
    const long = this.nfa.node();
    this.nfa.addSet(long, without(allButNul, [equals]), long);
    this.nfa.addByte(long, equals, carried);
    this.nfa.addByte(long, nul, value);

    const longs = command.flags.filter((flag) => flag.startsWith("--"));
    const longStart = this.nfa.node();
    this.nfa.addByte(first, dash, longStart);
    // `--` alone: what follows is no subcommand, so the search ends: the root has no edge over NUL.
    this.#lay(
      new Trie(longs.map((flag) => flag.slice(2))),
      longStart,
      (isFlag) => (isFlag ? options : value),
      long,
      long,
      carried,
      false,
    );

    const shorts = command.flags
      .filter((flag) => flag.length === 2)
      .map((flag) => flag.charCodeAt(1));
    const short = this.nfa.node();
    const shortFlag = this.nfa.node();
    this.nfa.addSet(first, without(allButNul, [dash, ...shorts]), short);
    for (const letter of shorts) this.nfa.addByte(first, letter, shortFlag);
    this.nfa.addByte(short, nul, value);
    this.nfa.addByte(shortFlag, nul, options);
    for (const node of [short, shortFlag]) this.nfa.addSet(node, allButNul, carried);
    this.nfa.addByte(first, nul, options);
  }

  /**
   * A trie of whole texts as edges that leave nothing open: the NUL of a text leads to `done(true)`, of a
   * proper prefix to `done(false)`, and a byte that leaves the trie to `rest` (from the root to `rootRest`).
   */
  #lay(
    trie: Trie,
    at: number,
    done: (isText: boolean) => number,
    rest: number,
    rootRest: number,
    afterEquals: number | null = null,
    rootEnds = true,
  ): void {
    const special = afterEquals === null ? [] : [equals];
    const lay = (from: Trie, node: number, isRoot: boolean): void => {
      for (const [byte, child] of from.children) {
        const next = this.nfa.node();
        this.nfa.addByte(node, byte, next);
        lay(child, next, false);
      }
      const others = this.#allBut([...from.children.keys(), ...special]);
      this.nfa.addSet(node, others, isRoot ? rootRest : rest);
      if (afterEquals !== null && !from.children.has(equals))
        this.nfa.addByte(node, equals, afterEquals);
      if (!isRoot || rootEnds) this.nfa.addByte(node, nul, done(from.isText));
    };
    lay(trie, at, true);
  }

  /** Few letters follow in most places, and so the same ones. */
  #allBut(bytes: readonly number[]): ByteSet {
    const key = bytes.join();
    const known = this.#others.get(key) ?? without(allButNul, bytes);
    this.#others.set(key, known);
    return known;
  }
}

class Trie {
  readonly children = new Map<number, Trie>();
  isText = false;

  constructor(texts: readonly string[]) {
    for (const text of texts) this.#add(encoder.encode(text));
  }

  #add(bytes: Uint8Array): void {
    let node: Trie = this;
    for (const byte of bytes) {
      const child = node.children.get(byte) ?? new Trie([]);
      node.children.set(byte, child);
      node = child;
    }
    node.isText = true;
  }
}

/** Nothing in the pattern runs over `/`. */
function withinSegment(glob: Glob): Glob {
  return glob.map((part): GlobPart => {
    if (part.kind === "globstar" && !part.slashAfter) return { kind: "star" };
    if (part.kind !== "alternatives") return part;
    return { ...part, branches: part.branches.map(withinSegment) };
  });
}

/** Globs that together match what `glob` does and does not begin with one of `never`. */
export function guardFirst(glob: Glob, never: readonly number[]): Glob[] {
  const allowed: GlobPart = { kind: "class", set: without(allBytes, never) };
  const run: GlobPart = { kind: "globstar", slashAfter: false };
  return splitFirst(glob, (first, rest, split) => {
    switch (first.kind) {
      case "byte":
        return never.includes(first.byte) ? [] : [[first, ...rest]];
      case "class":
        return [[{ kind: "class", set: guardedClass(first.set, never) }, ...rest]];
      case "star":
        return [[allowed, first, ...rest], ...split(rest)];
      case "globstar": {
        if (!first.slashAfter) return [[allowed, first, ...rest], ...split(rest)];
        const after: Glob = [{ kind: "byte", byte: 0x2f }, ...rest];
        return [...split(rest), after, [allowed, run, ...after]];
      }
      case "alternatives":
        return first.branches.flatMap((branch) => split([...branch, ...rest]));
    }
  });
}

/** The set as arguments read it (`?` is every byte), less `never`. */
function guardedClass(set: ByteSet, never: readonly number[]): ByteSet {
  return without(argumentFlavor.classSet(set), never);
}
