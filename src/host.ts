// The real machine, for the command line: beside main.ts the only importer of the running kernel.

import { monotonicNs } from "./kernel/libc.ts";
import type { Host } from "./surface/host.ts";

export const realHost: Host = {
  openKernel: async (options) => (await import("./kernel/live.ts")).openKernel(options),
  probeTier: async (tier) => (await import("./kernel/probe.ts")).probeTier(tier),
  monotonicNs,
  epochMs: Date.now,
};
