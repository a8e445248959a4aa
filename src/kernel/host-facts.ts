// What the machine says of itself: read, not tried. Explains why a probe failed; never decides a tier.

import { existsSync, readFileSync } from "node:fs";
import { release, version } from "node:os";
import { gunzipSync } from "node:zlib";
import { bootId, keptPath, remember } from "./boot-memory.ts";
import { cgroupRoot } from "./cgroup.ts";
import {
  interruptsPrograms,
  type Preemption,
  preemptionChoices,
  preemptionOf,
} from "./preemption.ts";

export interface HostFacts {
  readonly release: string;
  readonly architecture: string;
  readonly isRoot: boolean;
  /** Type information of the kernel, without which no program can be fitted to it. */
  readonly hasBtf: boolean;
  /** The active LSMs in their order; null: securityfs is not mounted. */
  readonly lsms: readonly string[] | null;
  /** `none`, `integrity` or `confidentiality`; null: not known. */
  readonly lockdown: string | null;
  /** Options of the kernel's build; null: neither /proc/config.gz nor /boot/config-* is there. */
  readonly config: ReadonlyMap<string, string> | null;
  readonly cgroupRoot: string | null;
  /** How threads are made to leave the processor inside the kernel; null: not known. */
  readonly preemption: Preemption | null;
}

export function hostFacts(): HostFacts {
  const lockdown = readOr("/sys/kernel/security/lockdown");
  return {
    release: release(),
    architecture: process.arch,
    isRoot: process.geteuid?.() === 0,
    hasBtf: existsSync("/sys/kernel/btf/vmlinux"),
    lsms: readOr("/sys/kernel/security/lsm")?.trim().split(",") ?? null,
    lockdown: /\[(\w+)\]/.exec(lockdown ?? "")?.[1] ?? null,
    config: readConfig(),
    cgroupRoot: cgroupRoot(),
    preemption: hostPreemption(),
  };
}

export function hostPreemption(): Preemption | null {
  return preemptionOf({
    choices: preemptionChoices(),
    version: version(),
    commandLine: readOr("/proc/cmdline") ?? "",
    config: rememberedPreemptConfig,
  });
}

/** Whether this kernel may skip modify-return programs that it interrupted (bpf/copies.h). */
export function hostSkipsHooks(): boolean {
  return interruptsPrograms(hostPreemption());
}

/** To decompress ten thousand options takes a start 2 ms, and they stay the same until the next boot. */
function rememberedPreemptConfig(): ReadonlyMap<string, string> | null {
  const name = `preempt-config-${bootId()}`;
  const kept = keptPath(name);
  if (kept !== null) return optionsIn(readOr(kept) ?? "");
  const options = readConfig(/^(CONFIG_PREEMPT\w*)=(.*)$/gm);
  const lines = [...(options ?? [])].map(([option, value]) => `${option}=${value}\n`);
  if (options !== null) remember(name, lines.join(""));
  return options;
}

function readConfig(options = anyOption): Map<string, string> | null {
  const text = readCompressed("/proc/config.gz") ?? readOr(`/boot/config-${release()}`);
  return text === null ? null : optionsIn(text, options);
}

const anyOption = /^(CONFIG_\w+)=(.*)$/gm;

function optionsIn(text: string, options = anyOption): Map<string, string> {
  return new Map([...text.matchAll(options)].map(([, name, value]) => [name ?? "", value ?? ""]));
}

function readCompressed(path: string): string | null {
  try {
    return gunzipSync(readFileSync(path)).toString("utf8");
  } catch {
    return null;
  }
}

function readOr(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
