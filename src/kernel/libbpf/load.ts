// Loading on several processors. The verifier takes its time for every program (a start of the tool is mostly that), and
// takes several at once. libbpf makes the maps and prepares the programs; what their constants say is never run is taken
// out; then each thread takes one after another, the largest first (packaging/libbpf/shims.c).

import { checkedResult, putOff, withoutCallbacks } from "./library.ts";
import type { BpfObject } from "./object.ts";
import { processors, startThread } from "./threads.ts";

/** The largest program takes about a quarter of all the time: more threads would have nothing to do. */
const threadsMax = 4;

/** As `object.load()`. */
export function loadOnThreads(object: BpfObject): void {
  const programs = putOff();
  if (programs === null) {
    object.load();
    return;
  }
  const result = withoutCallbacks(() => {
    const failure = programs.defer(object.address);
    if (failure !== 0) return failure;
    const others = Array.from({ length: Math.min(processors, threadsMax) - 1 }, () =>
      startThread(programs.routine, null),
    );
    programs.load();
    for (const join of others) join?.();
    return programs.place();
  });
  checkedResult("bpf_object__load", result);
}
