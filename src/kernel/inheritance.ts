// What we were started with and a governed command must get too, although the runtime keeps it from children: open
// descriptors, ignored signals, and the limit on open files.
//
// Bun marks inherited descriptors close-on-exec, resets signals in children, and raises the soft limit to the hard one.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Inheritance {
  /** Descriptors from 3 on, such as those of `<(...)` in a shell. */
  descriptors: readonly number[];
  /** Numbers of ignored signals, as nohup leaves them. */
  ignoredSignals: readonly number[];
  /** Soft RLIMIT_NOFILE; null leaves the hard one. */
  openFilesSoft: number | null;
}

let noted: readonly number[] | null = null;
let taken: Inheritance | null = null;

/** To be asked first of all: whatever is opened before is taken for inherited. Later it answers the same. */
export function noteDescriptors(): readonly number[] {
  noted ??= inheritedDescriptors();
  return noted;
}

/** To be asked before a signal is handled, which would be taken for not ignored. Later it answers the same. */
export function takeInheritance(): Inheritance {
  taken ??= {
    descriptors: noteDescriptors(),
    ignoredSignals: ignoredSignals().filter((signal) => !ignoredByRuntime.includes(signal)),
    openFilesSoft: softLimitOfParent(),
  };
  return taken;
}

/** Bun's own, at the time main.ts begins, are an epoll and an eventfd. */
function inheritedDescriptors(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && !/^anon_inode:\[event|^\/proc\/\d+\/fd$/.test(linkOf(fd)));
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "anon_inode:[event gone]"; // the descriptor of the listing itself
  }
}

const [SIGPIPE, SIGXFSZ] = [13, 25];
// Bun ignores these itself, so whether the caller did is not to be seen; nobody expects it of a shell.
const ignoredByRuntime: readonly number[] = [SIGPIPE, SIGXFSZ];

/** Signals that this process ignores now. */
export function ignoredSignals(): number[] {
  const mask = /^SigIgn:\t(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  const bits = BigInt(`0x${mask?.[1] ?? "0"}`);
  return Array.from({ length: 64 }, (_, index) => index + 1).filter(
    (signal) => ((bits >> BigInt(signal - 1)) & 1n) === 1n,
  );
}

/**
 * Our own limit was raised before any of our code ran, but the process that started us has the one we got. A service
 * manager's own is not what it gives its services; there the kernel's default is. With no parent in sight (PID 1 of a
 * container) nothing is known and the raised limit stays.
 */
function softLimitOfParent(): number | null {
  const kernelDefault = 1024;
  if (process.ppid === 0) return null;
  if (process.ppid === 1) return kernelDefault;
  try {
    const limits = readFileSync(`/proc/${process.ppid}/limits`, "utf8");
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
