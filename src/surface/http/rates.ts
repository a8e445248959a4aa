// How often one caller may ask what costs much: a bucket each, refilled with time.

import { Refusal } from "../../runtime/refusal.ts";

export interface RateOptions {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

/** Callers that are remembered; a forgotten one begins with a full bucket. */
const callersMax = 10_000;

export class Rates {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly options: RateOptions,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Throws a refusal where the caller has to wait. */
  take(caller: string): void {
    const { perSecond, burst } = this.options;
    const atMs = this.nowMs();
    const before = this.#buckets.get(caller) ?? { left: burst, atMs };
    const left = Math.min(burst, before.left + ((atMs - before.atMs) / 1000) * perSecond);
    if (left < 1) throw new Refusal("too-many", `${perSecond} questions a second are answered`);
    if (this.#buckets.size >= callersMax) this.#buckets.clear();
    this.#buckets.set(caller, { left: left - 1, atMs });
  }
}
