// Entries: what the kernel half does when a name is accepted. One a conjunction of a clause, one a
// source of a label, one a way to open a gate or to make it stale.

import {
  effectNumbers,
  entry as entryAt,
  entryKinds,
  LABEL_WORDS,
  type OperationName,
  operationBits,
} from "./abi.ts";
import type { ImageWriter } from "./writer.ts";

export interface Entry {
  readonly kind: keyof typeof entryKinds;
  readonly operations: readonly OperationName[];
  readonly effect: keyof typeof effectNumbers | null;
  /** A clause or a gate. */
  readonly id: number;
  /** Gates as bits: any of them being open is an exception. */
  readonly gates: bigint;
  /** Gates as bits: all of them must be open. */
  readonly needs: bigint;
  /** Labels as bits. */
  readonly all: bigint;
  readonly none: bigint;
  /** Atoms that must all be present. */
  readonly args: readonly number[];
  /** Atoms of the resolved program: one that is present, or one that is absent, is an exception. */
  readonly except: readonly number[];
  readonly exceptNot: readonly number[];
}

export const emptyEntry: Omit<Entry, "kind" | "operations"> = {
  effect: null,
  id: 0,
  gates: 0n,
  needs: 0n,
  all: 0n,
  none: 0n,
  args: [],
  except: [],
  exceptNot: [],
};

export function operationMask(operations: readonly OperationName[]): number {
  return operations.reduce((mask, name) => mask | operationBits[name], 0);
}

export function writeEntry(writer: ImageWriter, at: number, entry: Entry): void {
  writer.set(at + entryAt.kind, entryKinds[entry.kind]);
  writer.set(at + entryAt.ops, operationMask(entry.operations));
  writer.set(at + entryAt.effect, entry.effect === null ? 0 : effectNumbers[entry.effect]);
  writer.set(at + entryAt.id, entry.id);
  writer.setAll(at + entryAt.gates, maskWords(entry.gates, 2));
  writer.setAll(at + entryAt.all, maskWords(entry.all, LABEL_WORDS));
  writer.setAll(at + entryAt.none, maskWords(entry.none, LABEL_WORDS));
  writer.set(at + entryAt.argsAt, writer.list(entry.args));
  writer.set(at + entryAt.exceptAt, writer.list(entry.except));
  writer.setAll(at + entryAt.needs, maskWords(entry.needs, 2));
  writer.set(at + entryAt.exceptNotAt, writer.list(entry.exceptNot));
}

/** Least significant word first. */
export function maskWords(mask: bigint, words: number): number[] {
  return Array.from({ length: words }, (_, i) => Number((mask >> BigInt(i * 32)) & 0xffffffffn));
}
