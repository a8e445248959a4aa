// The launcher: the process that waits to be released and then becomes the governed command (see launch.ts).
//
// Between "ready" and the command nothing is opened or created, because the kernel half may already count what this
// process does. From the orders on everything goes through libc, and nothing returns to Bun's event loop.

import { ptr } from "bun:ffi";
import { constants } from "node:os";
import { cString, type OwnedBytes, ownedBytes, ownedCopy, viewOf } from "../base/bytes.ts";
import { confine } from "./confinement.ts";
import { ignoredSignals } from "./inheritance.ts";
import { LaunchCode, type LaunchOrders, launcherFds } from "./launch.ts";
import {
  checked,
  close,
  errno,
  libc,
  readBlocking,
  SIG_DFL,
  SIG_IGN,
  setSignal,
  writeAll,
} from "./libc.ts";
import type { Identity } from "./user.ts";

export function launchProcess(): never {
  const ignoredNow = ignoredSignals();
  const orders = awaitOrders();
  if (orders === null) exit(LaunchCode.failed);
  try {
    restoreSignals(ignoredNow, orders.inheritance.ignoredSignals);
    restoreOpenFilesLimit(orders.inheritance.openFilesSoft);
    // Before the identity: as another user it would take no_new_privs, which breaks sudo for the command.
    if (orders.confined) confine();
    if (orders.identity !== null) become(orders.identity);
    placeDescriptors(orders.inheritance.descriptors);
  } catch (failure) {
    say(`cannot start ${orders.argv[0]}: ${failure instanceof Error ? failure.message : failure}`);
    exit(LaunchCode.failed);
  }
  execute(orders);
}

/** Null when the parent went away, or changed its mind, before it gave all of them. */
function awaitOrders(): LaunchOrders | null {
  writeAll(launcherFds.ready, ownedBytes(1));
  close(launcherFds.ready);
  const chunks: Uint8Array[] = [];
  const chunk = ownedBytes(64 * 1024);
  for (;;) {
    const count = readBlocking(launcherFds.orders, chunk);
    if (count === 0) break;
    chunks.push(chunk.slice(0, count));
  }
  close(launcherFds.orders);
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return null;
  }
}

/** Handlers need no care, exec resets them; what is ignored or blocked stays so. */
function restoreSignals(ignoredNow: readonly number[], wanted: readonly number[]): void {
  for (const signal of ignoredNow) setSignal(signal, SIG_DFL);
  for (const signal of wanted) setSignal(signal, SIG_IGN);
  const SIG_SETMASK = 2;
  const none = ownedBytes(128);
  libc.pthread_sigmask(SIG_SETMASK, ptr(none), null);
}

function restoreOpenFilesLimit(soft: number | null): void {
  if (soft === null) return;
  const RLIMIT_NOFILE = 7;
  const limit = ownedBytes(16);
  checked("getrlimit", libc.getrlimit(RLIMIT_NOFILE, ptr(limit)));
  const view = viewOf(limit);
  const hard = view.getBigUint64(8, true);
  view.setBigUint64(0, BigInt(soft) < hard ? BigInt(soft) : hard, true);
  checked("setrlimit", libc.setrlimit(RLIMIT_NOFILE, ptr(limit)));
}

/** Groups first: without being root they cannot be changed. */
function become({ uid, gid, groups }: Identity): void {
  const list = ownedBytes(Math.max(1, groups.length) * 4);
  groups.forEach((group, index) => {
    viewOf(list).setUint32(index * 4, group, true);
  });
  checked("setgroups", libc.setgroups(groups.length, ptr(list)));
  checked("setresgid", libc.setresgid(gid, gid, gid));
  checked("setresuid", libc.setresuid(uid, uid, uid));
}

/** Moves the inherited descriptors from where Bun.spawn put them to the numbers they had. */
function placeDescriptors(numbers: readonly number[]): void {
  const F_DUPFD_CLOEXEC = 1030;
  // First out of the way of every target, then each to its own; what lies there is ours and no longer needed.
  const aside = Math.max(launcherFds.first + numbers.length, ...numbers) + 1;
  const moved = numbers.map((_, index) => {
    const from = launcherFds.first + index;
    const to = checked("fcntl", libc.fcntl(from, F_DUPFD_CLOEXEC, aside));
    close(from);
    return to;
  });
  moved.forEach((from, index) => {
    checked("dup2", libc.dup2(from, numbers[index] as number));
  });
}

function execute({ argv, environment }: LaunchOrders): never {
  const path = environment.PATH;
  if (path !== undefined) {
    // execvpe searches the PATH of the calling process, not of the new one.
    const name = cString("PATH");
    const value = cString(path);
    libc.setenv(ptr(name), ptr(value), 1);
  }
  const command = argv[0] ?? "";
  const file = cString(command);
  const argvStrings = argv.map(cString);
  const environmentStrings = Object.entries(environment).map(([name, value]) =>
    cString(`${name}=${value}`),
  );
  const argvArray = pointerArray(argvStrings);
  const environmentArray = pointerArray(environmentStrings);
  libc.execvpe(ptr(file), ptr(argvArray), ptr(environmentArray));
  const failure = errno();
  // Named once more so that everything C reads is alive until here.
  kept.push(file, argvArray, environmentArray, ...argvStrings, ...environmentStrings);
  if (failure === constants.errno.ENOENT && !command.includes("/")) {
    say(`${command}: command not found`);
    exit(LaunchCode.notFound);
  }
  say(`${command}: ${libc.strerror(failure)}`);
  exit(failure === constants.errno.ENOENT ? LaunchCode.notFound : LaunchCode.cannotExecute);
}

const kept: OwnedBytes[] = [];

function pointerArray(strings: readonly OwnedBytes[]): OwnedBytes {
  const array = ownedBytes((strings.length + 1) * 8);
  strings.forEach((string, index) => {
    viewOf(array).setBigUint64(index * 8, BigInt(ptr(string)), true);
  });
  return array;
}

function say(text: string): void {
  writeAll(2, ownedCopy(new TextEncoder().encode(`actplane: ${text}\n`)));
}

function exit(code: number): never {
  libc._exit(code);
  throw new Error("_exit returned");
}
