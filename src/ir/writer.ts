// Words of an image under construction: appended with alignment, lists shared when equal.

import { assert } from "../base/assert.ts";

export class ImageWriter {
  #words = new Uint32Array(1 << 12);
  #length = 0;
  readonly #lists = new Map<string, number>();

  /** Room for `words`, zero, at a multiple of `alignment`. */
  reserve(words: number, alignment: number): number {
    const at = Math.ceil(this.#length / alignment) * alignment;
    this.#length = at + words;
    if (this.#length > this.#words.length) {
      const larger = new Uint32Array(Math.max(this.#words.length * 2, this.#length));
      larger.set(this.#words);
      this.#words = larger;
    }
    return at;
  }

  set(at: number, value: number): void {
    assert(at < this.#length, "a word is written where room was reserved");
    this.#words[at] = value;
  }

  get(at: number): number {
    assert(at < this.#length, "a word is read where room was reserved");
    return this.#words[at] as number;
  }

  setAll(at: number, values: ArrayLike<number>): void {
    assert(at + values.length <= this.#length, "words are written where room was reserved");
    this.#words.set(values, at);
  }

  append(values: ArrayLike<number>, alignment: number): number {
    const at = this.reserve(values.length, alignment);
    this.setAll(at, values);
    return at;
  }

  /** A count and that many words; 0 for the empty list. */
  list(values: readonly number[]): number {
    return values.length === 0 ? 0 : this.shared([values.length, ...values]);
  }

  /** Words that may be shared with equal ones. */
  shared(words: readonly number[]): number {
    const key = words.join();
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const at = this.append(words, 1);
    this.#lists.set(key, at);
    return at;
  }

  finish(): Uint32Array {
    return this.#words.slice(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }
}
