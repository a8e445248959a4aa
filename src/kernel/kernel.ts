// The contract between the rest of the program and whatever enforces: the running kernel
// (live.ts) or a simulation in the tests. A policy goes in as words, events come out decoded.
//
//   const kernel = await openKernel({ compiled, onEvent });
//   kernel.admit(tgid, 1);            // from now on tgid and its descendants are governed by domain 1
//   ...                               // onEvent: fork, exec, match, exit
//   kernel.drain();
//   await kernel.close();

import type { Compiled } from "../ir/ir.ts";

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
] as const;
export type EventType = (typeof eventTypes)[number];

export const outcomes = ["observed", "refused", "killed-before", "killed-after"] as const;
/** What was done about a match. */
export type Outcome = (typeof outcomes)[number];

export const effects = ["none", "notify", "block", "kill"] as const;

/** Protections that hold for every governed process whatever its policy says: `enum builtin`, from 1. */
export const builtins = ["bpf", "signal", "trace", "nameless"] as const;
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
  /** The built-in protection that refused; then no clause did. */
  readonly builtin: Builtin | null;
  /** Clause ids of the compiled policy. */
  readonly clauses: readonly number[];
  /** Label bits that the rules saw. */
  readonly labels: readonly number[];
  /** Gate ids, of gate events. */
  readonly gates: readonly number[];
  /** As wait(2) gives it, of exit events. */
  readonly status: number;
  /** The target's bytes: a path, a program, or 19 bytes of an address. */
  readonly first: Uint8Array;
  /** Of exec events: how many arguments there were. */
  readonly words: number;
  /** Arguments joined by NUL, cut at about 1,000 bytes; more than the arguments may follow. */
  readonly second: Uint8Array;
}

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
] as const;
export type Counters = Readonly<Record<(typeof counterNames)[number], number>> & {
  /**
   * Times the kernel skipped a program because it was already running on that processor: a tracing program that was
   * preempted, which modify-return programs are too. Each may be an operation that nobody judged.
   */
  readonly skipped: number;
};

export interface KernelOptions {
  readonly compiled: Compiled;
  /** Null: the first tier that works. */
  readonly tier: Tier | null;
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  readonly onEvent: (event: KernelEvent) => void;
}

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
  /** Governed processes that are alive. */
  members(): number[];
  counters(): Counters;
  /** How often each clause matched, by clause id. */
  hits(): number[];
  /** Hand over every event the kernel has written until now. */
  drain(): void;
  close(): Promise<void>;
}

/** Why no tier could be used: what each one answered. */
export class KernelUnavailable extends Error {
  override name = "KernelUnavailable";
  constructor(readonly answers: readonly { readonly tier: Tier; readonly answer: string }[]) {
    super(answers.map(({ tier, answer }) => `${tier}: ${answer}`).join("\n"));
  }
}
