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
  const { rowStart, rowClass } = dfa;
  const base = new Uint32Array(dfa.states);
  const gaps = new Gaps();
  let from = 0;
  let length = dfa.classes.count;
  for (const state of longestFirst(dfa)) {
    const start = rowStart[state] as number;
    const end = rowStart[state + 1] as number;
    const first = rowClass[start] as number;
    let slot = gaps.next(end - start === 1 ? first : Math.max(from, first));
    for (
      let tries = 0;
      !gaps.areFree(rowClass, start + 1, end, slot - first);
      slot = gaps.next(slot + 1)
    ) {
      if (++tries === triesMax) from = slot;
    }
    for (let cell = start; cell < end; cell++) gaps.take(slot - first + (rowClass[cell] as number));
    base[state] = slot - first;
    length = Math.max(length, slot - first + dfa.classes.count);
  }
  return fill(dfa, base, length);
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
    const successor = this.#successor;
    let at = slot;
    while (at < successor.length && successor[at] !== at) {
      const step = successor[at] as number;
      if (step < successor.length) successor[at] = successor[step] as number;
      at = step;
    }
    return at;
  }

  /** The slots `base + class` of the classes from place `from` up to `to`. */
  areFree(classes: Uint8Array, from: number, to: number, base: number): boolean {
    const successor = this.#successor;
    for (let i = from; i < to; i++) {
      const slot = base + (classes[i] as number);
      if (slot < successor.length && successor[slot] !== slot) return false;
    }
    return true;
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
