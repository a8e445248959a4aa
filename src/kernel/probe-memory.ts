// What the probes found, kept until the machine is booted anew: each costs the reading of all of the
// kernel's type information (30-45 ms, measured). Only a memory: whoever uses it still loads the real
// programs, and asks the kernel again when they do not load.

import { readFileSync } from "node:fs";
import { bootId, memoryPath, remember } from "./boot-memory.ts";
import type { Tier } from "./kernel.ts";
import { type Probe, probeTier } from "./probe.ts";

/** Read by all (`check --host`). */
const name = "probes.json";

interface Memory {
  /** Another boot, another kernel: what is remembered holds for neither. */
  readonly boot: string;
  readonly probes: Partial<Record<Tier, Probe>>;
}

/** As probeTier, asking the kernel once a boot. */
export function rememberedProbe(tier: Tier): Probe {
  return knownProbe(tier) ?? freshProbe(tier);
}

/** What is remembered; null: nothing. Asks for no privileges. */
export function knownProbe(tier: Tier): Probe | null {
  return read().probes[tier] ?? null;
}

/** Asks the kernel, whatever is remembered, and remembers the answer. */
export function freshProbe(tier: Tier): Probe {
  const probe = probeTier(tier);
  const memory = read();
  write({ ...memory, probes: { ...memory.probes, [tier]: probe } });
  return probe;
}

export function forgetProbes(): void {
  write({ boot: bootId(), probes: {} });
}

function read(): Memory {
  const boot = bootId();
  try {
    const memory: Memory = JSON.parse(readFileSync(memoryPath(name), "utf8"));
    if (memory.boot === boot && typeof memory.probes === "object") return memory;
  } catch {
    // Not there or not whole: the same as nothing known.
  }
  return { boot, probes: {} };
}

/** Where it cannot be kept, the next start asks again. */
function write(memory: Memory): void {
  remember(name, JSON.stringify(memory));
}
