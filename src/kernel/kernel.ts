// The contract between the rest of the program and whatever enforces: the running kernel
// (live.ts) or a simulation in the tests. A policy goes in as words, events come out decoded.
//
//   const kernel = await openKernel({ compiled, onEvent });
//   kernel.admit(tgid, 1);            // from now on tgid and its descendants are governed by domain 1
//   ...                               // onEvent: fork, exec, match, exit
//   kernel.drain();
//   await kernel.close();
//
// An engine is the same for many policies at once: sessions hold domains, processes are members of one
// domain each, and a domain's policy may change while they run.
//
//   const engine = await openEngine({ tier: null, ringBytes, programs: "all", pins: "/sys/fs/bpf/actplane/v1", onEvent });
//   const session = engine.newSession();
//   await engine.setDomain(7, session, compiled.image);   // compiled with the session's numbering
//   engine.admit(tgid, 7);
//   await engine.setDomain(7, session, tighter.image);    // no operation sees half of it, or none
//   await engine.detach();                                // the rules go on without this process

import type { Compiled } from "../ir/ir.ts";

/** Bytes of the ring that events come by. */
export const ringBytesUsual = 1 << 22;

export const tiers = ["lsm", "modify-return", "tracepoint"] as const;
export type Tier = (typeof tiers)[number];

export const eventTypes = [
  "fork",
  "exec",
  "exit",
  "match",
  "label",
  "gate-open",
  "gate-stale",
  "gate-start",
  "run-failed",
  "object",
] as const;
export type EventType = (typeof eventTypes)[number];

export const outcomes = ["observed", "refused", "killed-before", "killed-after"] as const;
/** What was done about a match. */
export type Outcome = (typeof outcomes)[number];

export const objectKinds = [
  "file",
  "directory",
  "pipe",
  "fifo",
  "socket",
  "device",
  "memory",
  "tcp",
  "udp",
  "terminal",
  "segment",
  "queue",
] as const;
/**
 * A fifo is a pipe with a name, `memory` a memfd and its like, and what processes share of their own. `tcp` is one
 * direction of a connection, `udp` an address that datagrams go to, `terminal` one direction of a pseudo terminal,
 * `segment` and `queue` are System V's.
 */
export type ObjectKind = (typeof objectKinds)[number];

/** What an event is about by its identity, which no other name and no reuse of a number changes. */
export interface KernelObject {
  readonly kind: ObjectKind;
  readonly inode: bigint;
  /** As the kernel has it: 12 bits of major, 20 of minor. Of what is no inode the major number is 4095 (channels.ts). */
  readonly device: number;
  readonly generation: number;
}

export const effects = ["none", "notify", "block", "kill"] as const;

/** Protections that hold for every governed process whatever its policy says: `enum builtin`, from 1. */
export const builtins = [
  "bpf",
  "signal",
  "trace",
  "nameless",
  "earned",
  "pins",
  "arguments",
] as const;
export type Builtin = (typeof builtins)[number];

export interface KernelEvent {
  readonly type: EventType;
  /** CLOCK_MONOTONIC. */
  readonly timeNs: bigint;
  /** Thread group and thread in the first pid namespace. */
  readonly tgid: number;
  readonly tid: number;
  readonly parent: number;
  readonly uid: number;
  readonly domain: number;
  readonly session: number;
  readonly generation: number;
  /** Bits of `operationBits`. */
  readonly ops: number;
  readonly effect: (typeof effects)[number];
  readonly outcome: Outcome;
  /** The name could not be resolved, or the arguments not be read: the strict side was taken. */
  readonly strictPath: boolean;
  readonly strictArgs: boolean;
  /** More clauses matched than the event names. */
  readonly moreClauses: boolean;
  /**
   * Of an exec that would have earned something: its caller could put other code in, into every program (`loader`: then
   * it earns nothing) or into interpreters (then it neither endorses nor declassifies).
   */
  readonly steered: "loader" | "interpreter" | null;
  /** The built-in protection that refused; then no clause did. */
  readonly builtin: Builtin | null;
  /** Clause ids of the compiled policy. */
  readonly clauses: readonly number[];
  /** Label bits that the rules saw; of an object event, those that the object gained. */
  readonly labels: readonly number[];
  /** Gate ids, of gate events; of an exec, those that it would have opened and did not earn. */
  readonly gates: readonly number[];
  /** As wait(2) gives it, of exit events. */
  readonly status: number;
  /** The file, pipe or program that the event is about; null: none, or not known. */
  readonly object: KernelObject | null;
  /** Of label events: under what else the labels may have lain. */
  readonly channels: readonly KernelObject[];
  /** Of exec events: which argument names the script that the kernel handed to an interpreter; 0: none. */
  readonly script: number;
  /** The target's bytes: a path, a program, or 19 bytes of an address. */
  readonly first: Uint8Array;
  /** Of exec events: how many arguments there were. */
  readonly words: number;
  /** Arguments joined by NUL, cut at about 1,000 bytes; more than the arguments may follow. */
  readonly second: Uint8Array;
}

/** An event that says nothing: what most members of most events are. */
export const blankEvent: KernelEvent = {
  type: "match",
  timeNs: 0n,
  tgid: 0,
  tid: 0,
  parent: 0,
  uid: 0,
  domain: 0,
  session: 0,
  generation: 0,
  ops: 0,
  effect: "none",
  outcome: "observed",
  strictPath: false,
  strictArgs: false,
  moreClauses: false,
  builtin: null,
  clauses: [],
  labels: [],
  gates: [],
  object: null,
  channels: [],
  script: 0,
  steered: null,
  status: 0,
  first: new Uint8Array(0),
  words: 0,
  second: new Uint8Array(0),
};

/** What the kernel half counted since it was loaded; the names are those of `enum counter`. */
export const counterNames = [
  "events",
  "eventsLost",
  "checks",
  "matches",
  "refused",
  "killed",
  "strictPath",
  "strictArgs",
  "strictState",
  "procsFull",
  "objectsFull",
  "runsFull",
  "errors",
  "hitsFull",
  "untold",
  "unjudged",
  "slipped",
  "namesFull",
] as const;
export type Counters = Readonly<Record<(typeof counterNames)[number], number>> & {
  /** Times the kernel may have skipped all programs that there are for something, because each was preempted (bpf/copies.h). */
  readonly skipped: number;
};

export interface KernelOptions {
  readonly compiled: Compiled;
  /** Null: the first tier that works. */
  readonly tier: Tier | null;
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  readonly onEvent: (event: KernelEvent) => void;
  /** There are more files than were looked at for second names. */
  readonly onFilesLeft?: () => void;
}

export type OpenKernel = (options: KernelOptions) => Promise<Kernel>;

export interface Kernel {
  readonly tier: Tier;
  /** Ids of the BPF links, and of the map of governed processes: what a guardian holds on to. */
  readonly linkIds: readonly number[];
  readonly procsMapId: number;
  /** This process's thread group id as the kernel counts, which a pid namespace hides. */
  readonly self: number;
  /** The id, as the kernel counts, of the process that this process forked last. */
  lastChild(): number;
  /** Governed processes may neither signal nor trace this one, whatever their policy says. This process itself is protected anyway. */
  protect(tgid: number): void;
  /** From its next event on the process and its descendants are governed. */
  admit(tgid: number): void;
  /** Operator's word: opens an approval, or closes it. */
  approve(gate: number, open: boolean): void;
  /** Governed processes that are alive. */
  members(): number[];
  counters(): Counters;
  /** How often each clause matched, by clause id. */
  hits(): number[];
  /** Hand over every event the kernel has written until now. */
  drain(): void;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Null: the first tier that works. Pinned programs keep the tier they were loaded for. */
  readonly tier: Tier | null;
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  /** Which programs of the tier are loaded: all, or those that this one policy needs; then no other one may be set. */
  readonly programs: "all" | Compiled;
  /** The folder below a bpffs where everything is pinned, and found again by the next process. Null: nothing is. */
  readonly pins: string | null;
  /** Room for the images of all domains, of programs for all; equal images lie there once. */
  readonly tableBytes?: number;
  /** Of an engine that is adopted, events that nobody read come before openEngine resolves. */
  readonly onEvent: (event: KernelEvent) => void;
}

/** What was pinned by an earlier process and runs on. */
export interface AdoptedDomain {
  readonly domain: number;
  readonly session: number;
  readonly generation: number;
}

/**
 * One set of programs for many sessions. A session has a label space, gates and clause ids of its own; its domains'
 * images are compiled with its numbering, so that what processes and files carry means the same to all of them.
 * Session and domain numbers are never 0. Whatever is asked for and cannot be done throws; nothing is half done.
 */
export interface Engine {
  readonly tier: Tier;
  /** [] for a fresh engine. */
  readonly adopted: readonly AdoptedDomain[];
  /** This process's thread group id as the kernel counts, which a pid namespace hides. */
  readonly self: number;
  /** The id, as the kernel counts, of the process that this process forked last. */
  lastChild(): number;
  /** Governed processes may neither signal nor trace this one either. */
  protect(tgid: number): void;
  newSession(): number;
  /** Frees what the session holds: its domains, labels of files, gates. No member of its domains may be alive. */
  endSession(session: number): void;
  /**
   * Creates the domain, or replaces its policy: an operation is judged by the old policy or by the new one. Resolves
   * when no operation can see the old one any more. Calls for one domain take effect in their order. Throws
   * EngineFull where the table has no room; then the old policy stays.
   */
  setDomain(
    domain: number,
    session: number,
    image: Uint32Array,
  ): Promise<{ readonly generation: number }>;
  /**
   * Looks for files that rules of the domain are about by name and that have other names already, so that the rules
   * hold by those too. What rules said before of a file, for any domain of the session, stays with it instead.
   */
  showFiles(domain: number, compiled: Compiled): Promise<ShownFiles>;
  /** No member of it may be alive. */
  endDomain(domain: number): void;
  /**
   * From its next operation on the process, and what it started or starts, is governed by `domain`. A process that is
   * governed already is moved only within its session, and keeps its labels and the gate runs it is in.
   */
  admit(tgid: number, domain: number): void;
  /** Null: not governed. */
  domainOf(tgid: number): number | null;
  /** Governed processes that are alive, of one domain or of all. */
  members(domain?: number): number[];
  /** Opens (with the present time, for `within`) or closes an approval gate. */
  approve(session: number, gate: number, open: boolean): void;
  counters(): Counters;
  /** How full the table of images is, and that of processes. */
  fill(): EngineFill;
  /** How often each clause matched, by the session's clause id; an id that is not there never did. */
  hits(session: number): readonly number[];
  /** Hand over every event the kernel has written until now. */
  drain(): void;
  /** Leaves what is pinned: the rules go on without this process, and the next one adopts them. */
  detach(): Promise<void>;
  /** Ends the rules and leaves nothing behind. */
  close(): Promise<void>;
}

export interface ShownFiles {
  /** False: there were more names than are looked at, or they could not be looked at in time. */
  readonly isComplete: boolean;
  /** False: this tier does not heed other names on this kernel, where it serves many policies. */
  readonly isHeeded: boolean;
  /** Those with several names, by device and inode. */
  readonly files: readonly string[];
}

export interface EngineFill {
  readonly tableBytes: number;
  readonly tableBytesMax: number;
  readonly processes: number;
  readonly processesMax: number;
}

/** The table has no room for another image. */
export class EngineFull extends Error {
  override name = "EngineFull";
}

/** Nothing can be pinned there, or not adopted: another process has it open, or it was laid out by another version. */
export class EngineTaken extends Error {
  override name = "EngineTaken";
}

/** Why no tier could be used: what each one answered. */
export class KernelUnavailable extends Error {
  override name = "KernelUnavailable";
  constructor(readonly answers: readonly { readonly tier: Tier; readonly answer: string }[]) {
    super(answers.map(({ tier, answer }) => `${tier}: ${answer}`).join("\n"));
  }
}
