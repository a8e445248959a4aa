// What is loaded before it is known what is wanted (src/kernel/libbpf/steps.ts), with the object of fixtures/probe.bpf.c.
// Needs root, BPF and two processors.

import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { ownedBytes, viewOf } from "../../src/base/bytes.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";
import { giveUp, loadPrograms, prepareAhead } from "../../src/kernel/libbpf/steps.ts";
import { until } from "../e2e/held.ts";
import { compiledBpf } from "./compile.ts";

const elf = await compiledBpf("probe");
const programs = ["on_sys_enter", "refuse_port_9"];

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
});

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

/** `.rodata` of who watches that process. */
function watching(tgid: number): Uint8Array {
  const object = BpfObject.open("probe", elf);
  object.map(".rodata").setVariables({ watched_tgid: u32(tgid) });
  const content = object.map(".rodata").initialContent;
  object.close();
  return content;
}

/** Ids of the programs of which this process has descriptors. */
function programsHeld(): Set<number> {
  const ids = readdirSync("/proc/self/fdinfo").flatMap((fd) => {
    try {
      return /^prog_id:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? [];
    } catch {
      return []; // closed meanwhile
    }
  });
  return new Set(ids.map(Number));
}

/** Prepared for who watches `tgid`, with those programs loaded. */
async function guessed(tgid: number, wanted = programs) {
  const before = programsHeld();
  const object = prepareAhead({
    name: "probe",
    content: elf,
    kernelTypes: "/sys/kernel/btf/vmlinux",
    programs,
    sizes: { counters: 7 },
    guess: { programs: wanted, constants: watching(tgid) },
  })?.();
  if (!object) throw new Error("there are two processors");
  cleanups.push(() => giveUp(object));
  const loaded = () => [...programsHeld()].filter((id) => !before.has(id));
  await until("what is guessed is loaded", () => loaded().length === wanted.length);
  return { object, early: loaded() };
}

function idsOf(object: BpfObject, names = programs): number[] {
  return names.map((name) => object.program(name).info().id).toSorted((a, b) => a - b);
}

/** How many calls of getppid of this process the attached program counts. */
function countOfWatched(object: BpfObject): bigint {
  const link = object.program("on_sys_enter").attach();
  process.ppid;
  link.destroy();
  return viewOf(object.map("counters").live.lookup(u32(0))!).getBigUint64(0, true);
}

test("what was guessed is what is used, where it holds", async () => {
  const { object, early } = await guessed(process.pid);
  object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadPrograms(object, programs);
  expect(idsOf(object)).toEqual(early.toSorted((a, b) => a - b));
  expect(countOfWatched(object)).toBeGreaterThan(0n);
  expect(() => object.map(".rodata").live.update(u32(0), ownedBytes(16))).toThrow(/EPERM/);
});

test("of a wrong guess nothing is left", async () => {
  const otherConstants = await guessed(1);
  otherConstants.object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadPrograms(otherConstants.object, programs);
  expect(countOfWatched(otherConstants.object)).toBeGreaterThan(0n);

  const otherSize = await guessed(process.pid);
  otherSize.object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  otherSize.object.map("counters").resize(9);
  loadPrograms(otherSize.object, programs);
  expect(otherSize.object.map("counters").live.info.entriesMax).toBe(9);
  expect(countOfWatched(otherSize.object)).toBeGreaterThan(0n);

  const more = await guessed(process.pid, ["refuse_port_9"]);
  more.object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadPrograms(more.object, programs);
  expect(countOfWatched(more.object)).toBeGreaterThan(0n);

  const fewer = await guessed(process.pid);
  fewer.object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadPrograms(fewer.object, ["on_sys_enter"]);
  expect(countOfWatched(fewer.object)).toBeGreaterThan(0n);

  const held = programsHeld();
  for (const { early } of [otherConstants, otherSize, more, fewer])
    expect(early.filter((id) => held.has(id))).toEqual([]);
  // Each is sealed anew.
  for (const { object } of [otherConstants, otherSize, more, fewer])
    expect(() => object.map(".rodata").live.update(u32(0), ownedBytes(16))).toThrow(/EPERM/);
});

test("constants of another build are no guess", () => {
  const before = programsHeld();
  const object = prepareAhead({
    name: "probe",
    content: elf,
    kernelTypes: "/sys/kernel/btf/vmlinux",
    programs,
    sizes: { counters: 7 },
    guess: { programs, constants: new Uint8Array(3) },
  })?.();
  if (!object) throw new Error("there are two processors");
  cleanups.push(() => giveUp(object));
  object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadPrograms(object, programs);
  expect(idsOf(object).filter((id) => before.has(id))).toEqual([]);
  expect(countOfWatched(object)).toBeGreaterThan(0n);
});

test("who gives up what was loaded ahead holds none of it", async () => {
  const before = programsHeld();
  const { object, early } = await guessed(process.pid);
  expect(early.length).toBe(2);
  giveUp(object);
  expect(programsHeld()).toEqual(before);
});
