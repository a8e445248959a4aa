// The governed processes as the events tell them: who started whom, what runs, and from where each
// label came. What /proc could add is gone by the time anybody asks.

import { operationBits } from "../ir/abi.ts";
import type { KernelEvent } from "../kernel/kernel.ts";
import { pathText, targetText, wordsOf } from "./bytes.ts";

/** How a process came by a label. */
export interface Acquisition {
  readonly label: number;
  /** The operation that brought it. */
  readonly how: "exec" | "read" | "connect";
  /** The program, file or address. */
  readonly what: string;
  /** The process that did it: this one, or an ancestor it inherits from. */
  readonly tgid: number;
  readonly program: string;
  readonly timeNs: bigint;
}

export interface Process {
  readonly tgid: number;
  readonly parent: number;
  /** When it was forked, or first heard of: with `tgid` it names the process, for numbers are used again. */
  readonly startedNs: bigint;
  /** Of the parent, where it was known. */
  readonly parentStartedNs: bigint | null;
  /** Absolute path of the program; empty before its first exec under governance. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly acquired: ReadonlyMap<number, Acquisition>;
  readonly ended: boolean;
}

/** Ended processes are kept as ancestors until this many are known. */
const processesMax = 65536;
/** An agent can fork deeper; nobody reads further. */
const ancestorsMax = 64;

/** How an operation brings labels. */
export function howOf({ ops }: Pick<KernelEvent, "ops">): Acquisition["how"] {
  if (ops & operationBits.exec) return "exec";
  return ops & (operationBits.connect | operationBits.send | operationBits.recv)
    ? "connect"
    : "read";
}

export class Processes {
  readonly #byTgid = new Map<number, Process>();

  get(tgid: number): Process | null {
    return this.#byTgid.get(tgid) ?? null;
  }

  /** The process's ancestors, nearest first, as far as they are still known by their numbers. */
  ancestors(tgid: number): Process[] {
    const found: Process[] = [];
    let process = this.#parentOf(this.get(tgid));
    while (process !== null && found.length < ancestorsMax) {
      found.push(process);
      process = this.#parentOf(process);
    }
    return found;
  }

  /** Take in one event, before anybody is told of it. */
  observe(event: KernelEvent): void {
    switch (event.type) {
      case "fork":
        this.#fork(event);
        return;
      case "exec":
        this.#exec(event);
        return;
      case "label":
        this.#set(event, { acquired: this.#acquire(event, howOf(event)) });
        return;
      case "exit":
        this.#set(event, { ended: true });
        this.#forgetSome();
        return;
    }
  }

  #fork(event: KernelEvent): void {
    const parent = this.get(event.parent);
    // A reused number begins anew.
    this.#byTgid.delete(event.tgid);
    this.#byTgid.set(event.tgid, {
      ...this.#unheardOf(event),
      program: parent?.program ?? "",
      argv: parent?.argv ?? [],
      acquired: parent?.acquired ?? new Map(),
    });
  }

  #exec(event: KernelEvent): void {
    const program = pathText(event.first);
    const argv = wordsOf(event.second, event.words);
    this.#set(event, { program, argv });
    this.#set(event, { acquired: this.#acquire(event, "exec") });
  }

  #set(event: KernelEvent, change: Partial<Process>): void {
    const known = this.get(event.tgid);
    // Its fork may have been lost: nothing comes from a process that has ended.
    const process = known === null || known.ended ? this.#unheardOf(event) : known;
    this.#byTgid.set(event.tgid, { ...process, ...change });
  }

  #unheardOf(event: KernelEvent): Process {
    return {
      tgid: event.tgid,
      parent: event.parent,
      startedNs: event.timeNs,
      parentStartedNs: this.get(event.parent)?.startedNs ?? null,
      program: "",
      argv: [],
      acquired: new Map(),
      ended: false,
    };
  }

  #parentOf(process: Process | null): Process | null {
    const parent = this.get(process?.parent ?? 0);
    return parent?.startedNs === process?.parentStartedNs ? parent : null;
  }

  /** What the process carries after the event: what it had and still has, and the event as the origin of what is new. */
  #acquire(event: KernelEvent, how: Acquisition["how"]): Map<number, Acquisition> {
    const process = this.get(event.tgid);
    return new Map(
      event.labels.map((label) => [
        label,
        process?.acquired.get(label) ?? {
          label,
          how,
          what: targetText(event) || "a pipe",
          tgid: event.tgid,
          program: process?.program ?? "",
          timeNs: event.timeNs,
        },
      ]),
    );
  }

  #forgetSome(): void {
    if (this.#byTgid.size <= processesMax) return;
    for (const [tgid, process] of this.#byTgid) {
      if (process.ended) this.#byTgid.delete(tgid);
      if (this.#byTgid.size <= processesMax / 2) return;
    }
  }
}
