// The real machine, for the command line: beside main.ts the only importer of the running kernel.

import { takeInheritance } from "./kernel/inheritance.ts";
import { monotonicNs } from "./kernel/libc.ts";
import type { Host } from "./surface/host.ts";

let prepared: ReturnType<Host["prepareKernel"]> | null = null;

export const realHost: Host = {
  prepareKernel: () => {
    // What is opened from here on must not go to the command as if we had been given it.
    takeInheritance();
    prepared ??= import("./kernel/live.ts").then(({ prepareKernel }) => prepareKernel());
    return prepared;
  },
  removeEngine: async (pins) => (await import("./kernel/live.ts")).removePinned(pins),
  openEngine: async (options) => (await import("./kernel/live.ts")).openEngine(options),
  probeTier: async (tier) => (await import("./kernel/probe-memory.ts")).freshProbe(tier),
  knownProbe: async (tier) => {
    const { knownProbe, rememberedProbe } = await import("./kernel/probe-memory.ts");
    return process.geteuid?.() === 0 ? rememberedProbe(tier) : knownProbe(tier);
  },
  skipsHooks: async () => (await import("./kernel/host-facts.ts")).hostSkipsHooks(),
  monotonicNs,
  epochMs: Date.now,
  runFolder: "/run/actplane",
};
