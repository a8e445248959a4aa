// Loading on two processors. The verifier takes its time for every program (a start of the tool is mostly that), and takes
// several at once. libbpf makes the maps and prepares the programs; then two threads take one after another, the largest
// first (packaging/libbpf/shims.c).

import { dlopen, ptr } from "bun:ffi";
import { availableParallelism } from "node:os";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { checkedResult, putOff, withoutCallbacks } from "./library.ts";
import type { BpfObject } from "./object.ts";

/** As `object.load()`. */
export function loadOnTwoThreads(object: BpfObject): void {
  const programs = putOff();
  const threads = availableParallelism() > 1 && programs !== null ? pthreads() : null;
  if (threads === null || programs === null) {
    object.load();
    return;
  }
  const result = withoutCallbacks(() => {
    const failure = programs.defer(object.address);
    if (failure !== 0) return failure;
    const thread = ownedBytes(8);
    const isAlone = threads.pthread_create(ptr(thread), null, programs.routine, null) !== 0;
    programs.load();
    if (!isAlone) threads.pthread_join(viewOf(thread).getBigUint64(0, true), null);
    return programs.place();
  });
  checkedResult("bpf_object__load", result);
}

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
