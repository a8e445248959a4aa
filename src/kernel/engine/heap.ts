// Room for images in the words of the table. An image that fits into one chunk lies inside one, because the
// programs walk an automaton fastest there (bpf/match.h); a larger one begins where a chunk does, as it was laid out for.

import { assert } from "../../base/assert.ts";
import { TABLE_CHUNK_WORDS } from "../../ir/abi.ts";

/** Every record of an image is aligned to its size, and none is larger. */
const alignment = 64;

interface Range {
  readonly at: number;
  readonly words: number;
}

export class TableHeap {
  /** In their order, none touching the next. */
  #free: Range[];

  constructor(words: number) {
    this.#free = [{ at: 0, words }];
  }

  get freeWords(): number {
    return this.#free.reduce((sum, { words }) => sum + words, 0);
  }

  /** The first word; null: there is no room. */
  allocate(words: number): number | null {
    const needed = roundUp(words, alignment);
    for (const range of this.#free) {
      const at = placeIn(range, needed);
      if (at === null) continue;
      this.occupy(at, words);
      return at;
    }
    return null;
  }

  /** Takes words that are in use already, as an earlier process left them. */
  occupy(at: number, words: number): void {
    const needed = roundUp(words, alignment);
    const index = this.#free.findIndex((one) => at >= one.at && at + needed <= endOf(one));
    const range = this.#free[index];
    assert(range !== undefined, "words that are taken were free");
    const before = { at: range.at, words: at - range.at };
    const after = { at: at + needed, words: endOf(range) - at - needed };
    this.#free.splice(index, 1, ...[before, after].filter((rest) => rest.words > 0));
  }

  release(at: number, words: number): void {
    const sorted = [...this.#free, { at, words: roundUp(words, alignment) }].sort(
      (a, b) => a.at - b.at,
    );
    this.#free = [];
    for (const range of sorted) {
      const last = this.#free.at(-1);
      assert(last === undefined || endOf(last) <= range.at, "words that are released were taken");
      if (last !== undefined && endOf(last) === range.at)
        this.#free.splice(-1, 1, { at: last.at, words: last.words + range.words });
      else this.#free.push(range);
    }
  }
}

function placeIn(range: Range, words: number): number | null {
  const nextChunk = roundUp(range.at, TABLE_CHUNK_WORDS);
  const straddles = range.at + words > nextChunk && range.at !== nextChunk;
  const at = words > TABLE_CHUNK_WORDS || straddles ? nextChunk : range.at;
  return at + words <= endOf(range) ? at : null;
}

function endOf({ at, words }: Range): number {
  return at + words;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
