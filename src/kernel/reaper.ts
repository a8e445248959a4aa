// The duty of PID 1: to wait for processes that lost their parent, so that they do not stay as zombies. The runtime waits
// only for children it started itself, and those must be left to it.

import { ptr } from "bun:ffi";
import { ownedBytes, viewOf } from "../base/bytes.ts";
import { libc } from "./libc.ts";

/** How soon to look again when a child of the runtime stands before the others. */
const againMs = 20;

const runtimeChildren = new Set<number>();
let isReaping = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** A child that Bun.spawn started: to be said of every one, before it can end unseen. */
export function leaveToRuntime(pid: number): void {
  runtimeChildren.add(pid);
}

/** As PID 1, waits for every other child from here on; otherwise they are not ours to wait for. */
export function reapOrphansAsInit(): void {
  if (process.pid !== 1 || isReaping) return;
  isReaping = true;
  process.on("SIGCHLD", reap);
  reap();
}

function reap(): void {
  clearTimeout(timer);
  for (let pid = endedChild(); pid !== 0; pid = endedChild()) {
    // The kernel shows only the first that has ended: the runtime must take its own before we see the next.
    if (runtimeChildren.has(pid)) {
      timer = setTimeout(reap, againMs);
      return;
    }
    take(pid);
  }
}

const [P_ALL, P_PID] = [0, 1];
const [WNOHANG, WEXITED, WNOWAIT] = [1, 4, 0x01000000];

/** A child that has ended and was not waited for, or 0. */
function endedChild(): number {
  const siginfo = ownedBytes(128);
  const pidOffset = 16;
  const result = libc.waitid(P_ALL, 0, ptr(siginfo), WEXITED | WNOHANG | WNOWAIT);
  return result < 0 ? 0 : viewOf(siginfo).getInt32(pidOffset, true);
}

function take(pid: number): void {
  libc.waitid(P_PID, pid, null, WEXITED | WNOHANG);
}
