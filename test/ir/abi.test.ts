// src/ir/abi.ts against bpf/abi.h, as the BPF compiler lays it out: every offset, size, bit and constant.

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import * as abi from "../../src/ir/abi.ts";

const root = join(import.meta.dir, "../..");
const output = join(root, "build/test");

const structs = [
  "image_header",
  "automaton",
  "state",
  "comb",
  "exec_extra",
  "entry",
  "gate_record",
];
const enums = ["automaton_kind", "operation", "effect", "entry_kind", "gate_flags"];
const constants = {
  IMAGE_MAGIC: abi.IMAGE_MAGIC,
  IMAGE_ABI: abi.IMAGE_ABI,
  LABEL_WORDS: abi.LABEL_WORDS,
  GATES_MAX: abi.GATES_MAX,
  GROUPS_MAX: abi.GROUPS_MAX,
  TABLE_CHUNK_WORDS: abi.TABLE_CHUNK_WORDS,
  ATOM_WORDS_MAX: abi.ATOM_WORDS_MAX,
};

/** Uses every type once, for what is not used is not described; macros become an enum. */
const program = `
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#include "abi.h"
enum constants { ${Object.keys(constants)
  .map((name) => `CONSTANT_${name} = ${name}`)
  .join(", ")} };
${structs.map((name) => `struct ${name} struct_${name};`).join("\n")}
${[...enums, "constants"].map((name) => `enum ${name} enum_${name};`).join("\n")}
`;

interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

async function describe(): Promise<readonly BtfType[]> {
  mkdirSync(output, { recursive: true });
  const source = join(output, "abi-layout.c");
  const object = join(output, "abi-layout.o");
  await Bun.write(source, program);
  const clang = [
    "clang-22",
    "clang-21",
    "clang-20",
    "clang-19",
    "clang-18",
    "clang-17",
    "clang-16",
  ].find((name) => Bun.which(name));
  await $`${clang} -target bpf -g -Wall -Werror -I ${join(root, "bpf")} -c ${source} -o ${object}`.quiet();
  const dump = await $`/usr/sbin/bpftool -j btf dump file ${object}`.quiet().json();
  return dump.types;
}

const types = await describe();

/** Word offsets of a struct's members, and its size in words. */
function layout(name: string): Record<string, number> {
  const type = types.find((one) => one.kind === "STRUCT" && one.name === name);
  if (type === undefined) throw new Error(`no struct ${name}`);
  const offsets = (type.members ?? []).map((member): [string, number] => [
    member.name,
    member.bits_offset / 32,
  ]);
  return {
    ...Object.fromEntries(offsets.filter(([member]) => member !== "reserved")),
    size: type.size / 4,
  };
}

function values(name: string): Record<string, number> {
  const type = types.find((one) => one.kind === "ENUM" && one.name === name);
  if (type === undefined) throw new Error(`no enum ${name}`);
  return Object.fromEntries((type.values ?? []).map(({ name: value, val }) => [value, val]));
}

const snakeCase = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `offsets` is the view of the struct `name`, all of it. */
function check(name: string, offsets: Readonly<Record<string, number>>): void {
  const renamed = Object.entries(offsets).map(([member, offset]) => [snakeCase(member), offset]);
  expect(Object.fromEntries(renamed)).toEqual(layout(name));
}

test("the header of an image", () => check("image_header", abi.header));
test("an automaton", () => check("automaton", abi.automaton));
test("a state", () => check("state", abi.state));
test("a cell of a comb", () => check("comb", abi.comb));
test("an entry", () => check("entry", abi.entry));
test("a gate", () => check("gate_record", abi.gateRecord));
test("what else an accepting state of a program says", () =>
  expect(layout("exec_extra")).toEqual({ args_start: 0, atoms: 1, size: 2 }));

const upper = (prefix: string, names: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(names).map(([name, value]) => [`${prefix}_${name.toUpperCase()}`, value]),
  );

test("operations", () => expect(upper("OP", abi.operationBits)).toEqual(values("operation")));
test("effects", () =>
  expect(upper("EFFECT", { none: 0, ...abi.effectNumbers })).toEqual(values("effect")));
test("kinds of entries", () =>
  expect(upper("ENTRY", abi.entryKinds)).toEqual(values("entry_kind")));
test("flags of gates", () =>
  expect({ GATE_EXITS: abi.GATE_EXITS }).toEqual(values("gate_flags") as { GATE_EXITS: number }));
test("kinds of automata", () => {
  const numbered = Object.fromEntries(abi.automatonKinds.map((kind, i) => [kind, i]));
  expect(upper("AUTOMATON", { ...numbered, kinds: abi.automatonKinds.length })).toEqual(
    values("automaton_kind"),
  );
});

test("constants", () => {
  const own = Object.entries(constants).map(([name, value]) => [`CONSTANT_${name}`, value]);
  expect(Object.fromEntries(own)).toEqual(values("constants"));
});
