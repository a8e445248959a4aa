// bpf/actplane.bpf.c as it was compiled into this executable.

import { readFileSync } from "node:fs";
import embedded from "../../../build/bpf/actplane.bpf.o" with { type: "file" };
import { BpfObject } from "../libbpf/object.ts";

export const objectName = "actplane";

export function embeddedObject(): Uint8Array {
  content ??= readFileSync(embedded);
  return content;
}

let content: Uint8Array | null = null;

/** `kernelTypes` as of BpfObject.open. */
export function openEmbedded(kernelTypes: string | null): BpfObject {
  return BpfObject.open(objectName, embeddedObject(), kernelTypes);
}
