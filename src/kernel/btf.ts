// The part of a kernel's type information (BTF) that a BPF object can ask about. libbpf searches all of the
// kernel's to place every field the programs read, 100,000 types and more; a few dozen serve as well.
//
//   reducedBtf(kernelBtf, objectBtf)   // 6 MB in, some KB out

import { assert } from "../base/assert.ts";
import { type OwnedBytes, ownedBytes, viewOf } from "../base/bytes.ts";

/** Of enum btf_kind; the others are reached through none of these, or carry nothing but a size. */
const Kind = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  funcProto: 13,
  variable: 14,
  datasec: 15,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

const magic = 0xeb9f;
const headerBytes = 24;
const typeBytes = 12; // struct btf_type: name_off, info, size or type
const memberBytes = 12; // struct btf_member: name_off, type, offset

const decoder = new TextDecoder();

/** BTF in memory: where each type begins, by its number. */
class Btf {
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #starts: number[] = [0];

  constructor(readonly bytes: Uint8Array) {
    this.#view = viewOf(bytes);
    assert(bytes.length >= headerBytes && this.#view.getUint16(0, true) === magic, "this is BTF");
    const body = this.#view.getUint32(4, true);
    const typesAt = body + this.#view.getUint32(8, true);
    const typesEnd = typesAt + this.#view.getUint32(12, true);
    const stringsAt = body + this.#view.getUint32(16, true);
    this.#strings = bytes.subarray(stringsAt, stringsAt + this.#view.getUint32(20, true));
    for (let at = typesAt; at < typesEnd; at += this.#bytesOf(at)) this.#starts.push(at);
  }

  /** Types are numbered from 1. */
  get count(): number {
    return this.#starts.length;
  }

  name(id: number): string {
    return this.text(this.#word(id, 0));
  }

  info(id: number): number {
    return this.#word(id, 1);
  }

  kind(id: number): number {
    return (this.info(id) >>> 24) & 0x1f;
  }

  /** Of sized kinds their size, of the others the type they refer to. */
  sizeOrType(id: number): number {
    return this.#word(id, 2);
  }

  members(id: number): { readonly name: string; readonly type: number; readonly offset: number }[] {
    const at = (this.#starts[id] ?? 0) + typeBytes;
    return Array.from({ length: this.info(id) & 0xffff }, (_, index) => {
      const member = at + index * memberBytes;
      return {
        name: this.text(this.#view.getUint32(member, true)),
        type: this.#view.getUint32(member + 4, true),
        offset: this.#view.getUint32(member + 8, true),
      };
    });
  }

  /** What follows the three common words, word by word. */
  rest(id: number): number[] {
    const at = this.#starts[id] ?? 0;
    const count = (this.#bytesOf(at) - typeBytes) / 4;
    return Array.from({ length: count }, (_, index) =>
      this.#view.getUint32(at + typeBytes + index * 4, true),
    );
  }

  #word(id: number, index: number): number {
    const at = this.#starts[id];
    assert(at !== undefined && id > 0, `BTF has a type ${id}`);
    return this.#view.getUint32(at + index * 4, true);
  }

  text(offset: number): string {
    return offset === 0
      ? ""
      : decoder.decode(this.#strings.subarray(offset, this.#strings.indexOf(0, offset)));
  }

  #bytesOf(at: number): number {
    const info = this.#view.getUint32(at + 4, true);
    const count = info & 0xffff;
    switch ((info >>> 24) & 0x1f) {
      case Kind.int:
      case Kind.variable:
      case Kind.declTag:
        return typeBytes + 4;
      case Kind.array:
        return typeBytes + 12;
      case Kind.struct:
      case Kind.union:
      case Kind.datasec:
      case Kind.enum64:
        return typeBytes + 12 * count;
      case Kind.enum:
      case Kind.funcProto:
        return typeBytes + 8 * count;
      default:
        return typeBytes;
    }
  }
}

/** BTF being written: types refer only to types written before them. */
class BtfWriter {
  readonly #words: number[] = [];
  readonly #texts: string[] = [""];
  readonly #textAt = new Map<string, number>([["", 0]]);
  #textBytes = 1;
  #count = 0;

  /** The new type's number. */
  add(name: string, info: number, sizeOrType: number, rest: readonly number[] = []): number {
    this.#words.push(this.text(name), info, sizeOrType, ...rest);
    this.#count++;
    return this.#count;
  }

  text(text: string): number {
    const known = this.#textAt.get(text);
    if (known !== undefined) return known;
    const at = this.#textBytes;
    this.#texts.push(text);
    this.#textAt.set(text, at);
    this.#textBytes += text.length + 1;
    return at;
  }

  finish(): OwnedBytes {
    const typesBytes = this.#words.length * 4;
    const bytes = ownedBytes(headerBytes + typesBytes + this.#textBytes);
    const view = viewOf(bytes);
    const version = 1;
    view.setUint16(0, magic, true);
    view.setUint8(2, version);
    [headerBytes, 0, typesBytes, typesBytes, this.#textBytes].forEach((word, index) => {
      view.setUint32(4 + index * 4, word, true);
    });
    this.#words.forEach((word, index) => {
      view.setUint32(headerBytes + index * 4, word, true);
    });
    // The names of C are ASCII.
    bytes.set(Buffer.from(`${this.#texts.join("\0")}\0`, "latin1"), headerBytes + typesBytes);
    return bytes;
  }
}

/** The kinds by whose names an object refers to the kernel's types. */
const named: readonly number[] = [
  Kind.struct,
  Kind.union,
  Kind.enum,
  Kind.enum64,
  Kind.typedef,
  Kind.fwd,
];

/** `task_struct___old` asks about `task_struct`. */
function essentialName(name: string): string {
  const flavour = name.indexOf("___");
  return flavour > 0 ? name.slice(0, flavour) : name;
}

/**
 * Of the kernel's types those that have a name in the object's BTF, with the members that do, and whatever a kept member
 * is made of. Pointers lead nowhere: a field behind one is another type's field.
 */
export function reducedBtf(kernelBtf: Uint8Array, objectBtf: Uint8Array): OwnedBytes {
  const kernel = new Btf(kernelBtf);
  const object = new Btf(objectBtf);
  const typeNames = new Set<string>();
  const memberNames = new Set<string>();
  for (let id = 1; id < object.count; id++) {
    const kind = object.kind(id);
    if (named.includes(kind)) typeNames.add(essentialName(object.name(id)));
    if (kind === Kind.struct || kind === Kind.union)
      for (const { name } of object.members(id)) memberNames.add(name);
  }
  typeNames.delete("");
  // Unnamed members are looked through.
  memberNames.add("");

  const writer = new BtfWriter();
  const numbers = new Map<number, number>([[0, 0]]);
  const keep = (id: number): number => {
    const known = numbers.get(id);
    if (known !== undefined) return known;
    const number = write(id);
    numbers.set(id, number);
    return number;
  };
  const write = (id: number): number => {
    const name = kernel.name(id);
    const info = kernel.info(id);
    switch (kernel.kind(id)) {
      case Kind.ptr:
        return writer.add(name, info, 0);
      case Kind.typedef:
      case Kind.volatile:
      case Kind.const:
      case Kind.restrict:
      case Kind.typeTag:
        return writer.add(name, info, keep(kernel.sizeOrType(id)));
      case Kind.array: {
        const [element = 0, index = 0, count = 0] = kernel.rest(id);
        return writer.add(name, info, 0, [keep(element), keep(index), count]);
      }
      case Kind.struct:
      case Kind.union: {
        const members = kernel.members(id).filter((member) => memberNames.has(member.name));
        const rest = members.flatMap((member) => [
          writer.text(member.name),
          keep(member.type),
          member.offset,
        ]);
        const countless = info & ~0xffff;
        return writer.add(name, countless | members.length, kernel.sizeOrType(id), rest);
      }
      case Kind.enum:
      case Kind.enum64: {
        const words = kernel.kind(id) === Kind.enum ? 2 : 3;
        const rest = kernel
          .rest(id)
          .map((word, index) => (index % words === 0 ? writer.text(kernel.text(word)) : word));
        return writer.add(name, info, kernel.sizeOrType(id), rest);
      }
      default:
        return writer.add(name, info, kernel.sizeOrType(id), kernel.rest(id));
    }
  };
  for (let id = 1; id < kernel.count; id++)
    if (named.includes(kernel.kind(id)) && typeNames.has(essentialName(kernel.name(id)))) keep(id);
  return writer.finish();
}
