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
  const result = set.slice();
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

/** A text that two sets share only if they are the same. The engine makes it: a loop here, which runs a few times, is slow. */
export function keyOf(set: ByteSet): string {
  return keyOfRow(rowOf(set));
}

/** 1 for a member and 0 for the others. */
function rowOf(set: ByteSet): Uint8Array<ArrayBuffer> {
  return new Uint8Array(set as unknown as ArrayLike<number>);
}

function keyOfRow(row: Uint8Array<ArrayBuffer>): string {
  return Buffer.from(row.buffer).toString("latin1");
}

/** The class of each byte. Classes are numbered by their first byte, so `classOf[0]` is 0. */
export interface ByteClasses {
  readonly classOf: Uint8Array;
  readonly count: number;
}

/** Isolates every byte of `singles`, and divides the others by every set. */
export function byteClasses(sets: readonly ByteSet[], singles: ReadonlySet<number>): ByteClasses {
  const classOf = new Uint8Array(256);
  const numbers = new Int16Array(512);
  let count = 1;
  for (const row of distinctBeside(singles, sets)) {
    numbers.fill(-1);
    count = 0;
    for (let byte = 0; byte < 256; byte++) {
      const key = (classOf[byte] as number) * 2 + (row[byte] as number);
      if (numbers[key] === -1) numbers[key] = count++;
      classOf[byte] = numbers[key] as number;
    }
  }
  numbers.fill(-1);
  count = 0;
  for (let byte = 0; byte < 256; byte++) {
    const before = classOf[byte] as number;
    if (singles.has(byte)) classOf[byte] = count++;
    else {
      if (numbers[before] === -1) numbers[before] = count++;
      classOf[byte] = numbers[before] as number;
    }
  }
  return { classOf, count };
}

/** What the sets say of bytes that are not isolated anyway: most are all bytes but a few that are. */
function distinctBeside(
  singles: ReadonlySet<number>,
  sets: readonly ByteSet[],
): Iterable<Uint8Array> {
  const distinct = new Map<string, Uint8Array>();
  for (const set of sets) {
    const row = rowOf(set);
    for (const byte of singles) row[byte] = 0;
    distinct.set(keyOfRow(row), row);
  }
  return distinct.values();
}
