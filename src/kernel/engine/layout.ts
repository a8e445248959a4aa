// What a process must agree on with the one that pinned an engine: how its maps and variables are laid out.

import { viewOf } from "../../base/bytes.ts";
import { IMAGE_ABI } from "../../ir/abi.ts";
import type { BpfMap } from "../libbpf/map.ts";
import type { BpfObject } from "../libbpf/object.ts";

/** To be raised when the members of a record change and its size does not. */
const recordsVersion = 1;

/** A number that differs where the maps do. */
export function layoutOf(object: BpfObject): bigint {
  const maps = [...object.maps.values()].map(
    ({ name, keyBytes, valueBytes }) => `${name} ${keyBytes} ${valueBytes}`,
  );
  const variables = [...variablesOf(object)].map(([name, at]) => `${name} ${at}`);
  return BigInt(Bun.hash(JSON.stringify([recordsVersion, IMAGE_ABI, maps, variables])));
}

/** Offsets of the variables of the programs. */
export function variablesOf(object: BpfObject): ReadonlyMap<string, number> {
  const variables = object.map(".bss").variables();
  return new Map([...variables].map(([name, { offset }]) => [name, offset]));
}

/** The variables of the programs, in memory shared with the kernel: 32 bits each, but where they are said to be long. */
export class Variables {
  constructor(
    private readonly bss: BpfMap,
    private readonly offsets: ReadonlyMap<string, number>,
  ) {}

  get(name: string): number {
    return this.#with((bytes) => viewOf(bytes).getUint32(this.#at(name), true));
  }

  /** Of an array of 64 bits each. */
  getLong(name: string, index: number): bigint {
    return this.#with((bytes) => viewOf(bytes).getBigUint64(this.#at(name) + index * 8, true));
  }

  set(name: string, value: number): void {
    this.#with((bytes) => viewOf(bytes).setUint32(this.#at(name), value, true));
  }

  #with<T>(use: (bytes: Uint8Array) => T): T {
    const mapping = this.bss.mmap();
    try {
      return use(mapping.bytes);
    } finally {
      mapping.unmap();
    }
  }

  #at(name: string): number {
    const offset = this.offsets.get(name);
    if (offset === undefined) throw new Error(`the programs have no variable ${name}`);
    return offset;
  }
}
