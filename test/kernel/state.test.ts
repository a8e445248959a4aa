// src/kernel/state.ts against bpf/abi.h, as the BPF compiler lays it out: records are made of the
// layout's own offsets and must be read as what was written.

import { expect, test } from "bun:test";
import { GATES_MAX, LABEL_WORDS } from "../../src/ir/abi.ts";
import { channelDevices, channelText } from "../../src/kernel/channels.ts";
import { builtins, counterNames, effects, eventTypes, outcomes } from "../../src/kernel/kernel.ts";
import * as state from "../../src/kernel/state.ts";
import { AbiLayout, numbered, snakeCase, upper } from "../abi-layout.ts";

const layout = await AbiLayout.read("abi-state", {
  structs: [
    "domain",
    "domain_slot",
    "proc",
    "session",
    "hit_key",
    "control",
    "engine_record",
    "event",
    "object_key",
  ],
  enums: [
    "event_type",
    "outcome",
    "event_flags",
    "builtin",
    "counter",
    "control_result",
    "effect",
    "channel_device",
  ],
  constants: [
    "LABEL_WORDS",
    "GATES_MAX",
    "EVENT_CLAUSES_MAX",
    "EVENT_PATH_MAX",
    "EVENT_ARGV_MAX",
    "OBJECT_INTERNAL",
    "OBJECT_KEY",
  ],
});
const { EVENT_CLAUSES_MAX = 0, EVENT_PATH_MAX = 0 } = layout.constants();

function at(struct: string, member: string): number {
  const offset = layout.bytes(struct)[member];
  if (offset === undefined) throw new Error(`no ${member} in struct ${struct}`);
  return offset;
}

/** The members of a record that are not zero, as words. */
function written(struct: string, bytes: Uint8Array): Record<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  expect(bytes.byteLength).toBe(at(struct, "size"));
  const members = Object.entries(layout.bytes(struct)).filter(([member]) => member !== "size");
  return Object.fromEntries(
    members
      .map(([member, offset]): [string, number] => [member, view.getUint32(offset, true)])
      .filter(([, word]) => word !== 0),
  );
}

test("a domain", () => {
  expect(layout.words("domain")).toEqual({ ...state.domainAt });
  expect(layout.words("domain_slot")).toEqual({ base: 0, generation: 1, size: 2 });
});

test("the place of a clause's counter", () =>
  expect(written("hit_key", state.encodeHitKey(1, 2))).toEqual({ session: 1, clause: 2 }));

test("what control programs are asked and what they answer", () => {
  const ask = { tgid: 1, domain: 2, session: 3, gate: 4 };
  const record = state.encodeControl({ ...ask, open: true, moves: true });
  expect(written("control", record)).toEqual({ ...ask, open: 1, moves: 1 });
  expect(upper("CONTROL", numbered(state.controlResults))).toEqual(layout.values("control_result"));
});

test("what a process must know of an engine that another one pinned", () => {
  const record = state.encodeEngineRecord((1n << 32n) | 2n, "tracepoint");
  expect(written("engine_record", record)).toEqual({ layout: 2, tier: 3 });
  expect(state.decodeEngineRecord(record)).toEqual({
    layout: (1n << 32n) | 2n,
    tier: "tracepoint",
  });
  expect(state.decodeEngineRecord(new Uint8Array(16))).toBeNull();
});

test("a process", () => {
  expect<Record<string, number>>({ ...state.procAt }).toEqual({
    domain: at("proc", "domain"),
    session: at("proc", "session"),
    startedNs: at("proc", "started_ns"),
  });
  expect(written("proc", state.encodeProc(5, 6, 7n))).toEqual({
    domain: 5,
    session: 6,
    started_ns: 7,
  });
});

test("a session", () => expect(state.sessionBytes).toBe(at("session", "size")));

test("where the members of an event are", () => {
  // The struct has a member `size` too, right after its type.
  const { data, size, reserved: _, ...members } = layout.bytes("event");
  expect([data, size]).toEqual([state.eventBytes, state.eventBytes]);
  const own = Object.entries({ ...state.eventAt }).map(([name, offset]) => [
    snakeCase(name),
    offset,
  ]);
  expect(Object.fromEntries(own)).toEqual({ ...members, size: at("event", "type") + 4 });
});

/** A record of the ring, member by member, and what follows it. */
function record(members: Record<string, number | bigint>, data = ""): Uint8Array {
  const text = new TextEncoder().encode(data);
  const bytes = new Uint8Array(new ArrayBuffer(state.eventBytes + text.length));
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries({ type: 4, ...members })) {
    if (typeof value === "bigint") view.setBigUint64(at("event", name), value, true);
    else view.setUint32(at("event", name), value, true);
  }
  bytes.set(text, state.eventBytes);
  return bytes;
}

test("an event's numbers and names", () => {
  const bytes = record(
    {
      time_ns: 1n << 40n,
      tgid: 2,
      tid: 3,
      parent: 4,
      uid: 5,
      domain: 6,
      session: 7,
      generation: 8,
      op: 9,
      clauses_count: 1,
      clauses: 10,
      labels: 0b101,
      first_bytes: 3,
      second_bytes: 5,
      words: 2,
    },
    "/abx\0y z",
  );
  const text = (part: Uint8Array) => new TextDecoder().decode(part);
  const event = state.decodeEvent(bytes);
  expect({ ...event, first: text(event.first), second: text(event.second) }).toMatchObject({
    type: "match",
    timeNs: 1n << 40n,
    tgid: 2,
    tid: 3,
    parent: 4,
    uid: 5,
    domain: 6,
    session: 7,
    generation: 8,
    ops: 9,
    clauses: [10],
    labels: [0, 2],
    first: "/ab",
    second: "x\0y z",
    words: 2,
  });
});

test("an exit's status", () =>
  expect(state.decodeEvent(record({ type: 3, detail: 0x100n }))).toMatchObject({
    status: 0x100,
    gates: [],
  }));

test("a gate's number", () =>
  expect(state.decodeEvent(record({ type: 6, detail: (1n << 63n) | 1n })).gates).toEqual([0, 63]));

test("an object and a script", () => {
  const members = {
    object_mode: 0o10000 | 0x10000,
    object_inode: 1n << 60n,
    object_device: 15,
    script: 2,
  };
  const event = state.decodeEvent(record({ ...members, object_generation: 4 }));
  expect(event.script).toBe(2);
  expect(event.object).toEqual({ kind: "pipe", inode: 1n << 60n, device: 15, generation: 4 });
  expect(state.decodeEvent(record({})).object).toBeNull();
});

test("kinds of objects", () => {
  const { OBJECT_INTERNAL = 0 } = layout.constants();
  const kindOf = (object_mode: number) => state.decodeEvent(record({ object_mode })).object?.kind;
  const kinds = [0o100000, 0o40000, 0o10000, 0o140000, 0o20000, 0o60000].map(kindOf);
  expect(kinds).toEqual(["file", "directory", "fifo", "socket", "device", "device"]);
  expect(kindOf(0o10000 | OBJECT_INTERNAL)).toBe("pipe");
  expect(kindOf(0o100000 | OBJECT_INTERNAL)).toBe("memory");
});

test("what is no inode", () => {
  const devices = Object.entries(layout.values("channel_device"));
  expect(Object.fromEntries(devices.map(([name, device]) => [name, device >>> 0]))).toEqual(
    upper("CHANNEL", channelDevices),
  );
});

/** What is told of a key of `objects` as an event's object. */
function keyed(device: number, object_inode: bigint, object_generation = 0) {
  const { OBJECT_KEY = 0 } = layout.constants();
  const members = { object_mode: OBJECT_KEY, object_inode, object_device: device };
  const { object } = state.decodeEvent(record({ type: 10, ...members, object_generation }));
  if (object === null) throw new Error("no object");
  return object;
}

test("an object that is told by its key", () => {
  const { stream, place, first, terminal, segment, queue, memory, common, embryo } = channelDevices;
  const loopback = 0x0100007fn;
  const [from, to] = [0x3412, 0x5000];
  const told = [
    keyed(stream, (0x0200007fn << 32n) | loopback, from * 0x10000 + to),
    keyed(stream, 0x01000000n, to),
    keyed(place, 0n, to),
    keyed(first, 0x12ffn, to),
    keyed(terminal, 5n, 1),
    keyed(segment, 6n),
    keyed(queue, 7n),
    keyed(memory, 1n << 40n, 8),
    keyed(common, 0n),
  ];
  expect(told.map((object) => [object.kind, channelText(object)])).toEqual([
    ["tcp", "tcp://127.0.0.1:80"],
    ["tcp", "tcp://[::1]:80"],
    ["udp", "udp://0.0.0.0:80"],
    ["tcp", "tcp://[...]:80"],
    ["terminal", "/dev/pts/5"],
    ["segment", "segment:[6]"],
    ["queue", "queue:[7]"],
    ["memory", "memory:[8]"],
    ["memory", "memory:[common]"],
  ]);
  const file = keyed(0x800001, 4711n, 3);
  expect(file).toEqual({ kind: "file", inode: 4711n, device: 0x800001, generation: 3 });
  expect(channelText(file)).toBeNull();
  const address = 0xffff888012345678n;
  expect(keyed(embryo, address).inode).toBe(keyed(embryo, address).inode);
  expect(keyed(embryo, address).inode).not.toBe(address);
});

test("under what else the labels of a label event may have lain", () => {
  expect(layout.bytes("object_key")).toMatchObject(state.keyAt);
  const keys = new Uint8Array(2 * state.keyAt.size);
  const view = new DataView(keys.buffer);
  view.setBigUint64(state.keyAt.inode, 5n, true);
  view.setUint32(state.keyAt.device, channelDevices.terminal, true);
  view.setUint32(state.keyAt.generation, 1, true);
  const bytes = record(
    { type: 5, detail: 2n, first_bytes: 2, second_bytes: keys.length },
    "/x".padEnd(2 + keys.length),
  );
  bytes.set(keys, state.eventBytes + 2);
  const { channels, gates, second } = state.decodeEvent(bytes);
  expect(channels).toEqual([
    { kind: "terminal", inode: 5n, device: channelDevices.terminal, generation: 1 },
  ]);
  expect([gates, second.length]).toEqual([[], 0]);
});

test("the last label and the last clause", () => {
  const bytes = record({ clauses_count: EVENT_CLAUSES_MAX });
  const view = new DataView(bytes.buffer);
  view.setUint32(at("event", "labels") + (LABEL_WORDS - 1) * 4, 1 << 31, true);
  view.setUint32(at("event", "clauses") + (EVENT_CLAUSES_MAX - 1) * 4, 99, true);
  const { labels, clauses } = state.decodeEvent(bytes);
  expect(labels).toEqual([LABEL_WORDS * 32 - 1]);
  expect(clauses.at(-1)).toBe(99);
});

test("a record whose data would lie outside it is not read", () => {
  expect(() => state.decodeEvent(record({ first_bytes: EVENT_PATH_MAX }))).toThrow();
  expect(() => state.decodeEvent(record({ type: 0 }))).toThrow();
});

test("types of events", () =>
  expect(upper("EVENT", numbered(eventTypes, 1))).toEqual(layout.values("event_type")));
test("outcomes", () =>
  expect(upper("OUTCOME", numbered(outcomes))).toEqual(layout.values("outcome")));
test("effects", () => expect(upper("EFFECT", numbered(effects))).toEqual(layout.values("effect")));
test("counters", () =>
  expect(upper("COUNTER", numbered(counterNames))).toEqual(
    Object.fromEntries(
      Object.entries(layout.values("counter")).filter(([name]) => name !== "COUNTERS"),
    ),
  ));
test("built-in protections", () =>
  expect(upper("BUILTIN", numbered(builtins, 1))).toEqual(layout.values("builtin")));

test("each flag sets what it is named for", () => {
  const of = (flags: number) => {
    const { strictPath, strictArgs, moreClauses, steered, builtin } = state.decodeEvent(
      record({ flags, detail: 1n }),
    );
    return { strictPath, strictArgs, moreClauses, steered, builtin: builtin !== null };
  };
  const none = of(0);
  const told = Object.entries(layout.values("event_flags")).map(([name, bit]) => {
    const set = Object.entries(of(bit)).filter(
      ([member, value]) => value !== none[member as keyof typeof none],
    );
    return [name, set.map(([member]) => member)];
  });
  expect(Object.fromEntries(told)).toEqual({
    EVENT_STRICT_PATH: ["strictPath"],
    EVENT_STRICT_ARGS: ["strictArgs"],
    EVENT_MORE_CLAUSES: ["moreClauses"],
    EVENT_BUILTIN: ["builtin"],
    EVENT_STEERED_LOADER: ["steered"],
    EVENT_STEERED_INTERPRETER: ["steered"],
  });
});

test("sizes that both sides have", () =>
  expect(layout.constants()).toMatchObject({ LABEL_WORDS, GATES_MAX }));
