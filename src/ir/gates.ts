// Gates of `unless after`: one for each meaning, however often and in whatever words it is written.

import type { Condition, GateEvent } from "../dsl/ast.ts";
import { GATE_EXITS, gateRecord } from "./abi.ts";
import type { CompiledGate } from "./ir.ts";

export type After = Condition & { readonly kind: "after" };

const nsPerMs = 1_000_000n;

export class Gates {
  readonly all: CompiledGate[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #eventKey: (event: GateEvent) => string;

  constructor(eventKey: (event: GateEvent) => string) {
    this.#eventKey = eventKey;
  }

  intern({ event, exits, since, withinMs }: After): {
    readonly id: number;
    readonly isNew: boolean;
  } {
    const staling = new Map(since.map((one) => [this.#eventKey(one), one]));
    const key = JSON.stringify([
      this.#eventKey(event),
      exits,
      [...staling.keys()].sort(),
      withinMs,
    ]);
    const known = this.#numbers.get(key);
    if (known !== undefined) return { id: known, isNew: false };
    const id = this.all.length;
    this.#numbers.set(key, id);
    this.all.push({ id, event, exits, since: [...staling.values()], withinMs });
    return { id, isNew: true };
  }
}

/** The words of `struct gate_record`. */
export function gateWords(gate: CompiledGate): number[] {
  const words = new Array<number>(gateRecord.size).fill(0);
  const withinNs = BigInt(Math.round(gate.withinMs ?? 0)) * nsPerMs;
  words[gateRecord.flags] = gate.exits === null ? 0 : GATE_EXITS;
  words[gateRecord.status] = gate.exits ?? 0;
  words[gateRecord.withinNsLow] = Number(withinNs & 0xffffffffn);
  words[gateRecord.withinNsHigh] = Number((withinNs >> 32n) & 0xffffffffn);
  return words;
}
