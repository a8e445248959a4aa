// C routines on threads of their own, beside the one that JavaScript lives on.

import { dlopen, type Pointer, ptr } from "bun:ffi";
import { availableParallelism } from "node:os";
import { ownedBytes, viewOf } from "../../base/bytes.ts";

/** Threads that can run at once, this one among them. */
export const processors = availableParallelism();

/** Starts `routine(argument)`; null: there are no threads to be had. What comes back waits for its end. */
export function startThread(routine: Pointer, argument: Pointer | null): (() => void) | null {
  threads ??= pthreads();
  const thread = ownedBytes(8);
  if (threads === null || threads.pthread_create(ptr(thread), null, routine, argument) !== 0)
    return null;
  const { pthread_join } = threads;
  return () => void pthread_join(viewOf(thread).getBigUint64(0, true), null);
}

let threads: ReturnType<typeof pthreads> = null;

const symbols = {
  pthread_create: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  pthread_join: { args: ["u64", "ptr"], returns: "i32" },
} as const;

/** In the C library itself only since glibc 2.34; null: not found. */
function pthreads() {
  for (const path of ["libc.so.6", "libpthread.so.0"]) {
    try {
      return dlopen(path, symbols).symbols;
    } catch {
      // The other one has them.
    }
  }
  return null;
}
