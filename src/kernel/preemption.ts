// Whether this kernel takes the processor from a thread inside a program of ours. Where it does, it skips tracing
// programs that it interrupted (bpf/copies.h), so a hook needs several of them.

import { ptr } from "bun:ffi";
import { close, closeSync, readFileSync } from "node:fs";
import { cString } from "../base/bytes.ts";
import { libc } from "./libc.ts";

/** As the kernel calls them; `lazy` is `full` for real-time threads, and for others a tick later. */
const preemptions = ["none", "voluntary", "full", "lazy"] as const;
export type Preemption = (typeof preemptions)[number];

/** What tells how the kernel preempts. */
export interface PreemptionSources {
  /** The choices with the one in force in parentheses, `none voluntary (full)`; null: not to be had. */
  readonly choices: string | null;
  /** As uname -v writes it. */
  readonly version: string;
  readonly commandLine: string;
  /** Options of the kernel's build. */
  readonly config: () => ReadonlyMap<string, string> | null;
}

/** Null: it does not say. */
export function preemptionOf({
  choices,
  version,
  commandLine,
  config,
}: PreemptionSources): Preemption | null {
  const chosen = named(/\((\w+)\)/.exec(choices ?? "")?.[1]);
  if (chosen !== null) return chosen;
  const build = /\bPREEMPT\w*/.exec(version)?.[0] ?? null;
  // A build that does not mention it knows two ways, which differ in nothing here.
  if (build === null) return "voluntary";
  if (build !== "PREEMPT_DYNAMIC") return build === "PREEMPT_LAZY" ? "lazy" : "full";
  const booted = named(/(?:^|\s)preempt=(\w+)/.exec(commandLine)?.[1]);
  if (booted !== null) return booted;
  const options = config();
  return (
    preemptions.find((each) => options?.get(`CONFIG_PREEMPT_${each.toUpperCase()}`) === "y") ??
    (options?.get("CONFIG_PREEMPT") === "y" ? "full" : null)
  );
}

/** A program can be interrupted by another thread. One that does not say how it preempts may. */
export function interruptsPrograms(preemption: Preemption | null): boolean {
  return preemption !== "none" && preemption !== "voluntary";
}

function named(word: string | undefined): Preemption | null {
  return preemptions.find((each) => each === word) ?? null;
}

/** The choices of a kernel that has them; null: there are none for us. They can be changed while it runs. */
export function preemptionChoices(): string | null {
  try {
    return readFileSync("/sys/kernel/debug/sched/preempt", "utf8");
  } catch {
    return readUnmounted("debugfs", "sched/preempt");
  }
}

/** A file of a file system that is mounted nowhere, and nowhere to be seen afterwards. */
function readUnmounted(type: string, path: string): string | null {
  const [SYS_fsopen, SYS_fsconfig, SYS_fsmount] = [430, 431, 432];
  const [CLOEXEC, FSCONFIG_CMD_CREATE] = [1, 6];
  const call = (number: number, ...args: (number | bigint)[]) =>
    Number(libc.syscall(number, ...([...args, 0, 0, 0, 0, 0, 0].slice(0, 6) as SixNumbers)));
  const name = cString(type);
  const context = call(SYS_fsopen, ptr(name), CLOEXEC);
  if (context < 0) return null;
  try {
    if (call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE) < 0) return null;
    const mount = call(SYS_fsmount, context, CLOEXEC);
    if (mount < 0) return null;
    try {
      return readFileSync(`/proc/self/fd/${mount}/${path}`, "utf8");
    } catch {
      return null;
    } finally {
      // Not here: the kernel waits until nobody can be in the mount any more (2 ms, measured).
      close(mount, () => {});
    }
  } finally {
    closeSync(context);
  }
}

type SixNumbers = [number, number, number, number, number, number];
