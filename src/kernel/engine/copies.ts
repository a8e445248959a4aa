// Programs that the kernel may skip (bpf/copies.h): which of them this kernel needs, and several of one body.

import { release } from "node:os";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { hostSkipsHooks } from "../host-facts.ts";
import type { BpfObject } from "../libbpf/object.ts";
import type { BpfProgram } from "../libbpf/program.ts";
import { loadOnThreads } from "../libbpf/steps.ts";
import { isOlder } from "../release.ts";

export interface Skipping {
  /** The kernel skips modify-return programs, so that they may not judge. */
  readonly hooks: boolean;
  /** How many programs of one body a tracepoint needs. */
  readonly traceCopies: number;
}

const none: Skipping = { hooks: false, traceCopies: 1 };
/** ARCHITECTURE.md has the measurements. */
const traceCopiesWhereSkipped = 3;

/** What this kernel skips. */
export function skippingHere(): Skipping {
  if (!hostSkipsHooks()) return none;
  return { hooks: true, traceCopies: interruptsTraces(release()) ? traceCopiesWhereSkipped : 1 };
}

/** Seen in 7.3 and not in 6.12, which runs tracepoint programs without being preempted; between them not looked at. */
function interruptsTraces(kernel: string): boolean {
  return !isOlder(kernel, [6, 13]);
}

/**
 * How often something may have gone on unseen: all programs of one body must have been skipped. Keys are names as they are
 * attached. What becomes of a hook's verdict (`first_`, `take`) is counted by the programs themselves.
 */
export function skippedOf(misses: ReadonlyMap<string, bigint>): bigint {
  const least = new Map<string, bigint>();
  for (const [name, count] of misses) {
    if (/^(?:first_|take\d_)/.test(name)) continue;
    const body = name.replace(/-\d+$/, "");
    const before = least.get(body);
    if (before === undefined || count < before) least.set(body, count);
  }
  return [...least.values()].reduce((sum, count) => sum + count, 0n);
}

/** To be called before programs of `object` are loaded; the variables are of 32 bits. */
export function setConstants(object: BpfObject, values: Readonly<Record<string, number>>): void {
  const words = Object.entries(values).map(([name, value]) => [name, u32(value)]);
  object.map(".rodata").setVariables(Object.fromEntries(words));
}

/** Copies of the tracepoint programs among `programs` of `first`, which is loaded; `object` is made of the same file. */
export function loadCopy(
  object: BpfObject,
  first: BpfObject,
  programs: readonly BpfProgram[],
): BpfProgram[] {
  const names = programs.flatMap(({ name, section }) =>
    section.startsWith("raw_tp/") ? [name] : [],
  );
  for (const program of object.programs.values()) program.setAutoload(names.includes(program.name));
  // Everything is shared but the constants, which say which copy this is.
  for (const map of object.maps.values())
    if (map.name !== ".rodata") map.reuse(first.map(map.name).fd);
  loadOnThreads(object);
  return names.map((name) => object.program(name));
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
