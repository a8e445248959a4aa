// How often something may happen for one key: a bucket each, refilled with time. What finds it empty is turned
// away, so that one key's flood is not everybody's.

export interface BucketOptions {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

/** Keys that are remembered; a forgotten one begins with a full bucket. */
const keysMax = 32_768;

export class Buckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly options: BucketOptions,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Whether there is one left, which is then taken. */
  take(key: string): boolean {
    const { perSecond, burst } = this.options;
    const atMs = this.nowMs();
    const before = this.#buckets.get(key) ?? { left: burst, atMs };
    const left = Math.min(burst, before.left + ((atMs - before.atMs) / 1000) * perSecond);
    if (this.#buckets.size >= keysMax) this.#buckets.clear();
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, atMs });
    return left >= 1;
  }
}
