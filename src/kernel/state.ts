// The kernel's own records as bytes: the TypeScript view of bpf/abi.h's "state kept by the kernel
// half" and "what the kernel half tells". A test compares the offsets through BTF.

import { assert } from "../base/assert.ts";
import { type OwnedBytes, ownedBytes, viewOf } from "../base/bytes.ts";
import { GATES_MAX, LABEL_WORDS } from "../ir/abi.ts";
import { keyObject } from "./channels.ts";
import {
  builtins,
  type Counters,
  counterNames,
  effects,
  eventTypes,
  type KernelEvent,
  type KernelObject,
  type ObjectKind,
  outcomes,
  type Tier,
  tiers,
} from "./kernel.ts";

/** Word offsets inside `struct domain`; of each slot the base, then the generation. */
export const domainAt = { session: 0, active: 1, slots: 2, size: 6 } as const;
export const procBytes = 192;
export const sessionBytes = 8 + GATES_MAX * (8 * 3 + 4) + 4 * 2 + LABEL_WORDS * 4;

/** `struct mount_place`; a longer prefix is left out. */
export const mountPrefixMax = 255;
export const mountPlaceBytes = 8 + mountPrefixMax + 1;

export function encodeMountPlace(id: number, prefix: Uint8Array): OwnedBytes {
  assert(prefix.length <= mountPrefixMax, "a mount's prefix has room");
  const bytes = ownedBytes(mountPlaceBytes);
  const view = viewOf(bytes);
  view.setUint32(0, id, true);
  view.setUint32(4, prefix.length, true);
  bytes.set(prefix, 8);
  return bytes;
}

/** `struct hit_key`. */
export function encodeHitKey(session: number, clause: number): OwnedBytes {
  return words([session, clause]);
}

/** `struct given`: a file that the command was given as its output. */
export function encodeGiven(inode: bigint, device: number): OwnedBytes {
  const bytes = ownedBytes(16);
  const view = viewOf(bytes);
  view.setBigUint64(0, inode, true);
  view.setUint32(8, device, true);
  return bytes;
}

/** What is asked of a control_* program: `struct control`. */
export interface Control {
  readonly tgid?: number;
  readonly domain?: number;
  readonly session?: number;
  readonly gate?: number;
  readonly open?: boolean;
  readonly moves?: boolean;
}

export function encodeControl(ask: Control): OwnedBytes {
  const { tgid = 0, domain = 0, session = 0, gate = 0 } = ask;
  const [open, moves] = [ask.open === true ? 1 : 0, ask.moves === true ? 1 : 0];
  return words([tgid, domain, session, gate, open, moves]);
}

/** `enum control_result`. */
export const controlResults = [
  "done",
  "no-domain",
  "other-session",
  "full",
  "not-governed",
] as const;

/** `struct engine_record`. */
export function encodeEngineRecord(layout: bigint, tier: Tier): OwnedBytes {
  return words([Number(layout & 0xffffffffn), Number(layout >> 32n), tiers.indexOf(tier) + 1, 0]);
}

/** Null: it was written by nobody, or by something else. */
export function decodeEngineRecord(bytes: Uint8Array): { layout: bigint; tier: Tier } | null {
  const view = viewOf(bytes);
  const tier = tiers[view.getUint32(8, true) - 1];
  return tier === undefined ? null : { layout: view.getBigUint64(0, true), tier };
}

function words(values: readonly number[]): OwnedBytes {
  const bytes = ownedBytes(values.length * 4);
  const view = viewOf(bytes);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
}

/** A process that nothing is known of yet: no labels, no runs. */
export function encodeProc(domain: number, session: number, startedNs: bigint): OwnedBytes {
  const bytes = ownedBytes(procBytes);
  const view = viewOf(bytes);
  view.setUint32(procAt.domain, domain, true);
  view.setUint32(procAt.session, session, true);
  view.setBigUint64(procAt.startedNs, startedNs, true);
  return bytes;
}

/** Byte offsets inside `struct proc`. */
export const procAt = { domain: 96, session: 100, startedNs: 112 } as const;

export const eventBytes = 208;

/** Byte offsets inside `struct event`. */
export const eventAt = {
  timeNs: 0,
  detail: 8,
  type: 16,
  size: 20,
  tgid: 24,
  tid: 28,
  parent: 32,
  uid: 36,
  domain: 40,
  session: 44,
  generation: 48,
  op: 52,
  effect: 56,
  outcome: 60,
  flags: 64,
  clausesCount: 68,
  firstBytes: 72,
  secondBytes: 76,
  words: 80,
  objectMode: 84,
  labels: 88,
  clauses: 120,
  objectInode: 184,
  objectDevice: 192,
  objectGeneration: 196,
  script: 200,
} as const;

const flag = {
  strictPath: 1,
  strictArgs: 2,
  moreClauses: 4,
  builtin: 8,
  steeredLoader: 16,
  steeredInterpreter: 32,
} as const;

/** Decode one record of the ring; what it holds is copied. */
export function decodeEvent(bytes: Uint8Array): KernelEvent {
  const view = viewOf(bytes);
  const u32 = (at: number) => view.getUint32(at, true);
  const type = eventTypes[u32(eventAt.type) - 1];
  assert(type !== undefined, `an event of a known type, not ${u32(eventAt.type)}`);
  const flags = u32(eventAt.flags);
  const detail = view.getBigUint64(eventAt.detail, true);
  const first = u32(eventAt.firstBytes);
  const second = u32(eventAt.secondBytes);
  const effect = effects[u32(eventAt.effect)];
  const outcome = outcomes[u32(eventAt.outcome)];
  assert(effect !== undefined && outcome !== undefined, "an event has a known effect and outcome");
  assert(eventBytes + first + second <= bytes.length, "an event's data is inside its record");
  return {
    type,
    timeNs: view.getBigUint64(eventAt.timeNs, true),
    tgid: u32(eventAt.tgid),
    tid: u32(eventAt.tid),
    parent: u32(eventAt.parent),
    uid: u32(eventAt.uid),
    domain: u32(eventAt.domain),
    session: u32(eventAt.session),
    generation: u32(eventAt.generation),
    ops: u32(eventAt.op),
    effect,
    outcome,
    strictPath: (flags & flag.strictPath) !== 0,
    strictArgs: (flags & flag.strictArgs) !== 0,
    moreClauses: (flags & flag.moreClauses) !== 0,
    steered:
      flags & flag.steeredLoader
        ? "loader"
        : flags & flag.steeredInterpreter
          ? "interpreter"
          : null,
    builtin: flags & flag.builtin ? (builtins[Number(detail) - 1] ?? null) : null,
    clauses: Array.from({ length: u32(eventAt.clausesCount) }, (_, i) =>
      u32(eventAt.clauses + i * 4),
    ),
    labels: bitsOf(Array.from({ length: LABEL_WORDS }, (_, i) => u32(eventAt.labels + i * 4))),
    gates:
      type === "exit" || type === "match" || type === "label"
        ? []
        : bitsOf([Number(detail & 0xffffffffn), Number(detail >> 32n)]),
    status: type === "exit" ? Number(detail) : 0,
    object: objectOf(view),
    channels: type === "label" ? keysOf(view, eventBytes + first, Number(detail)) : [],
    script: u32(eventAt.script),
    first: bytes.slice(eventBytes, eventBytes + first),
    words: u32(eventAt.words),
    second:
      type === "label"
        ? new Uint8Array(0)
        : bytes.slice(eventBytes + first, eventBytes + first + second),
  };
}

/** Byte offsets inside `struct object_key`. */
export const keyAt = { inode: 0, device: 8, generation: 12, size: 24 } as const;

/** Unused ones are of no device. */
function keysOf(view: DataView, from: number, count: number): KernelObject[] {
  return Array.from({ length: count }, (_, i) => keyOf(view, from + i * keyAt.size)).filter(
    ({ device }) => device !== 0,
  );
}

function keyOf(view: DataView, at: number): KernelObject {
  const [inode, device] = [view.getBigUint64(at, true), view.getUint32(at + keyAt.device, true)];
  return keyObject(inode, device, view.getUint32(at + keyAt.generation, true));
}

const fileType = { mask: 0o170000, directory: 0o40000, fifo: 0o10000, socket: 0o140000 } as const;
const deviceTypes: readonly number[] = [0o20000, 0o60000];
/** Mounted by the kernel for itself: it has no path. */
const internalObject = 0x10000;
/** It is told as the key that labels lie under. */
const keyedObject = 0x20000;

function objectKind(mode: number): ObjectKind {
  const isInternal = (mode & internalObject) !== 0;
  const type = mode & fileType.mask;
  if (type === fileType.directory) return "directory";
  if (type === fileType.fifo) return isInternal ? "pipe" : "fifo";
  if (type === fileType.socket) return "socket";
  if (deviceTypes.includes(type)) return "device";
  return isInternal ? "memory" : "file";
}

function objectOf(view: DataView): KernelObject | null {
  const mode = view.getUint32(eventAt.objectMode, true);
  if (mode === 0) return null;
  const inode = view.getBigUint64(eventAt.objectInode, true);
  const device = view.getUint32(eventAt.objectDevice, true);
  const generation = view.getUint32(eventAt.objectGeneration, true);
  if (mode & keyedObject) return keyObject(inode, device, generation);
  return { kind: objectKind(mode), inode, device, generation };
}

/** The numbers of the bits that are set in 32-bit words. */
function bitsOf(words: readonly number[]): number[] {
  const bits: number[] = [];
  words.forEach((word, index) => {
    for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) bits.push(index * 32 + bit);
  });
  return bits;
}

/** `counted`: by the number of a counter. */
export function countersOf(counted: (index: number) => bigint, skipped: number): Counters {
  const counters = Object.fromEntries(
    counterNames.map((name, index) => [name, Number(counted(index))]),
  ) as Omit<Counters, "skipped">;
  return { ...counters, skipped };
}
