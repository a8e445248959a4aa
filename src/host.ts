// The real machine, for the command line: beside main.ts the only importer of the running kernel.

import { noteDescriptors } from "./kernel/inheritance.ts";
import type { OpenKernel } from "./kernel/kernel.ts";
import { monotonicNs } from "./kernel/libc.ts";
import type { Host } from "./surface/host.ts";

let prepared: ReturnType<Host["prepareKernel"]> | null = null;

export const realHost: Host = {
  prepareKernel: () => {
    prepared ??= prepareKernel();
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

/** Whatever can begin on another processor does so before more of us is read. */
async function prepareKernel(): Promise<OpenKernel> {
  // What is opened from here on must not go to the command as if we had been given it.
  noteDescriptors();
  const ahead = (await import("./kernel/engine/ahead.ts")).beginAhead();
  const { openKernel } = await import("./kernel/live.ts");
  return (options) => openKernel(options, ahead);
}
