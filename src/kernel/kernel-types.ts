// The types of this kernel that a BPF object asks about, as a file for libbpf, made once a boot: to search all of them took
// half of a start (30 of 60 ms, measured).

import { readFileSync } from "node:fs";
import { bootId, forget, keptPath, memoryPath, remember } from "./boot-memory.ts";
import { reducedBtf } from "./btf.ts";
import { BpfObject } from "./libbpf/object.ts";

/** Its path; null: there is none, and libbpf looks for the kernel's own. */
export function kernelTypesFor(content: Uint8Array): string | null {
  const known = knownKernelTypesFor(content);
  if (known !== null) return known;
  const name = nameFor(content);
  const types = freshTypes(content);
  return types !== null && remember(name, types) ? memoryPath(name) : null;
}

/** Null: they have not been made since the machine was booted. */
export function knownKernelTypesFor(content: Uint8Array): string | null {
  return keptPath(nameFor(content));
}

/** After a load that failed with them. */
export function forgetKernelTypes(content: Uint8Array): void {
  forget(nameFor(content));
}

/** Of another boot or another build another one: neither's fields need be where they were. */
function nameFor(content: Uint8Array): string {
  return `types-${bootId()}-${Bun.hash(content).toString(16)}.btf`;
}

function freshTypes(content: Uint8Array): Uint8Array | null {
  let kernelBtf: Uint8Array;
  try {
    kernelBtf = readFileSync("/sys/kernel/btf/vmlinux");
  } catch {
    return null;
  }
  const object = BpfObject.open("types", content);
  try {
    return reducedBtf(kernelBtf, object.types);
  } finally {
    object.close();
  }
}

/** Whether the kernel has a function of that name; some 5 MB are read for it. */
export function kernelHasFunction(name: string): boolean {
  return readFileSync("/sys/kernel/btf/vmlinux").includes(`\0${name}\0`);
}
