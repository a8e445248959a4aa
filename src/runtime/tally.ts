// What is counted for /metrics while the daemon runs: bounded, because names of rules are the authors' to choose.

import type { KernelEvent } from "../kernel/kernel.ts";
import type { FeedbackRecord } from "./feedback.ts";

/** Upper bounds of the latency histogram, in milliseconds. */
export const latencyBoundsMs = [1, 2, 5, 10, 20, 50, 100, 500, 1000] as const;

/** Combinations of domain, rule and verdict; what comes later is counted together. */
const seriesMax = 2_000;

export interface Series {
  readonly domain: string;
  readonly rule: string;
  readonly effect: string;
  readonly verdict: string;
}

export class Tally {
  readonly events = new Map<string, number>();
  readonly matches = new Map<string, { readonly series: Series; count: number }>();
  /** From the kernel's decision to the record being written; the last is beyond all bounds. */
  readonly latencies: number[] = new Array(latencyBoundsMs.length + 1).fill(0);
  latencySumMs = 0;

  count(event: KernelEvent, record: FeedbackRecord | null, latencyMs: number): void {
    this.events.set(event.type, (this.events.get(event.type) ?? 0) + 1);
    if (record === null) return;
    const { domain, rule, effect, verdict } = record;
    const series = { domain, rule: rule.name, effect, verdict };
    const key = JSON.stringify(series);
    const known = this.matches.get(key) ?? this.#newSeries(key, series);
    known.count++;
    const index = latencyBoundsMs.findIndex((bound) => latencyMs <= bound);
    const at = index < 0 ? latencyBoundsMs.length : index;
    this.latencies[at] = (this.latencies[at] ?? 0) + 1;
    this.latencySumMs += Math.max(0, latencyMs);
  }

  #newSeries(key: string, series: Series): { readonly series: Series; count: number } {
    const isFull = this.matches.size >= seriesMax;
    const [at, name] = isFull ? ["", { ...series, domain: "", rule: "" }] : [key, series];
    const made = this.matches.get(at) ?? { series: name, count: 0 };
    this.matches.set(at, made);
    return made;
  }
}
