// What the probes found, kept until the machine is booted anew: each costs the reading of all of the
// kernel's type information (30-45 ms, measured). Only a memory: whoever uses it still loads the real
// programs, and asks the kernel again when they do not load.

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Tier } from "./kernel.ts";
import { type Probe, probeTier } from "./probe.ts";

/** Written by root only, read by all (`check --host`), on a file system that a boot empties. */
const folder = "/run/actplane";
const path = `${folder}/probes.json`;

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
    const memory: Memory = JSON.parse(readFileSync(path, "utf8"));
    if (memory.boot === boot && typeof memory.probes === "object") return memory;
  } catch {
    // Not there or not whole: the same as nothing known.
  }
  return { boot, probes: {} };
}

/** Whole or not at all; where it cannot be kept, the next start asks again. */
function write(memory: Memory): void {
  try {
    // Whatever the umask: there is nothing in it that anybody must not read.
    if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o755);
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(memory));
    chmodSync(draft, 0o644);
    renameSync(draft, path);
  } catch {
    return;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
