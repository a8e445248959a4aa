// src/ir/abi.ts against bpf/abi.h, as the BPF compiler lays it out: every offset, size, bit and constant.

import { expect, test } from "bun:test";
import * as abi from "../../src/ir/abi.ts";
import { AbiLayout, numbered, snakeCase, upper } from "../abi-layout.ts";

const constants = {
  IMAGE_MAGIC: abi.IMAGE_MAGIC,
  IMAGE_ABI: abi.IMAGE_ABI,
  LABEL_WORDS: abi.LABEL_WORDS,
  GATES_MAX: abi.GATES_MAX,
  GROUPS_MAX: abi.GROUPS_MAX,
  TABLE_CHUNK_WORDS: abi.TABLE_CHUNK_WORDS,
  ATOM_WORDS_MAX: abi.ATOM_WORDS_MAX,
};

const layout = await AbiLayout.read("abi-image", {
  structs: ["image_header", "automaton", "state", "comb", "exec_extra", "entry", "gate_record"],
  enums: ["automaton_kind", "operation", "effect", "entry_kind", "gate_flags"],
  constants: Object.keys(constants),
});

/** `offsets` is the view of the struct `name`, all of it. */
function check(name: string, offsets: Readonly<Record<string, number>>): void {
  const renamed = Object.entries(offsets).map(([member, offset]) => [snakeCase(member), offset]);
  expect(Object.fromEntries(renamed)).toEqual(layout.words(name));
}

test("the header of an image", () => check("image_header", abi.header));
test("an automaton", () => check("automaton", abi.automaton));
test("a state", () => check("state", abi.state));
test("a cell of a comb", () => check("comb", abi.comb));
test("an entry", () => check("entry", abi.entry));
test("a gate", () => check("gate_record", abi.gateRecord));
test("what else an accepting state of a program says", () =>
  expect(layout.words("exec_extra")).toEqual({ args_start: 0, atoms: 1, size: 2 }));

test("operations", () =>
  expect(upper("OP", abi.operationBits)).toEqual(layout.values("operation")));
test("effects", () =>
  expect(upper("EFFECT", { none: 0, ...abi.effectNumbers })).toEqual(layout.values("effect")));
test("kinds of entries", () =>
  expect(upper("ENTRY", abi.entryKinds)).toEqual(layout.values("entry_kind")));
test("flags of gates", () =>
  expect({ GATE_EXITS: abi.GATE_EXITS }).toEqual(
    layout.values("gate_flags") as { GATE_EXITS: number },
  ));
test("kinds of automata", () => {
  const kinds = numbered([...abi.automatonKinds, "kinds"]);
  expect(upper("AUTOMATON", kinds)).toEqual(layout.values("automaton_kind"));
});

test("constants", () => expect(constants).toEqual(layout.constants() as typeof constants));
