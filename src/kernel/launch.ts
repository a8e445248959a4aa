// Starts the governed command, held back until its process is known to the kernel half.
//
//   const launch = await startLauncher({ argv: ["claude"], environment, cwd, identity, inheritance });
//   seedDomain(launch.pid);          // the process that will become the command
//   launch.release();
//   const end = await launch.ended;  // { code: 0 } or { signal: 9 }
//
// The launcher is this program again (launch.process.ts). It reports ready when it will open nothing more, and then waits
// for its orders on a pipe. When we die before giving them the pipe ends, and the launcher with it.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { ownedCopy } from "../base/bytes.ts";
import type { Inheritance } from "./inheritance.ts";
import { pipe, readByte, writeAll } from "./libc.ts";
import { leaveToRuntime, reapOrphansAsInit } from "./reaper.ts";
import { selfCommand, selfEnvironment } from "./self.ts";
import type { Identity } from "./user.ts";

export interface LaunchOptions {
  /** The command and its arguments; the command is looked for in the PATH of `environment`, as the user. */
  argv: readonly string[];
  environment: Readonly<Record<string, string>>;
  cwd: string;
  /** Whom to become; null keeps who we are. */
  identity: Identity | null;
  inheritance: Inheritance;
  /** Descriptors for standard input, output and error; default: our own. */
  streams?: readonly [number, number, number];
}

/** How a process ended: by itself, or by the signal of that number. */
export type End = { code: number } | { signal: number };

export interface Launch {
  /** The process that becomes the command. */
  readonly pid: number;
  readonly ended: Promise<End>;
  /** Lets the command begin. */
  release(confinement: Confinement): void;
  /** Ends the launcher instead; `ended` then tells exit code 125. */
  cancel(): void;
}

/** What is known only when the kernel half is there. */
export interface Confinement {
  /** Without hooks, some system calls have to be kept from the command altogether (confinement.ts). */
  confined: boolean;
}

/** What the launcher is told at its release, as JSON on a pipe. */
export interface LaunchOrders extends Omit<LaunchOptions, "cwd" | "streams">, Confinement {}

/** Where the launcher finds its pipes; inherited descriptors follow from `first` on, in order. */
export const launcherFds = { orders: 3, ready: 4, first: 5 } as const;

/** Exit codes of a launch that came to nothing, as shells use them. */
export const LaunchCode = { failed: 125, cannotExecute: 126, notFound: 127 } as const;

export async function startLauncher(options: LaunchOptions): Promise<Launch> {
  const { cwd, streams, ...orders } = options;
  const ordersPipe = pipe();
  const readyPipe = pipe();
  const inherited = orders.inheritance.descriptors;
  const [input, output, error] = streams ?? (["inherit", "inherit", "inherit"] as const);
  const launcher = Bun.spawn(selfCommand("__launch"), {
    cwd,
    env: selfEnvironment,
    stdio: [input, output, error, ordersPipe.readFd, readyPipe.writeFd, ...inherited],
  });
  leaveToRuntime(launcher.pid);
  reapOrphansAsInit();
  closeSync(ordersPipe.readFd);
  closeSync(readyPipe.writeFd);
  const ended = launcher.exited.then((code) => endOf(code, launcher.signalCode));
  const ready = await readByte(readyPipe.readFd);
  closeSync(readyPipe.readFd);
  if (!ready) {
    closeSync(ordersPipe.writeFd);
    const end = await ended;
    throw new Error(`the launcher ended before it was ready (${JSON.stringify(end)})`);
  }
  return {
    pid: launcher.pid,
    ended,
    release: (confinement) => {
      const ordersText: LaunchOrders = { ...orders, ...confinement };
      writeAll(ordersPipe.writeFd, ownedCopy(new TextEncoder().encode(JSON.stringify(ordersText))));
      closeSync(ordersPipe.writeFd);
    },
    cancel: () => closeSync(ordersPipe.writeFd),
  };
}

function endOf(code: number, signal: NodeJS.Signals | number | null): End {
  if (signal === null) return { code };
  return { signal: typeof signal === "number" ? signal : constants.signals[signal] };
}

/** The exit code that a shell would show: 128 + n for a signal. */
export function exitCodeOf(end: End): number {
  return "code" in end ? end.code : 128 + end.signal;
}
