// Starts the governed command, held back until its process is known to the kernel half.
//
//   const launch = await startLauncher({ argv: ["claude"], environment, cwd, identity, inheritance });
//   seedDomain(launch.pid);          // the process that will become the command
//   launch.release();
//   const end = await launch.ended;  // { code: 0 } or { signal: 9 }
//
// The launcher is a small program of its own (packaging/attendants). It reports ready when it will open nothing more, and then waits
// for its orders on a pipe. When we die before giving them the pipe ends, and the launcher with it.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { cString, type OwnedBytes, ownedCopy, viewOf } from "../base/bytes.ts";
import { attendantCommand, attendantEnvironment, attendantFds, wordsOf } from "./attendant.ts";
import { confinementFilter } from "./confinement.ts";
import type { Inheritance } from "./inheritance.ts";
import { pipe, readByte, writeAll } from "./libc.ts";
import { leaveToRuntime, reapOrphansAsInit } from "./reaper.ts";
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
  /** The command goes on when we end: nobody waits for it any more. */
  leave(): void;
}

/** What is known only when the kernel half is there. */
export interface Confinement {
  /** Without hooks, some system calls have to be kept from the command altogether (confinement.ts). */
  confined: boolean;
}

/** What the launcher is told at its release. */
type LaunchOrders = Omit<LaunchOptions, "cwd" | "streams"> & Confinement;

/** Exit codes of a launch that came to nothing, as shells use them. */
export const LaunchCode = { failed: 125, cannotExecute: 126, notFound: 127 } as const;

export async function startLauncher(options: LaunchOptions): Promise<Launch> {
  const { cwd, streams, ...orders } = options;
  const ordersPipe = pipe();
  const readyPipe = pipe();
  const inherited = orders.inheritance.descriptors;
  const strings = stringsOf(orders);
  const [input, output, error] = streams ?? (["inherit", "inherit", "inherit"] as const);
  const launcher = Bun.spawn({
    ...attendantCommand("__launch", attendantFds.first + inherited.length),
    cwd,
    env: attendantEnvironment,
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
      writeAll(ordersPipe.writeFd, ordersBytes({ ...orders, ...confinement }, strings));
      closeSync(ordersPipe.writeFd);
    },
    cancel: () => closeSync(ordersPipe.writeFd),
    leave: () => launcher.unref(),
  };
}

/** Arguments and environment, each with its NUL. Throws where one holds a NUL itself. */
function stringsOf({ argv, environment }: Pick<LaunchOptions, "argv" | "environment">): Uint8Array {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return Buffer.concat([...argv, ...variables].map(cString));
}

/** As `struct orders` of packaging/attendants/attendants.c and what follows it. */
function ordersBytes(orders: LaunchOrders, strings: Uint8Array): OwnedBytes {
  const { argv, environment, identity, inheritance, confined } = orders;
  const { descriptors, ignoredSignals, openFilesSoft } = inheritance;
  const filter = confined ? confinementFilter() : new Uint8Array(0);
  const ignored = ignoredSignals.reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n);
  const groups = identity?.groups ?? [];
  const head = wordsOf(
    0, // the length of it all
    openFilesSoft === null ? 0 : 1,
    Math.min(openFilesSoft ?? 0, 0xffffffff),
    Number(ignored & 0xffffffffn),
    Number(ignored >> 32n),
    identity === null ? 0 : 1,
    identity?.uid ?? 0,
    identity?.gid ?? 0,
    groups.length,
    descriptors.length,
    filter.length / instructionBytes,
    argv.length,
    Object.keys(environment).length,
    ...groups,
    ...descriptors,
  );
  viewOf(head).setUint32(0, head.length + filter.length + strings.length, true);
  return ownedCopy(Buffer.concat([head, filter, strings]));
}

const instructionBytes = 8;

function endOf(code: number, signal: NodeJS.Signals | number | null): End {
  if (signal === null) return { code };
  return { signal: typeof signal === "number" ? signal : constants.signals[signal] };
}

/** The exit code that a shell would show: 128 + n for a signal. */
export function exitCodeOf(end: End): number {
  return "code" in end ? end.code : 128 + end.signal;
}
