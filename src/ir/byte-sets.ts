// Sets of bytes and what they have in common: an automaton does not step over bytes but over classes,
// the coarsest division of the 256 bytes in which no edge tells two members apart.

import type { ByteSet } from "../dsl/glob.ts";

export const allBytes: ByteSet = new Array<boolean>(256).fill(true);
export const allButSlash: ByteSet = allBytes.map((_, byte) => byte !== 0x2f);
export const allButNul: ByteSet = allBytes.map((_, byte) => byte !== 0);

export function byteRange(low: number, high: number): ByteSet {
  return new Array<boolean>(256).fill(false).fill(true, low, high + 1);
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
    const key = keyOf(set);
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

/** Sixteen characters that two sets share only if they are the same: most of a small policy's compilation was a longer one. */
export function keyOf(set: ByteSet): string {
  const words = new Uint16Array(16);
  for (let byte = 0; byte < 256; byte++)
    if (set[byte]) words[byte >> 4] = (words[byte >> 4] as number) | (1 << (byte & 15));
  return String.fromCharCode(...words);
}

/** The class of each byte. Classes are numbered by their first byte, so `classOf[0]` is 0. */
export interface ByteClasses {
  readonly classOf: Uint8Array;
  readonly count: number;
}

/** Refines for every set and isolates every byte of `singles`. */
export function byteClasses(sets: readonly ByteSet[], singles: ReadonlySet<number>): ByteClasses {
  const classOf = new Uint8Array(256);
  const numbers = new Int16Array(512);
  let count = 1;
  const refine = (set: ByteSet, isolated: ReadonlySet<number> | null) => {
    numbers.fill(-1);
    count = 0;
    for (let byte = 0; byte < 256; byte++) {
      const key = (classOf[byte] as number) * 2 + (set[byte] ? 1 : 0);
      if (isolated?.has(byte)) classOf[byte] = count++;
      else {
        if (numbers[key] === -1) numbers[key] = count++;
        classOf[byte] = numbers[key] as number;
      }
    }
  };
  for (const set of sets) refine(set, null);
  refine(allBytes, singles);
  return { classOf, count };
}
