// What commands need of the machine beyond streams: the kernel half and the clock. `main.ts` gives the
// real ones; it alone knows them.

import type { Engine, EngineOptions, OpenKernel, Tier } from "../kernel/kernel.ts";
import type { Probe } from "../kernel/probe.ts";

export interface Host {
  /** For one run; it may be called as soon as there is going to be one, and yields the same each time. */
  readonly prepareKernel: () => Promise<OpenKernel>;
  /** Ends what is pinned there, whatever version of us pinned it; false: nothing was. */
  readonly removeEngine: (pins: string) => Promise<boolean>;
  readonly openEngine: (options: EngineOptions) => Promise<Engine>;
  /** Tries, which needs root. */
  readonly probeTier: (tier: Tier) => Promise<Probe>;
  /** What was found since the machine was booted; as root, tried where nothing was. Null: not known. */
  readonly knownProbe: (tier: Tier) => Promise<Probe | null>;
  /** Whether this kernel may skip modify-return programs, so that others judge. */
  readonly skipsHooks: () => Promise<boolean>;
  /** CLOCK_MONOTONIC. */
  readonly monotonicNs: () => bigint;
  readonly epochMs: () => number;
  /** Where what is true until the next boot is kept: /run/actplane. */
  readonly runFolder: string;
}
