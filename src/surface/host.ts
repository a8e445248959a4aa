// What commands need of the machine beyond streams: the kernel half and the clock. `main.ts` gives the
// real ones; it alone knows them.

import type { Kernel, KernelOptions, Tier } from "../kernel/kernel.ts";
import type { Probe } from "../kernel/probe.ts";

export interface Host {
  readonly openKernel: (options: KernelOptions) => Promise<Kernel>;
  readonly probeTier: (tier: Tier) => Promise<Probe>;
  /** CLOCK_MONOTONIC. */
  readonly monotonicNs: () => bigint;
  readonly epochMs: () => number;
}
