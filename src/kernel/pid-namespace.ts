// Whether numbers of processes mean to us what they mean to the kernel half.

import { readlinkSync } from "node:fs";

/** Whether the numbers of processes that we see are those of the first pid namespace. */
export function seesKernelPids(): boolean {
  const firstPidNamespace = "pid:[4026531836]";
  return readlinkSync("/proc/self/ns/pid") === firstPidNamespace;
}
