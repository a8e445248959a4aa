// The images in the table: equal ones lie there once. One that no domain uses any more stays for as long as a renamed
// file or a moved directory refers to its lists; it is given up when its room is needed, or taken again when it is set
// again.

import { assert } from "../../base/assert.ts";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { header, TABLE_CHUNK_WORDS } from "../../ir/abi.ts";
import { EngineFull } from "../kernel.ts";
import type { BpfMap } from "../libbpf/map.ts";
import type { Mapping } from "../libc.ts";
import { TableHeap } from "./heap.ts";

export interface Image {
  readonly base: number;
  readonly words: number;
  readonly hash: bigint;
  /** Domains that it judges, and changes of domains that are not through. */
  users: number;
}

export class Images {
  readonly #table: Mapping;
  readonly #words: Uint32Array;
  readonly #heap: TableHeap;
  readonly #byBase = new Map<number, Image>();
  readonly #byHash = new Map<bigint, Image[]>();

  /** `ledger` is the map `images`; `refer` marks the images that files refer to. */
  constructor(
    table: BpfMap,
    private readonly ledger: BpfMap,
    private readonly refer: () => void,
  ) {
    this.#table = table.mmap();
    const { buffer, byteOffset } = this.#table.bytes;
    const words = table.info.entriesMax * TABLE_CHUNK_WORDS;
    this.#words = new Uint32Array(buffer, byteOffset, words);
    this.#heap = new TableHeap(words);
    for (const key of ledger.keys()) this.#adopt(viewOf(key).getUint32(0, true));
  }

  get words(): { readonly used: number; readonly all: number } {
    const all = this.#words.length;
    return { used: all - this.#heap.freeWords, all };
  }

  at(base: number): Image {
    const image = this.#byBase.get(base);
    assert(image !== undefined, `an image lies at word ${base}`);
    return image;
  }

  /** One that holds these words, with a user more. Throws EngineFull. */
  take(words: Uint32Array): Image {
    const hash = hashOf(words);
    const image =
      this.#byHash.get(hash)?.find((one) => this.#holds(one, words)) ?? this.#add(words, hash);
    image.users++;
    return image;
  }

  /** A user less. */
  leave(image: Image): void {
    assert(image.users > 0, "an image is left by who took it");
    image.users--;
  }

  close(): void {
    this.#table.unmap();
  }

  /** A word of an image. */
  word(base: number, offset: number): number {
    return this.#words[base + offset] as number;
  }

  #add(words: Uint32Array, hash: bigint): Image {
    const base = this.#allocate(words.length) ?? this.#allocateAfterSweep(words.length);
    // Recorded before it is used: what is recorded and not used is given up by the next process.
    this.ledger.update(u32(base), u32(words.length));
    this.#words.set(words, base);
    return this.#remember({ base, words: words.length, hash, users: 0 });
  }

  /** Null: there is no room, of words or for the record of them. */
  #allocate(words: number): number | null {
    return this.#byBase.size < this.ledger.info.entriesMax ? this.#heap.allocate(words) : null;
  }

  #allocateAfterSweep(words: number): number {
    this.refer();
    for (const image of [...this.#byBase.values()]) {
      const isReferredTo = this.#words[image.base + header.referred] !== 0;
      this.#words[image.base + header.referred] = 0;
      if (image.users === 0 && !isReferredTo) this.#forget(image);
    }
    const base = this.#allocate(words);
    if (base !== null) return base;
    const free = this.#heap.freeWords * 4;
    throw new EngineFull(
      `the policy needs ${words * 4} bytes of table; beside ${this.#byBase.size} others ${free} are left`,
    );
  }

  #adopt(base: number): void {
    const words = viewOf(this.ledger.lookup(u32(base)) ?? ownedBytes(4)).getUint32(0, true);
    this.#heap.occupy(base, words);
    this.#words[base + header.referred] = 0;
    this.#remember({
      base,
      words,
      hash: hashOf(this.#words.subarray(base, base + words)),
      users: 0,
    });
  }

  #remember(image: Image): Image {
    this.#byBase.set(image.base, image);
    this.#byHash.set(image.hash, [...(this.#byHash.get(image.hash) ?? []), image]);
    return image;
  }

  #forget(image: Image): void {
    this.#heap.release(image.base, image.words);
    this.#byBase.delete(image.base);
    const rest = (this.#byHash.get(image.hash) ?? []).filter((one) => one !== image);
    if (rest.length > 0) this.#byHash.set(image.hash, rest);
    else this.#byHash.delete(image.hash);
    this.ledger.delete(u32(image.base));
  }

  #holds(image: Image, words: Uint32Array): boolean {
    if (image.words !== words.length) return false;
    const own = this.#words.subarray(image.base, image.base + image.words);
    return Buffer.compare(bytesOf(own), bytesOf(words)) === 0;
  }
}

function hashOf(words: Uint32Array): bigint {
  return BigInt(Bun.hash(bytesOf(words)));
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
