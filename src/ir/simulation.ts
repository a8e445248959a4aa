// The kernel half in TypeScript: a trace run over the image, with the state of bpf/abi.h. Each event
// is judged by judge.ts, and one that goes ahead changes the state. For `simulate` and for tests.
// It knows the policy by its words alone; what they are called is for the caller to look up.

import { entryKinds, header } from "./abi.ts";
import { addLabels, goesAhead, type Hit, type Judgement, judge, noLabels } from "./judge.ts";
import { Image } from "./reader.ts";
import type { TraceEvent } from "./trace.ts";

const RUNS_MAX = 4;
const NS_PER_MS = 1_000_000n;

/** What became of one event, in the kernel's numbers. */
export interface Decision {
  /** Strongest effect: 0 none, 1 notify, 2 block, 3 kill. */
  readonly effect: number;
  readonly clauses: ReadonlySet<number>;
  /** Of the process, after the event. */
  readonly labels: Uint32Array;
  /** Numbers of the gates that are open after the event. */
  readonly gates: readonly number[];
  /** What the entries and flags say was over a limit of the kernel half. */
  readonly overLimit: boolean;
}

interface RunRef {
  readonly run: number;
  readonly gate: number;
  readonly leads: boolean;
}

interface Proc {
  readonly labels: Uint32Array;
  readonly cleans: Uint32Array;
  readonly held: Uint32Array;
  runs: RunRef[];
}

interface Run {
  readonly base: number;
  own: number;
  readonly startedNs: bigint;
}

export class Simulation {
  #image: Image;
  #flowing: Uint32Array;
  readonly #procs = new Map<number, Proc>();
  readonly #objects = new Map<number, Uint32Array>();
  readonly #runs = new Map<number, Run>();
  /** By the session's number of a gate. */
  readonly #staled: number[] = [];
  readonly #openRun: number[] = [];
  readonly #approved: (bigint | null)[] = [];
  #runsMade = 0;
  #nowNs = 0n;
  #overLimit = false;

  constructor(words: Uint32Array) {
    this.#image = new Image(words);
    this.#flowing = this.#image.mask(header.flowing);
    this.#procs.set(1, newProc());
  }

  /** Another policy takes the place of the present one; both are numbered by the same session. */
  replace(words: Uint32Array): void {
    this.#image = new Image(words);
    this.#flowing = this.#image.mask(header.flowing);
  }

  step(event: TraceEvent): Decision | null {
    if (event.type === "wait") {
      this.#nowNs += BigInt(event.ms) * NS_PER_MS;
      return this.#decision(0, new Set(), noLabels());
    }
    const proc = this.#procs.get(event.process);
    if (proc === undefined) return null;
    const judgement = this.judge(event);
    if (judgement === null) return null;
    if (goesAhead(judgement)) this.#commit(proc, event, judgement);
    if (judgement.effect === 3) this.#exit(event.process, proc, null);
    const matches = judgement.considered.filter(({ matches }) => matches);
    return this.#decision(
      judgement.effect,
      new Set(matches.map(({ entry }) => entry.id)),
      proc.labels,
    );
  }

  /** What `step` would decide, and on what grounds; nothing changes. Null: nobody is there to do it. */
  judge(event: TraceEvent): Judgement | null {
    const proc = event.type === "wait" ? undefined : this.#procs.get(event.process);
    if (proc === undefined) return null;
    return judge(this.#image, event, {
      labels: proc.labels,
      cleans: proc.cleans,
      held: proc.held,
      isOpen: (gate) => this.#isOpen(gate),
      labelsOf: (object) => this.#objects.get(object),
    });
  }

  /** An operator's word. */
  approve(gate: number, open: boolean): void {
    this.#approved[gate] = open ? this.#nowNs : null;
  }

  /** A process that was not forked by one of these: it has no labels. */
  admit(process: number): void {
    if (!this.#procs.has(process)) this.#procs.set(process, newProc());
  }

  #isOpen(gate: number): boolean {
    if (gate >= this.#image.gates.length) return false;
    const sinceNs = this.#approved[gate] ?? this.#ranNs(gate);
    const withinNs = this.#image.gates[gate]?.withinNs ?? 0n;
    return sinceNs !== null && (withinNs === 0n || this.#nowNs - sinceNs <= withinNs);
  }

  /** The instant of a gate that a run holds open. */
  #ranNs(gate: number): bigint | null {
    const run = this.#runs.get(this.#openRun[gate] ?? 0);
    if (run === undefined || (this.#staled[gate] ?? 0) - run.base !== run.own) return null;
    return run.startedNs;
  }

  // ---- state ----

  #commit(proc: Proc, event: TraceEvent, judgement: Judgement): void {
    const { changes: hits } = judgement;
    proc.labels.set(judgement.seen);
    proc.cleans.set(judgement.cleans);
    proc.held.set(judgement.held);
    this.#objectsSee(proc, event, hits);
    const gates = (kind: number) =>
      new Set(hits.filter(({ entry }) => entry.kind === kind).map(({ entry }) => entry.id));
    for (const gate of gates(entryKinds.stale)) this.#stale(proc, gate);
    for (const gate of gates(entryKinds.open)) this.#start(proc, gate, event.type === "exec");
    if (event.type === "fork") {
      const runs = proc.runs.map((ref) => ({ ...ref, leads: false }));
      const { labels, cleans, held } = proc;
      const copy = { labels: labels.slice(), cleans: cleans.slice(), held: held.slice() };
      this.#procs.set(event.child, { ...copy, runs });
    }
    if (event.type === "exit")
      this.#exit(event.process, proc, "code" in event.end ? event.end.code : null);
  }

  #objectsSee(proc: Proc, event: TraceEvent, hits: readonly Hit[]): void {
    switch (event.type) {
      case "open":
        if (event.create) this.#objects.delete(event.file.object);
        if (event.write || event.create || event.truncate)
          this.#give(event.file.object, proc.labels);
        break;
      case "truncate":
        this.#give(event.file.object, proc.labels);
        break;
      case "unlink":
        if (event.last) this.#objects.delete(event.file.object);
        break;
      case "rename":
      case "link":
        if (event.type === "rename" && event.replaces?.last)
          this.#objects.delete(event.replaces.object);
        for (const { entry, moves } of hits) if (moves) this.#give(event.from.object, entry.all);
        break;
    }
  }

  #give(object: number, labels: Uint32Array): void {
    const own = this.#objects.get(object) ?? noLabels();
    addLabels(
      own,
      labels.map((word, i) => word & (this.#flowing[i] ?? 0)),
    );
    this.#objects.set(object, own);
  }

  #stale(proc: Proc, gate: number): void {
    this.#staled[gate] = (this.#staled[gate] ?? 0) + 1;
    for (const ref of proc.runs) {
      const run = this.#runs.get(ref.run);
      if (ref.gate === gate && run !== undefined) run.own++;
    }
  }

  #start(proc: Proc, gate: number, leads: boolean): void {
    const key = ++this.#runsMade;
    if (leads) {
      // The same process starting over: the earlier run can no longer be the one that counts.
      const others = proc.runs.filter((ref) => !(ref.gate === gate && ref.leads));
      if (others.length === RUNS_MAX) this.#overLimit = true;
      proc.runs = [...others, { run: key, gate, leads: true }];
    }
    this.#runs.set(key, { base: this.#staled[gate] ?? 0, own: 0, startedNs: this.#nowNs });
    if (!leads || this.#image.gates[gate]?.exits === null) this.#openRun[gate] = key;
  }

  #exit(id: number, proc: Proc, code: number | null): void {
    this.#procs.delete(id);
    for (const ref of proc.runs) {
      if (!ref.leads || code === null || this.#image.gates[ref.gate]?.exits !== code) continue;
      this.#openRun[ref.gate] = ref.run;
    }
  }

  #decision(effect: number, clauses: ReadonlySet<number>, labels: Uint32Array): Decision {
    const gates = this.#image.gates.flatMap((_, gate) => (this.#isOpen(gate) ? [gate] : []));
    return { effect, clauses, labels: labels.slice(), gates, overLimit: this.#overLimit };
  }
}

function newProc(): Proc {
  return { labels: noLabels(), cleans: noLabels(), held: noLabels(), runs: [] };
}
