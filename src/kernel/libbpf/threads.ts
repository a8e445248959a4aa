// Loading on two processors. The verifier takes its time for every program (a start of the tool is mostly that), and takes
// several at once. Maps are made first; then each half of the programs is loaded by an object of its own over these maps.

import { dlopen, ptr } from "bun:ffi";
import { availableParallelism } from "node:os";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { checkedResult, libbpf, loader, withoutCallbacks } from "./library.ts";
import type { BpfObject } from "./object.ts";
import type { BpfProgram } from "./program.ts";

/**
 * As `object.load()`, for programs that are what their sections say. `another` opens the same file anew; what it opened is
 * closed with `object`.
 */
export function loadOnTwoThreads(object: BpfObject, another: () => BpfObject): void {
  const routine = loader();
  const threads = availableParallelism() > 1 && routine !== null ? pthreads() : null;
  const programs = [...object.programs.values()].filter(({ autoload }) => autoload);
  if (threads === null || routine === null || programs.length < 2) {
    object.load();
    return;
  }
  for (const program of programs) program.setAutoload(false);
  object.load();
  const parts = halves(programs).map((half) => {
    const part = another();
    object.own(part);
    const names = new Set(half.map(({ name }) => name));
    for (const program of part.programs.values()) program.setAutoload(names.has(program.name));
    for (const map of part.maps.values()) map.reuse(object.map(map.name).fd);
    return part;
  });
  const [here, there] = parts as [BpfObject, BpfObject];
  const results = withoutCallbacks(() => {
    const thread = ownedBytes(8);
    const result = ownedBytes(8);
    const failure = threads.pthread_create(ptr(thread), null, routine, there.address);
    const first = libbpf().bpf_object__load(here.address);
    if (failure !== 0) return [first, libbpf().bpf_object__load(there.address)];
    threads.pthread_join(viewOf(thread).getBigUint64(0, true), ptr(result));
    return [first, viewOf(result).getInt32(0, true)];
  });
  for (const result of results) checkedResult("bpf_object__load", result);
  for (const part of parts)
    for (const program of part.programs.values())
      if (program.autoload) object.program(program.name).become(program);
}

/** Of about the same size: the largest first, each to the half that is smaller so far. */
function halves(programs: readonly BpfProgram[]): readonly BpfProgram[][] {
  const both: [BpfProgram[], BpfProgram[]] = [[], []];
  const sizeOf = (half: readonly BpfProgram[]) => half.reduce((sum, { size }) => sum + size, 0);
  for (const program of programs.toSorted((a, b) => b.size - a.size))
    both[sizeOf(both[0]) <= sizeOf(both[1]) ? 0 : 1].push(program);
  return both;
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
