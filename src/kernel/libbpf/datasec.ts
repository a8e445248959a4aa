// Where each variable lies in .rodata, .data or .bss of an object, read from the object's BTF.

import { type Pointer, read } from "bun:ffi";
import { assert } from "../../base/assert.ts";
import { pointerFromC } from "../libc.ts";
import { libbpf } from "./library.ts";

export interface Variable {
  offset: number;
  bytes: number;
}

const KIND_DATASEC = 15;
const typeBytes = 12; // struct btf_type: name_off, info, size or type
const entryBytes = 12; // struct btf_var_secinfo: type, offset, size

/** The variables of the data section whose BTF type is `typeId`, by name. */
export function variablesOf(btf: Pointer, typeId: number): Map<string, Variable> {
  const section = typeAt(btf, typeId);
  const info = read.u32(section, 4);
  assert(((info >>> 24) & 0x1f) === KIND_DATASEC, "the value type of a data map is a data section");
  const count = info & 0xffff;
  const variables = new Map<string, Variable>();
  for (let index = 0; index < count; index++) {
    const entry = typeBytes + index * entryBytes;
    const nameOffset = read.u32(typeAt(btf, read.u32(section, entry)), 0);
    const name = String(libbpf().btf__name_by_offset(btf, nameOffset));
    variables.set(name, {
      offset: read.u32(section, entry + 4),
      bytes: read.u32(section, entry + 8),
    });
  }
  return variables;
}

function typeAt(btf: Pointer, id: number): Pointer {
  const address = pointerFromC(libbpf().btf__type_by_id(btf, id));
  assert(address !== null, `BTF has a type ${id}`);
  return address;
}
