// The objects of bpf/*.bpf.c as they were compiled into this executable: one for the tiers with hooks, one for tracepoints.

import { readFileSync } from "node:fs";
import hook from "../../../build/bpf/hook.bpf.o" with { type: "file" };
import trace from "../../../build/bpf/trace.bpf.o" with { type: "file" };
import type { Tier } from "../kernel.ts";
import { BpfObject } from "../libbpf/object.ts";

export const objectName = "actplane";

const files: Readonly<Record<Tier, string>> = {
  lsm: hook,
  "modify-return": hook,
  tracepoint: trace,
};

/** The object with the programs of `tier`. */
export function embeddedObject(tier: Tier): Uint8Array {
  const file = files[tier];
  const known = contents.get(file) ?? readFileSync(file);
  contents.set(file, known);
  return known;
}

const contents = new Map<string, Uint8Array>();

/** `kernelTypes` as of BpfObject.open. */
export function openEmbedded(tier: Tier, kernelTypes: string | null): BpfObject {
  return BpfObject.open(objectName, embeddedObject(tier), kernelTypes);
}
