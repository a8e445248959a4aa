// The records of the `domains` map, in memory shared with the kernel: which image judges a domain. A policy is
// replaced by writing it into the slot that is not in force and then one word, so that every operation is judged by
// the one or by the other.

import { assert } from "../../base/assert.ts";
import type { BpfMap } from "../libbpf/map.ts";
import type { Mapping } from "../libc.ts";
import { domainAt } from "../state.ts";

export interface DomainState {
  readonly session: number;
  readonly base: number;
  readonly generation: number;
}

export class DomainRecords {
  readonly #mapping: Mapping;
  readonly #words: Uint32Array;
  readonly count: number;

  constructor(map: BpfMap) {
    this.#mapping = map.mmap();
    const { buffer, byteOffset } = this.#mapping.bytes;
    this.count = map.info.entriesMax;
    this.#words = new Uint32Array(buffer, byteOffset, this.count * domainAt.size);
  }

  /** Null: it is not there, and whoever is in it may do nothing. */
  get(domain: number): DomainState | null {
    const at = this.#at(domain);
    const slot = this.#slot(at, this.#load(at + domainAt.active));
    const generation = this.#load(slot + 1);
    if (generation === 0) return null;
    return { session: this.#load(at + domainAt.session), base: this.#load(slot), generation };
  }

  *all(): Generator<readonly [domain: number, state: DomainState]> {
    for (let domain = 1; domain < this.count; domain++) {
      const state = this.get(domain);
      if (state !== null) yield [domain, state];
    }
  }

  /** INVARIANT: nobody can still see what the other slot held before. */
  put(domain: number, { session, base, generation }: DomainState): void {
    const at = this.#at(domain);
    const next = this.#load(at + domainAt.active) ^ 1;
    const slot = this.#slot(at, next);
    this.#store(at + domainAt.session, session);
    this.#store(slot, base);
    this.#store(slot + 1, generation);
    this.#store(at + domainAt.active, next);
  }

  /** From here on nobody in it may do anything. Its generation stays known, and is not given again. */
  clear(domain: number): void {
    const at = this.#at(domain);
    const active = this.#load(at + domainAt.active);
    const slot = this.#slot(at, active);
    this.#store(this.#slot(at, active ^ 1) + 1, this.#load(slot + 1));
    this.#store(slot + 1, 0);
  }

  /** The last generation that a domain of this number had, whoever it was. */
  lastGeneration(domain: number): number {
    const at = this.#at(domain);
    return Math.max(...[0, 1].map((slot) => this.#load(this.#slot(at, slot) + 1)));
  }

  close(): void {
    this.#mapping.unmap();
  }

  #at(domain: number): number {
    assert(domain > 0 && domain < this.count, `a domain is numbered below ${this.count}`);
    return domain * domainAt.size;
  }

  #slot(at: number, active: number): number {
    return at + domainAt.slots + (active & 1) * 2;
  }

  // Stores that neither the compiler nor the processor puts in another order.

  #load(at: number): number {
    return Atomics.load(this.#words, at);
  }

  #store(at: number, value: number): void {
    Atomics.store(this.#words, at, value);
  }
}
