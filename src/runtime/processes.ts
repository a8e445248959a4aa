// The governed processes as the events tell them: who started whom, what runs, and from where each
// label came. What /proc could add is gone by the time anybody asks.

import { operationBits } from "../ir/abi.ts";
import type { KernelEvent } from "../kernel/kernel.ts";
import { pathText, targetText, wordsOf } from "./bytes.ts";
import { type ObjectReference, Objects, objectReference, objectText } from "./objects.ts";

/** How a process came by a label. */
export interface Acquisition {
  readonly label: number;
  /** The operation that brought it. */
  readonly how: "exec" | "read" | "connect";
  /** The program or script, file or address. */
  readonly what: string;
  /** The process that did it: this one, or an ancestor it inherits from. */
  readonly tgid: number;
  /** With `tgid`, which process that was. */
  readonly startedNs: bigint;
  /** What it ran then. */
  readonly program: string;
  readonly timeNs: bigint;
  readonly object: ObjectReference | null;
  /** The name itself is a source of the label. Null: nobody knows. */
  readonly isSource: boolean | null;
  /** How the object came by the label, where that was known already: `Gain.id`. 0: it was not. */
  readonly gain: number;
}

/** A process at one moment. */
export interface Step {
  readonly pid: number;
  /** The script, where the program is an interpreter that runs one. */
  readonly exe: string;
}

/** A process that carries a label, at one moment: what remains true when its number is used again. */
export interface Holder extends Step {
  readonly startedNs: bigint;
  /** When it was forked or became this program. */
  readonly sinceNs: bigint;
  /** Null: not known yet, its own event may still come. */
  readonly acquisition: Acquisition | null;
  /** It acquired the label itself, be it as another program. */
  readonly isAcquirer: boolean;
  /** From the process that acquired the label to this one, without it, eldest first. Empty: it did itself, as this program. */
  readonly over: readonly Step[];
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
  /** The script that the program is the interpreter of, as it was named; null: none. */
  readonly script: string | null;
  /** Of its fork or last exec. */
  readonly sinceNs: bigint;
  readonly acquired: ReadonlyMap<number, Acquisition>;
  /** Labels that a program has taken away: they may come back with the next one. */
  readonly lost: ReadonlyMap<number, Acquisition>;
  readonly ended: boolean;
}

/** What people know a process by: its script, else its program. */
export function nameOf(process: Pick<Process, "program" | "script"> | null): string {
  return process?.script ?? process?.program ?? "";
}

const nothing = { acquired: new Map<number, Acquisition>(), lost: new Map<number, Acquisition>() };

/** Ended processes are kept as ancestors until this many are known. */
const processesMax = 65536;
/** An agent can fork deeper; nobody reads further. */
const ancestorsMax = 64;
/** Of each label, how often its sources were read, in other words. */
const originsMax = 4;
/** Kept with every object that gains a label. */
const overMax = 16;

/** How an operation brings labels. Whatever it is, what came over a channel was read. */
export function howOf({
  ops,
  object,
  channels,
}: Pick<KernelEvent, "ops" | "object" | "channels">): Acquisition["how"] {
  if (channels.length > 0) return "read";
  if (ops & operationBits.exec) return "exec";
  if (object !== null) return "read";
  return ops & (operationBits.connect | operationBits.send | operationBits.recv)
    ? "connect"
    : "read";
}

export class Processes {
  readonly #byTgid = new Map<number, Process>();
  readonly #objects = new Objects<Holder>();
  readonly #origins = new Map<number, readonly Acquisition[]>();

  /** `sourcesOf`: the labels of which the event's own name is a source. Null: nobody knows. */
  constructor(private readonly sourcesOf: (event: KernelEvent) => ReadonlySet<number> | null) {}

  /** How objects came by their labels. */
  get objects(): Pick<Objects<Holder>, "gain" | "lastGain" | "isComplete" | "size"> {
    return this.#objects;
  }

  /** The youngest acquisitions of the label from a source itself, before all others; eldest first. */
  origins(label: number): readonly Acquisition[] {
    return this.#origins.get(label) ?? [];
  }

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

  /** The process as it is now, and from where it has the label. */
  holder(tgid: number, label: number): Holder {
    const process = this.get(tgid);
    const acquisition = process?.acquired.get(label) ?? null;
    return {
      pid: tgid,
      exe: nameOf(process),
      startedNs: process?.startedNs ?? 0n,
      sinceNs: process?.sinceNs ?? 0n,
      acquisition,
      isAcquirer: process?.startedNs === acquisition?.startedNs && tgid === acquisition?.tgid,
      over: process === null || acquisition === null ? [] : this.#over(process, acquisition),
    };
  }

  /** The acquirer may be forgotten, or its number another's: the label itself tells who is between. */
  #over(process: Process, acquisition: Acquisition): Step[] {
    const { label, tgid, startedNs, timeNs, program } = acquisition;
    const isAcquirer = (each: Process) => each.tgid === tgid && each.startedNs === startedNs;
    const acquirer = { pid: tgid, exe: program };
    if (isAcquirer(process)) return program === nameOf(process) ? [] : [acquirer];
    const between: Step[] = [];
    for (const ancestor of this.ancestors(process.tgid)) {
      const its = ancestor.acquired.get(label);
      const hasIt = its?.tgid === tgid && its.timeNs === timeNs;
      if (!hasIt || isAcquirer(ancestor) || between.length === overMax - 1) break;
      between.unshift({ pid: ancestor.tgid, exe: nameOf(ancestor) });
    }
    return [acquirer, ...between];
  }

  /** What an event that is not in its process's history yet would bring. */
  acquisitionBy(event: KernelEvent, label: number): Acquisition {
    const process = this.get(event.tgid);
    const argv = wordsOf(event.second, event.words);
    const script = event.script > 0 ? argv[event.script] : undefined;
    // Of a script the event has the interpreter's file.
    const isScript = script !== undefined;
    const own = event.object && !isScript ? [objectReference(event.object)] : [];
    const objects = [...own, ...event.channels.map(objectReference)];
    const { object, gain } = this.#wayOf(objects, label);
    return {
      label,
      how: howOf(event),
      what: script ?? objectText(targetText(event), object),
      tgid: event.tgid,
      startedNs: process?.startedNs ?? event.timeNs,
      program: event.type === "exec" ? (script ?? pathText(event.first)) : nameOf(process),
      timeNs: event.timeNs,
      object,
      isSource: this.sourcesOf(event)?.has(label) ?? null,
      gain,
    };
  }

  /** Of what the label may have lain with, what gained it last, and of what the same writer gave it to the first. */
  #wayOf(objects: readonly ObjectReference[], label: number): Pick<Acquisition, "object" | "gain"> {
    const ways = objects.map((object) => ({ object, gain: this.#objects.lastGain(object, label) }));
    const last = ways.reduce(
      (youngest, way) => ((way.gain?.id ?? 0) > (youngest?.gain?.id ?? 0) ? way : youngest),
      ways[0],
    );
    const [pid, startedNs] = [last?.gain?.writer.pid, last?.gain?.writer.startedNs];
    const way = ways.find(
      ({ gain }) => gain?.writer.pid === pid && gain?.writer.startedNs === startedNs,
    );
    return { object: way?.object ?? null, gain: way?.gain?.id ?? 0 };
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
        this.#set(event, { acquired: this.#acquire(event) });
        return;
      case "object":
        this.#objects.observe(event, pathText(event.first), (label) =>
          this.holder(event.tgid, label),
        );
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
      script: parent?.script ?? null,
      acquired: parent?.acquired ?? new Map(),
      lost: parent?.lost ?? new Map(),
    });
  }

  #exec(event: KernelEvent): void {
    const program = pathText(event.first);
    const argv = wordsOf(event.second, event.words);
    const script = scriptOf(event, argv, this.get(event.tgid));
    this.#set(event, { program, argv, script, sinceNs: event.timeNs });
    const { acquired: before, lost } = this.get(event.tgid) ?? nothing;
    const acquired = this.#acquire(event);
    const gone = [...before].filter(([label]) => !acquired.has(label));
    this.#set(event, { acquired, lost: gone.length === 0 ? lost : new Map([...lost, ...gone]) });
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
      script: null,
      sinceNs: event.timeNs,
      acquired: new Map(),
      lost: new Map(),
      ended: false,
    };
  }

  #parentOf(process: Process | null): Process | null {
    const parent = this.get(process?.parent ?? 0);
    return parent?.startedNs === process?.parentStartedNs ? parent : null;
  }

  /** What the process carries after the event: what it had and still has, and the event as the origin of what is new. */
  #acquire(event: KernelEvent): Map<number, Acquisition> {
    const process = this.get(event.tgid);
    return new Map(
      event.labels.map((label) => [
        label,
        process?.acquired.get(label) ??
          (event.type === "exec" ? process?.lost.get(label) : undefined) ??
          this.#acquired(event, label),
      ]),
    );
  }

  #acquired(event: KernelEvent, label: number): Acquisition {
    const acquisition = this.acquisitionBy(event, label);
    const { how, isSource, what } = acquisition;
    if (how === "connect" || isSource === true) {
      const others = this.origins(label).filter((each) => each.what !== what);
      this.#origins.set(label, [...others.slice(1 - originsMax), acquisition]);
    }
    return acquisition;
  }

  #forgetSome(): void {
    if (this.#byTgid.size <= processesMax) return;
    for (const [tgid, process] of this.#byTgid) {
      if (process.ended) this.#byTgid.delete(tgid);
      if (this.#byTgid.size <= processesMax / 2) return;
    }
  }
}

/** `#!/usr/bin/env python3` runs env, which becomes the interpreter with the same script. */
function scriptOf(
  event: KernelEvent,
  argv: readonly string[],
  before: Process | null,
): string | null {
  if (event.script > 0) return argv[event.script] ?? null;
  const byEnv = before?.script != null && before.program.endsWith("/env");
  return byEnv && argv.includes(before.script) ? before.script : null;
}
