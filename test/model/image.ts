// Reads a compiled image word by word, as the kernel half does: the walk of an automaton, the lists
// it accepts with, the entries. Whatever lies outside of the image is an error, never a zero.

import * as abi from "../../src/ir/abi.ts";

export interface Entry {
  readonly number: number;
  readonly kind: number;
  readonly operations: number;
  readonly effect: number;
  readonly id: number;
  readonly gates: readonly [number, number];
  readonly args: readonly number[];
  readonly except: readonly number[];
  readonly exceptNot: readonly number[];
  readonly all: Uint32Array;
  readonly none: Uint32Array;
}

export interface GateRecord {
  readonly exits: number | null;
  /** 0n: never expires. */
  readonly withinNs: bigint;
}

/** What a program's name leads to. */
export interface ProgramState {
  readonly entries: readonly number[];
  /** Start state for its arguments; 0: the default one. */
  readonly argsStart: number;
  readonly atoms: readonly number[];
}

export class Image {
  readonly gates: readonly GateRecord[];
  readonly #entries: readonly Entry[];

  constructor(readonly words: Uint32Array) {
    this.#expect(this.word(abi.header.magic) === abi.IMAGE_MAGIC, "magic");
    this.#expect(this.word(abi.header.abi) === abi.IMAGE_ABI, "abi");
    this.#expect(this.word(abi.header.words) === words.length, "length");
    this.#expect(this.word(abi.header.entriesAt) % abi.entry.size === 0, "entries are aligned");
    this.gates = this.#table(abi.header.gates, abi.header.gatesAt, abi.gateRecord.size, (at) =>
      this.#gate(at),
    );
    this.#entries = this.#table(abi.header.entries, abi.header.entriesAt, abi.entry.size, (at, i) =>
      this.#entry(at, i),
    );
  }

  word(at: number): number {
    const word = this.words[at];
    if (word === undefined)
      throw new Error(`word ${at} is outside of the image of ${this.words.length}`);
    return word;
  }

  mask(at: number): Uint32Array {
    this.#expect(at + abi.LABEL_WORDS <= this.words.length, "mask");
    return this.words.slice(at, at + abi.LABEL_WORDS);
  }

  entry(number: number): Entry {
    const entry = this.#entries[number];
    if (entry === undefined) throw new Error(`no entry ${number}`);
    return entry;
  }

  /** Entry numbers that the name leads to, of all groups of the kind. */
  accepted(kind: abi.AutomatonKind, bytes: Uint8Array): readonly number[] {
    return this.#automata(kind).flatMap((automaton) => {
      const accept = this.word(this.#finalState(automaton, bytes) + abi.state.accept);
      return this.#list(accept);
    });
  }

  program(bytes: Uint8Array): ProgramState {
    const entries: number[] = [];
    const atoms: number[] = [];
    let argsStart = 0;
    for (const automaton of this.#automata("exec")) {
      const state = this.#finalState(automaton, bytes);
      entries.push(...this.#list(this.word(state + abi.state.accept)));
      const extra = this.word(state + abi.state.extra);
      if (extra === 0) continue;
      argsStart ||= this.word(extra);
      atoms.push(...this.#list(extra + 1));
    }
    return { entries, argsStart, atoms };
  }

  /** Atoms set by any state on the way: an argument once seen stays seen. */
  argumentAtoms(start: number, bytes: Uint8Array): Set<number> {
    const atoms = new Set<number>();
    for (const automaton of this.#automata("args")) {
      let state = start || this.word(automaton + abi.automaton.start);
      for (const byte of bytes) {
        state = this.#next(automaton, state, byte);
        if (state === 0) break;
        for (const atom of this.#list(this.word(this.#state(automaton, state) + abi.state.accept)))
          atoms.add(atom);
      }
    }
    return atoms;
  }

  #automata(kind: abi.AutomatonKind): number[] {
    const at = abi.header.automata + abi.automatonKinds.indexOf(kind) * abi.GROUPS_MAX;
    const offsets = [...this.words.slice(at, at + abi.GROUPS_MAX)];
    const end = offsets.indexOf(0);
    return end === -1 ? offsets : offsets.slice(0, end);
  }

  #finalState(automaton: number, bytes: Uint8Array): number {
    let state = this.word(automaton + abi.automaton.start);
    for (const byte of bytes) {
      state = this.#next(automaton, state, byte);
      if (state === 0) break;
    }
    return this.#state(automaton, state);
  }

  #state(automaton: number, state: number): number {
    this.#expect(state < this.word(automaton + abi.automaton.states), "state");
    return this.word(automaton + abi.automaton.statesAt) + state * abi.state.size;
  }

  #next(automaton: number, state: number, byte: number): number {
    const classes = this.word(automaton + abi.automaton.classesAt);
    const byteClass = (this.word(classes + (byte >> 2)) >>> ((byte & 3) * 8)) & 0xff;
    const at = this.#state(automaton, state);
    const cell = this.word(at + abi.state.base) + byteClass;
    this.#expect(cell < this.word(automaton + abi.automaton.combs), "comb");
    const comb = this.word(automaton + abi.automaton.combAt) + cell * abi.comb.size;
    if (this.word(comb + abi.comb.check) === state) return this.word(comb + abi.comb.next);
    return this.word(at + abi.state.otherwise);
  }

  #list(at: number): number[] {
    if (at === 0) return [];
    const count = this.word(at);
    this.#expect(at + 1 + count <= this.words.length, "list");
    return [...this.words.slice(at + 1, at + 1 + count)];
  }

  #table<T>(
    countAt: number,
    offsetAt: number,
    size: number,
    read: (at: number, index: number) => T,
  ): readonly T[] {
    const from = this.word(offsetAt);
    return Array.from({ length: this.word(countAt) }, (_, i) => read(from + i * size, i));
  }

  #gate(at: number): GateRecord {
    const low = BigInt(this.word(at + abi.gateRecord.withinNsLow));
    const high = BigInt(this.word(at + abi.gateRecord.withinNsHigh));
    const exits = (this.word(at + abi.gateRecord.flags) & abi.GATE_EXITS) !== 0;
    return {
      exits: exits ? this.word(at + abi.gateRecord.status) : null,
      withinNs: (high << 32n) | low,
    };
  }

  #entry(at: number, number: number): Entry {
    const field = (offset: number) => this.word(at + offset);
    const { entry } = abi;
    return {
      number,
      kind: field(entry.kind),
      operations: field(entry.ops),
      effect: field(entry.effect),
      id: field(entry.id),
      gates: [field(entry.gates), field(entry.gates + 1)],
      args: this.#list(field(entry.argsAt)),
      except: this.#list(field(entry.exceptAt)),
      exceptNot: this.#list(field(entry.exceptNotAt)),
      all: this.mask(at + entry.all),
      none: this.mask(at + entry.none),
    };
  }

  #expect(condition: boolean, what: string): void {
    if (!condition) throw new Error(`the image is broken: ${what}`);
  }
}
