// Sets of bytes and what they have in common: an automaton does not step over bytes but over classes,
// the coarsest division of the 256 bytes in which no edge tells two members apart.

import type { ByteSet } from "../dsl/glob.ts";

export const allBytes: ByteSet = new Array<boolean>(256).fill(true);
export const allButSlash: ByteSet = allBytes.map((_, byte) => byte !== 0x2f);
export const allButNul: ByteSet = allBytes.map((_, byte) => byte !== 0);

export function byteRange(low: number, high: number): ByteSet {
  return allBytes.map((_, byte) => byte >= low && byte <= high);
}

export function without(set: ByteSet, bytes: Iterable<number>): ByteSet {
  const result = [...set];
  for (const byte of bytes) result[byte] = false;
  return result;
}

/** Distinct sets, numbered in order of arrival. */
export class ByteSets {
  readonly #sets: ByteSet[] = [];
  readonly #numbers = new Map<string, number>();
  /** Only to hash a set object once; numbers depend on contents. */
  readonly #known = new WeakMap<ByteSet, number>();

  get all(): readonly ByteSet[] {
    return this.#sets;
  }

  intern(set: ByteSet): number {
    const known = this.#known.get(set);
    if (known !== undefined) return known;
    const key = set.map((member) => (member ? "1" : "0")).join("");
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#sets.length;
      this.#sets.push(set);
      this.#numbers.set(key, number);
    }
    this.#known.set(set, number);
    return number;
  }
}

/** The class of each byte. Classes are numbered by their first byte, so `classOf[0]` is 0. */
export interface ByteClasses {
  readonly classOf: Uint8Array;
  readonly count: number;
}

/** Refines for every set and isolates every byte of `singles`. */
export function byteClasses(sets: readonly ByteSet[], singles: ReadonlySet<number>): ByteClasses {
  const division = new Array<number>(256).fill(0);
  let count = 1;
  const refine = (set: ByteSet) => {
    const split = new Map<number, number>();
    for (let byte = 0; byte < 256; byte++) {
      if (!set[byte]) continue;
      const old = division[byte] as number;
      const fresh = split.get(old) ?? count++;
      split.set(old, fresh);
      division[byte] = fresh;
    }
  };
  sets.forEach(refine);
  for (const byte of singles) division[byte] = count++;

  const classOf = new Uint8Array(256);
  const renumbered = new Map<number, number>();
  for (let byte = 0; byte < 256; byte++) {
    const old = division[byte] as number;
    const number = renumbered.get(old) ?? renumbered.size;
    renumbered.set(old, number);
    classOf[byte] = number;
  }
  return { classOf, count: renumbered.size };
}
