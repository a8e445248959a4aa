// Packing the rows of an automaton into one comb: each row is laid over the others where its cells
// fall into gaps. Long rows go first and find a place by first fit from a moving start; rows of one
// cell fill every gap that is left, so the comb ends up nearly full and the work nearly linear.

import type { Dfa } from "./determinise.ts";

export interface Comb {
  /** By state. INVARIANT: base + class is inside the comb for every class. */
  readonly base: Uint32Array;
  readonly check: Uint32Array;
  readonly next: Uint32Array;
}

/** Gaps a row is tried in before the search for it and all later rows moves on. */
const triesMax = 64;

export function packComb(dfa: Dfa): Comb {
  const base = new Uint32Array(dfa.states);
  const gaps = new Gaps();
  let from = 0;
  let length = dfa.classes.count;
  for (const state of longestFirst(dfa)) {
    const start = dfa.rowStart[state] as number;
    const row = dfa.rowClass.subarray(start, dfa.rowStart[state + 1] as number);
    const first = row[0] as number;
    let slot = gaps.next(row.length === 1 ? first : Math.max(from, first));
    for (let tries = 0; !fits(gaps, row, slot - first); slot = gaps.next(slot + 1)) {
      if (++tries === triesMax) from = slot;
    }
    for (const number of row) gaps.take(slot - first + number);
    base[state] = slot - first;
    length = Math.max(length, slot - first + dfa.classes.count);
  }
  return fill(dfa, base, length);
}

function fits(gaps: Gaps, row: Uint8Array, base: number): boolean {
  for (let i = 1; i < row.length; i++) if (!gaps.isFree(base + (row[i] as number))) return false;
  return true;
}

function fill(dfa: Dfa, base: Uint32Array, length: number): Comb {
  const check = new Uint32Array(length);
  const next = new Uint32Array(length);
  for (let state = 0; state < dfa.states; state++) {
    for (
      let cell = dfa.rowStart[state] as number;
      cell < (dfa.rowStart[state + 1] as number);
      cell++
    ) {
      const at = (base[state] as number) + (dfa.rowClass[cell] as number);
      check[at] = state;
      next[at] = dfa.rowNext[cell] as number;
    }
  }
  return { base, check, next };
}

/** States that have a row, longest first, by number within a length. */
function longestFirst(dfa: Dfa): number[] {
  const byLength: number[][] = [];
  for (let state = 0; state < dfa.states; state++) {
    const length = (dfa.rowStart[state + 1] as number) - (dfa.rowStart[state] as number);
    if (length === 0) continue;
    const alike = byLength[length] ?? [];
    byLength[length] = alike;
    alike.push(state);
  }
  return byLength.reverse().flat();
}

/** Free slots of an endless row; runs of taken slots are skipped by path halving. */
class Gaps {
  #successor = new Int32Array(0);

  next(slot: number): number {
    this.#reach(slot);
    let at = slot;
    while (at < this.#successor.length && this.#successor[at] !== at) {
      const step = this.#successor[at] as number;
      if (step < this.#successor.length) this.#successor[at] = this.#successor[step] as number;
      at = step;
    }
    return at;
  }

  isFree(slot: number): boolean {
    return slot >= this.#successor.length || this.#successor[slot] === slot;
  }

  take(slot: number): void {
    this.#reach(slot);
    this.#successor[slot] = slot + 1;
  }

  #reach(slot: number): void {
    const old = this.#successor.length;
    if (slot < old) return;
    const larger = new Int32Array(Math.max(1024, slot + 1, old * 2));
    larger.set(this.#successor);
    for (let at = old; at < larger.length; at++) larger[at] = at;
    this.#successor = larger;
  }
}
