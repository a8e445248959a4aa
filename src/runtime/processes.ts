// The governed processes as the events tell them: who started whom, what runs, and from where each
// label came. What /proc could add is gone by the time anybody asks.

import type { KernelEvent } from "../kernel/kernel.ts";
import { pathText, wordsOf } from "./bytes.ts";

/** How a process came by a label. */
export interface Acquisition {
  readonly label: number;
  /** The operation that brought it. */
  readonly how: "exec" | "read" | "connect" | "start";
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
  /** Absolute path of the program; empty before its first exec under governance. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly acquired: ReadonlyMap<number, Acquisition>;
  readonly ended: boolean;
}

/** Ended processes are kept as ancestors until this many are known. */
const processesMax = 65536;

export class Processes {
  readonly #byTgid = new Map<number, Process>();

  get(tgid: number): Process | null {
    return this.#byTgid.get(tgid) ?? null;
  }

  /** The process's ancestors, nearest first; a ring cannot arise, but a reused number could look like one. */
  ancestors(tgid: number): Process[] {
    const found: Process[] = [];
    let process = this.get(this.get(tgid)?.parent ?? 0);
    while (process !== null && found.length < 64 && !found.includes(process)) {
      found.push(process);
      process = this.get(process.parent);
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
        this.#set(event, { acquired: this.#acquire(event, "read") });
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
      tgid: event.tgid,
      parent: event.parent,
      program: parent?.program ?? "",
      argv: parent?.argv ?? [],
      acquired: parent?.acquired ?? new Map(),
      ended: false,
    });
  }

  #exec(event: KernelEvent): void {
    const program = pathText(event.first);
    const argv = wordsOf(event.second, event.words);
    this.#set(event, { program, argv });
    this.#set(event, { acquired: this.#acquire(event, "exec") });
  }

  #set(event: KernelEvent, change: Partial<Process>): void {
    const known: Process = this.get(event.tgid) ?? {
      tgid: event.tgid,
      parent: event.parent,
      program: "",
      argv: [],
      acquired: new Map(),
      ended: false,
    };
    this.#byTgid.set(event.tgid, { ...known, ...change });
  }

  /** What the process carries after the event: what it had, and the event as the origin of what is new. */
  #acquire(event: KernelEvent, how: "exec" | "read"): Map<number, Acquisition> {
    const process = this.get(event.tgid);
    const acquired = new Map(process?.acquired);
    for (const label of event.labels) {
      if (acquired.has(label)) continue;
      acquired.set(label, {
        label,
        how,
        what: pathText(event.first),
        tgid: event.tgid,
        program: process?.program ?? "",
        timeNs: event.timeNs,
      });
    }
    return acquired;
  }

  #forgetSome(): void {
    if (this.#byTgid.size <= processesMax) return;
    for (const [tgid, process] of this.#byTgid) {
      if (process.ended) this.#byTgid.delete(tgid);
      if (this.#byTgid.size <= processesMax / 2) return;
    }
  }
}
