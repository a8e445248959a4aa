// Gates of `unless after` and `unless approved`: one for each meaning, however often and in whatever words
// it is written.

import type { Condition } from "../dsl/ast.ts";
import { GATE_EXITS, gateRecord } from "./abi.ts";
import type { After, CompiledApproval, CompiledGate } from "./ir.ts";
import type { Meanings } from "./meaning.ts";
import { type NumberedGate, Numbers } from "./numbering.ts";

export type Approved = Condition & { readonly kind: "approved" };

const nsPerMs = 1_000_000n;

export class Gates {
  /** Those of this policy. */
  readonly own: CompiledGate[] = [];
  readonly approvals: CompiledApproval[] = [];
  readonly numbers: Numbers<NumberedGate>;
  readonly #meanings: Meanings;
  readonly #seen = new Set<number>();

  constructor(meanings: Meanings, known: readonly NumberedGate[]) {
    this.#meanings = meanings;
    this.numbers = new Numbers(known);
  }

  intern(condition: After): { readonly id: number; readonly isNew: boolean } {
    const { event, exits, since, withinMs } = condition;
    const id = this.numbers.of({ key: this.#meanings.gate(condition), exits, withinMs });
    const isNew = this.#isNew(id);
    const staling = new Map(since.map((one) => [this.#meanings.event(one), one]));
    if (isNew) this.own.push({ id, event, exits, since: [...staling.values()], withinMs });
    return { id, isNew };
  }

  /** Of another domain; null: it is this policy's as well. */
  foreign(condition: After): number | null {
    const { exits, withinMs } = condition;
    const id = this.numbers.of({ key: this.#meanings.gate(condition), exits, withinMs });
    return this.#isNew(id) ? id : null;
  }

  approval(condition: Approved): number {
    const { name, withinMs } = condition;
    const id = this.numbers.of({ key: this.#meanings.approval(condition), exits: null, withinMs });
    if (this.#isNew(id)) this.approvals.push({ gate: id, name, withinMs });
    return id;
  }

  #isNew(id: number): boolean {
    const isNew = !this.#seen.has(id);
    this.#seen.add(id);
    return isNew;
  }
}

/** The words of `struct gate_record`. */
export function gateWords(gate: NumberedGate): number[] {
  const words = new Array<number>(gateRecord.size).fill(0);
  const withinNs = BigInt(Math.round(gate.withinMs ?? 0)) * nsPerMs;
  words[gateRecord.flags] = gate.exits === null ? 0 : GATE_EXITS;
  words[gateRecord.status] = gate.exits ?? 0;
  words[gateRecord.withinNsLow] = Number(withinNs & 0xffffffffn);
  words[gateRecord.withinNsHigh] = Number((withinNs >> 32n) & 0xffffffffn);
  return words;
}
