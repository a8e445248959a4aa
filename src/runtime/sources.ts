// Which labels a name gives by itself, by the policy's `source` lines: where a chain of causes begins.
// It asks the tables that the kernel half reads.

import { entry as entryAt, entryKinds, LABEL_WORDS, operationBits } from "../ir/abi.ts";
import type { Compiled } from "../ir/ir.ts";
import { entryOffset, walk } from "../ir/run.ts";
import type { KernelEvent } from "../kernel/kernel.ts";
import { addressOps, wordsOf } from "./bytes.ts";

/**
 * The labels of which the event's own names are a source. A program's arguments are not asked: of two
 * explanations the nearer one is told.
 */
export function sourcesOf({ image }: Compiled, event: KernelEvent): ReadonlySet<number> {
  const labels = new Set<number>();
  const add = (kind: "path" | "exec" | "endpoint", bytes: Uint8Array, operation: number) => {
    for (const { accepts } of walk(image, kind, bytes))
      for (const number of accepts)
        for (const bit of labelsOf(image, number, operation)) labels.add(bit);
  };
  if (image.length === 0 || event.first.length === 0) return labels;
  if (event.ops & addressOps) {
    add("endpoint", event.first, event.ops & addressOps);
    return labels;
  }
  add("path", event.first, operationBits.read);
  if ((event.ops & operationBits.exec) === 0) return labels;
  add("exec", event.first, operationBits.exec);
  const script = wordsOf(event.second, event.words)[event.script];
  if (event.script > 0 && script !== undefined)
    add("exec", new TextEncoder().encode(script), operationBits.exec);
  return labels;
}

function labelsOf(image: Uint32Array, number: number, operation: number): number[] {
  const at = entryOffset(image, number);
  const kind = image[at + entryAt.kind];
  const ops = image[at + entryAt.ops] ?? 0;
  if (kind !== entryKinds.label || (ops & operation) === 0) return [];
  return Array.from({ length: LABEL_WORDS * 32 }, (_, bit) => bit).filter(
    (bit) => (((image[at + entryAt.all + (bit >> 5)] ?? 0) >>> (bit & 31)) & 1) === 1,
  );
}
