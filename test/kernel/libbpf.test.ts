// The libbpf binding against the running kernel, with the small object of fixtures/probe.bpf.c. Needs root and BPF.

import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { $ } from "bun";
import { ownedBytes, viewOf } from "../../src/base/bytes.ts";
import { linkFdById, linkInfo, mapInfo } from "../../src/kernel/libbpf/ids.ts";
import { libbpf, setLogSink } from "../../src/kernel/libbpf/library.ts";
import type { BpfLink } from "../../src/kernel/libbpf/link.ts";
import { BpfMap, MapType, UpdateMode } from "../../src/kernel/libbpf/map.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";
import {
  loadOnThreads,
  loadPrograms,
  prepare,
  prepareAhead,
} from "../../src/kernel/libbpf/steps.ts";
import { SystemError } from "../../src/kernel/libc.ts";
import { compiledBpf } from "./compile.ts";

const elf = await compiledBpf("probe");
const kernelBtf = "/sys/kernel/btf/vmlinux";

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
});

/** The probe, adjusted by `adjust`, loaded and closed at the end of the test. */
function loaded(adjust: (object: BpfObject) => void = () => {}): BpfObject {
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  adjust(object);
  object.load();
  return object;
}

function keep(link: BpfLink): BpfLink {
  cleanups.push(() => link.destroy());
  return link;
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = ownedBytes(8);
  viewOf(bytes).setBigUint64(0, value, true);
  return bytes;
}

/** One getppid of this process, past any cache of the runtime. */
function makeWatchedCall(): void {
  readFileSync("/proc/self/stat");
  process.ppid;
}

test("the embedded libbpf is 1.1 or later", () => {
  expect(String(libbpf().libbpf_version_string())).toMatch(/^v1\.[1-9]/);
});

test("an object tells its programs and maps before it is loaded", () => {
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  expect([...object.programs.keys()].sort()).toEqual(
    [
      "add_magic",
      "on_any_raw_tracepoint",
      "on_sys_enter",
      "refuse_port_9",
      "tell",
      "unchecked",
    ].sort(),
  );
  expect(object.program("on_sys_enter").section).toBe("raw_tp/sys_enter");
  expect([...object.maps.keys()].sort()).toEqual([
    ".rodata",
    "counters",
    "events",
    "members",
    "percpu",
  ]);
});

test("bytes that are no ELF are an error that carries what libbpf said", () => {
  const open = () => BpfObject.open("broken", new Uint8Array(100));
  expect(open).toThrow(SystemError);
  expect(open).toThrow(/bpf_object__open_mem broken: .*not a proper ELF object/);
});

test("entries and read-only variables are set before the load", () => {
  const object = loaded((probe) => {
    probe.map("events").setEntriesMax(1 << 16);
    probe.map(".rodata").setVariables({ magic: u64(40n) });
  });
  expect(object.map("events").live.info).toMatchObject({
    entriesMax: 1 << 16,
    type: MapType.ringBuffer,
    name: "events",
  });
  const argument = new Uint8Array(16);
  argument[0] = 2;
  expect(object.program("add_magic").run(argument)).toBe(7);
  expect(viewOf(argument).getBigUint64(8, true)).toBe(42n);
});

test("the variables of .rodata have the offsets of the object's BTF", () => {
  const object = loaded();
  expect(Object.fromEntries(object.map(".rodata").variables())).toEqual({
    watched_tgid: { offset: 0, bytes: 4 },
    magic: { offset: 8, bytes: 8 },
  });
});

test("a raw tracepoint sees the watched process, and mapped memory shows the count", () => {
  const object = loaded((probe) =>
    probe.map(".rodata").setVariables({ watched_tgid: u32(process.pid) }),
  );
  const mapping = object.map("counters").live.mmap(true);
  cleanups.push(() => mapping.unmap());
  const count = () => viewOf(mapping.bytes).getBigUint64(0, true);
  expect(count()).toBe(0n);
  const link = keep(object.program("on_sys_enter").attach());
  makeWatchedCall();
  expect(count()).toBeGreaterThan(0n);
  link.destroy();
  const after = count();
  makeWatchedCall();
  expect(count()).toBe(after);
});

test("a raw tracepoint may be named at attach time", () => {
  const object = loaded();
  keep(object.program("on_any_raw_tracepoint").attachRawTracepoint("sys_enter"));
  makeWatchedCall();
  expect(viewOf(object.map("counters").live.lookup(u32(1))!).getBigUint64(0, true)).toBeGreaterThan(
    0n,
  );
  expect(() =>
    object.program("on_any_raw_tracepoint").attachRawTracepoint("no_such_tracepoint"),
  ).toThrow(/bpf_program__attach_raw_tracepoint on_any_raw_tracepoint: ENOENT/);
});

test("a cgroup program refuses a connection", async () => {
  const object = loaded();
  const mounts = readFileSync("/proc/mounts", "utf8");
  const cgroupRoot = /^\S+ (\S+) cgroup2 /m.exec(mounts)![1]!;
  const fd = openSync(cgroupRoot, "r");
  cleanups.push(() => closeSync(fd));
  keep(object.program("refuse_port_9").attachCgroup(fd));
  // Bun reports every failed connect as ECONNREFUSED, so another program tells the errno.
  const attempt =
    "import socket, errno\nprint(errno.errorcode[socket.socket().connect_ex(('127.0.0.1', 9))])";
  expect(await $`python3 -c ${attempt}`.text()).toBe("EPERM\n");
});

test("a program refused by the verifier leaves the verifier's words", () => {
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  const program = object.program("unchecked");
  program.setAutoload(true);
  program.captureVerifierLog();
  expect(() => object.load()).toThrow(/bpf_object__load: EACCES: .*unchecked/s);
  expect(program.verifierLog()).toContain("map_value_or_null");
});

const preparation = {
  name: "probe",
  content: elf,
  kernelTypes: kernelBtf,
  programs: ["on_sys_enter", "refuse_port_9", "nowhere"],
  sizes: { counters: 7, nowhere: 1 },
  guess: null,
};

test("an object that is prepared ahead is loaded with the constants and sizes that it is given then", () => {
  const object = prepareAhead(preparation)?.() ?? null;
  if (object === null) throw new Error("there are two processors");
  cleanups.push(() => object.close());
  const prepared = [...object.programs.values()].filter(({ autoload }) => autoload);
  expect(prepared.map(({ name }) => name).toSorted()).toEqual(["on_sys_enter", "refuse_port_9"]);
  object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  const { fd } = object.map("counters");
  expect(mapInfo(fd).entriesMax).toBe(7);
  object.map("counters").resize(9);
  loadPrograms(object, ["on_sys_enter"]);
  const { live } = object.map("counters");
  expect([live.fd, live.info.entriesMax]).toEqual([fd, 9]);
  keep(object.program("on_sys_enter").attach());
  makeWatchedCall();
  expect(viewOf(live.lookup(u32(0))!).getBigUint64(0, true)).toBeGreaterThan(0n);
  // Sealed: what the verifier went by stays as it is.
  expect(() => object.map(".rodata").live.update(u32(0), ownedBytes(16))).toThrow(/EPERM/);
});

test("what cannot be prepared ahead is told when it is prepared again", () => {
  expect(prepareAhead({ ...preparation, content: new Uint8Array(100) })?.()).toBe(null);
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  object.program("unchecked").setAutoload(true);
  prepare(object);
  expect(() => loadPrograms(object, ["unchecked"])).toThrow(
    /bpf_object__load: EACCES: .*unchecked/s,
  );
  expect(() => BpfObject.open("probe", new Uint8Array(100))).toThrow(
    /bpf_object__open_mem probe: .*ELF/s,
  );
});

test("programs that are loaded on several threads share their maps", () => {
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  object.map(".rodata").setVariables({ watched_tgid: u32(process.pid) });
  loadOnThreads(object);
  keep(object.program("on_sys_enter").attach());
  makeWatchedCall();
  const count = object.map("counters").live.lookup(u32(0));
  expect(viewOf(count!).getBigUint64(0, true)).toBeGreaterThan(0n);
  const names = ["on_sys_enter", "on_any_raw_tracepoint", "refuse_port_9"];
  const ids = new Set(names.map((name) => object.program(name).info().id));
  expect(ids.size).toBe(3);
});

test("of a program that is refused on a thread the words are told, and of the next call its own", () => {
  const object = BpfObject.open("probe", elf);
  cleanups.push(() => object.close());
  object.program("unchecked").setAutoload(true);
  expect(() => loadOnThreads(object)).toThrow(/bpf_object__load: EACCES: .*unchecked/s);
  expect(() => BpfObject.open("probe", new Uint8Array(100))).toThrow(
    /bpf_object__open_mem probe: .*ELF/s,
  );
});

test("the log sink sees libbpf's debug lines", () => {
  const lines: string[] = [];
  setLogSink((_, line) => lines.push(line));
  cleanups.push(() => setLogSink(null));
  loaded();
  expect(lines.join("\n")).toContain("created successfully");
});

test("the kernel tells how many instructions the verifier walked", () => {
  const info = loaded().program("on_sys_enter").info();
  expect(info.name).toBe("on_sys_enter");
  expect(info.verifiedInstructions).toBeGreaterThan(10);
});

test("a link is opened by its id", () => {
  const object = loaded();
  const link = keep(object.program("on_sys_enter").attach());
  const fd = linkFdById(link.id);
  cleanups.push(() => closeSync(fd));
  expect(linkInfo(fd)).toEqual({
    id: link.id,
    programId: object.program("on_sys_enter").info().id,
  });
  expect(() => linkFdById(0x7fffffff)).toThrow(/bpf_link_get_fd_by_id: ENOENT/);
});

test("a hash map: update, look up, walk, delete, refuse", () => {
  const map = loaded().map("members").live;
  expect(map.lookup(u32(1))).toBeNull();
  expect(map.nextKey(null)).toBeNull();
  map.update(u32(1), u64(11n));
  map.update(u32(2), u64(22n));
  expect(viewOf(map.lookup(u32(2))!).getBigUint64(0, true)).toBe(22n);
  expect([...map.keys()].map((key) => viewOf(key).getUint32(0, true)).sort()).toEqual([1, 2]);
  expect(() => map.update(u32(1), u64(1n), UpdateMode.create)).toThrow(
    /bpf_map_update_elem members: EEXIST/,
  );
  expect(map.delete(u32(1))).toBe(true);
  expect(map.delete(u32(1))).toBe(false);
  for (let key = 10; key < 17; key++) map.update(u32(key), u64(0n));
  expect(() => map.update(u32(99), u64(0n))).toThrow(/bpf_map_update_elem members: E2BIG/);
});

test("a map is opened by its id and tells its shape", () => {
  const id = loaded().map("members").live.info.id;
  const map = BpfMap.byId(id);
  cleanups.push(() => map.close());
  expect(mapInfo(map.fd)).toEqual({
    id,
    name: "members",
    type: MapType.hash,
    keyBytes: 4,
    valueBytes: 8,
    entriesMax: 8,
  });
});

test("a per-CPU value is one slot of eight bytes for each possible CPU", () => {
  const map = loaded().map("percpu").live;
  expect(map.lookup(u32(0))!.length).toBe(8 * libbpf().libbpf_num_possible_cpus());
});

test("a map of our own is made, frozen and closed", () => {
  const map = BpfMap.create({
    type: MapType.array,
    name: "ours",
    keyBytes: 4,
    valueBytes: 8,
    entriesMax: 1,
  });
  map.update(u32(0), u64(5n));
  map.freeze();
  expect(() => map.update(u32(0), u64(6n))).toThrow(/EPERM/);
  map.close();
});

test("a value of the wrong length is our own mistake and never reaches C", () => {
  const map = loaded().map("members").live;
  expect(() => map.update(u32(1), u32(1))).toThrow(/a value of members has 8 bytes, not 4/);
  expect(() => map.lookup(u64(1n))).toThrow(/a key of members has 4 bytes, not 8/);
});
