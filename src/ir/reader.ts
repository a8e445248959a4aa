// An image as a thing to ask: its entries, its gates, what a name or an argument list leads to. Reads
// the same words as the kernel half; whatever lies outside of them is an error, never a zero.

import * as abi from "./abi.ts";
import { entryOffset, listAt, walk, walkArguments } from "./run.ts";

export interface Entry {
  readonly number: number;
  readonly kind: number;
  readonly operations: number;
  readonly effect: number;
  readonly id: number;
  readonly gates: readonly [number, number];
  readonly needs: readonly [number, number];
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
  readonly #entries = new Map<number, Entry>();

  constructor(readonly words: Uint32Array) {
    this.#expect(this.word(abi.header.magic) === abi.IMAGE_MAGIC, "magic");
    this.#expect(this.word(abi.header.abi) === abi.IMAGE_ABI, "abi");
    this.#expect(this.word(abi.header.words) === words.length, "length");
    this.#expect(this.word(abi.header.entriesAt) % abi.entry.size === 0, "entries are aligned");
    const gatesAt = this.word(abi.header.gatesAt);
    this.gates = Array.from({ length: this.word(abi.header.gates) }, (_, gate) =>
      this.#gate(gatesAt + gate * abi.gateRecord.size),
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
    this.#expect(number < this.word(abi.header.entries), `entry ${number}`);
    const known = this.#entries.get(number);
    if (known !== undefined) return known;
    const entry = this.#entry(entryOffset(this.words, number), number);
    this.#entries.set(number, entry);
    return entry;
  }

  /** Entry numbers that the name leads to, of all groups of the kind. */
  accepted(kind: abi.AutomatonKind, bytes: Uint8Array): readonly number[] {
    return walk(this.words, kind, bytes).flatMap(({ accepts }) => accepts);
  }

  program(bytes: Uint8Array): ProgramState {
    const walked = walk(this.words, "exec", bytes);
    return {
      entries: walked.flatMap(({ accepts }) => accepts),
      argsStart: walked.find(({ argsStart }) => argsStart !== 0)?.argsStart ?? 0,
      atoms: walked.flatMap(({ atoms }) => atoms),
    };
  }

  /** Atoms set by any state on the way: an argument once seen stays seen. */
  argumentAtoms(start: number, bytes: Uint8Array): Set<number> {
    return walkArguments(this.words, bytes, start);
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
    const list = (offset: number) => listAt(this.words, field(offset));
    const { entry } = abi;
    return {
      number,
      kind: field(entry.kind),
      operations: field(entry.ops),
      effect: field(entry.effect),
      id: field(entry.id),
      gates: [field(entry.gates), field(entry.gates + 1)],
      needs: [field(entry.needs), field(entry.needs + 1)],
      args: list(entry.argsAt),
      except: list(entry.exceptAt),
      exceptNot: list(entry.exceptNotAt),
      all: this.mask(at + entry.all),
      none: this.mask(at + entry.none),
    };
  }

  #expect(condition: boolean, what: string): void {
    if (!condition) throw new Error(`the image is broken: ${what}`);
  }
}
