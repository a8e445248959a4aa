// The kernel half in TypeScript: a trace run over the image, with the state of bpf/abi.h.
// One event is: walk the names, see the labels, check the clauses, and only then change state.
// It knows the policy by its words alone; what they are called is for the caller to look up.

import {
  entryKinds,
  header,
  LABEL_WORDS,
  type OperationName,
  operationBits,
} from "../../src/ir/abi.ts";
import { type Entry, Image } from "./image.ts";
import { type ExecEvent, execSteps, fileTouches, type Peer, type TraceEvent } from "./trace.ts";

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
  runs: RunRef[];
}

interface Run {
  readonly base: number;
  own: number;
  readonly startedNs: bigint;
}

/** An entry that a name of the event leads to and whose operations, arguments and exceptions fit. */
interface Hit {
  readonly entry: Entry;
  /** The operation that the entry was reached by moves the name and reads nothing. */
  readonly moves: boolean;
}

const moving = bits(["rename", "link"]);

export class Simulation {
  readonly #image: Image;
  readonly #flowing: Uint32Array;
  readonly #procs = new Map<number, Proc>();
  readonly #objects = new Map<number, Uint32Array>();
  readonly #runs = new Map<number, Run>();
  readonly #staled: number[];
  readonly #openRun: number[];
  #runsMade = 0;
  #nowNs = 0n;
  #overLimit = false;

  constructor(words: Uint32Array) {
    this.#image = new Image(words);
    this.#flowing = this.#image.mask(header.flowing);
    this.#staled = this.#image.gates.map(() => 0);
    this.#openRun = this.#image.gates.map(() => 0);
    this.#procs.set(1, { labels: new Uint32Array(LABEL_WORDS), runs: [] });
  }

  step(event: TraceEvent): Decision | null {
    if (event.type === "wait") {
      this.#nowNs += BigInt(event.ms) * NS_PER_MS;
      return this.#decision(0, new Set(), new Uint32Array(LABEL_WORDS));
    }
    const proc = this.#procs.get(event.process);
    if (proc === undefined) return null;
    const hits = this.#hits(event);
    const seen = this.#seen(proc, event, hits);
    const matches = hits.filter(
      ({ entry }) => entry.kind === entryKinds.clause && this.#clauseMatches(entry, seen),
    );
    const effect = Math.max(0, ...matches.map(({ entry }) => entry.effect));
    if (effect < 2) this.#commit(proc, event, hits, seen);
    if (effect === 3) this.#exit(event.process, proc, null);
    return this.#decision(effect, new Set(matches.map(({ entry }) => entry.id)), proc.labels);
  }

  // ---- 1. names to entries ----

  #hits(event: TraceEvent): Hit[] {
    const hits: Hit[] = [];
    for (const touch of fileTouches(event)) {
      hits.push(...this.#fileHits(touch.path, bits(touch.operations)));
    }
    if (event.type === "exec") hits.push(...this.#execHits(event));
    if (event.type === "connect" || event.type === "send" || event.type === "recv") {
      hits.push(...this.#peerHits(event.peer, operationBits[event.type]));
    }
    return [...new Map(hits.map((hit) => [`${hit.entry.number} ${hit.moves}`, hit])).values()];
  }

  #fileHits(path: string, operations: number): Hit[] {
    // A moved object keeps the labels that reading it under its old name would give, and running a
    // program reads it.
    const moves = (operations & moving) !== 0 && (operations & operationBits.create) === 0;
    const reads = moves || (operations & operationBits.exec) !== 0;
    const labelled = reads ? operations | operationBits.read : operations;
    if ((this.#image.word(header.pathOps) & labelled) === 0) return [];
    return this.#image.accepted("path", utf8(path)).flatMap((number): Hit[] => {
      const entry = this.#image.entry(number);
      const isLabel = entry.kind === entryKinds.label;
      if ((entry.operations & (isLabel ? labelled : operations)) === 0) return [];
      return [{ entry, moves: isLabel && moves }];
    });
  }

  /** Every file of the exec by every name: arguments are judged by the name that led to the entry. */
  #execHits(event: ExecEvent): Hit[] {
    return execSteps(event).flatMap((step) => {
      const own = this.#fileHits(step.file.path, operationBits.exec);
      if ((this.#image.word(header.execOps) & operationBits.exec) === 0) return own;
      const resolved = new Set(this.#image.program(utf8(step.file.path)).atoms);
      const argv = utf8(step.argv.map((argument) => `${argument}\0`).join(""));
      return own.concat(step.names.flatMap((name) => this.#programHits(name, argv, resolved)));
    });
  }

  #programHits(name: string, argv: Uint8Array, resolved: ReadonlySet<number>): Hit[] {
    const program = this.#image.program(utf8(name));
    const given = this.#image.argumentAtoms(program.argsStart, argv);
    return program.entries
      .map((number) => this.#image.entry(number))
      .filter((entry) => (entry.operations & operationBits.exec) !== 0)
      .filter((entry) => entry.args.every((atom) => given.has(atom)))
      .filter((entry) => !entry.except.some((atom) => resolved.has(atom)))
      .filter((entry) => !entry.exceptNot.some((atom) => !resolved.has(atom)))
      .map((entry) => ({ entry, moves: false }));
  }

  #peerHits(peer: Peer, operation: number): Hit[] {
    if (peer.kind === "unix") return [];
    if (peer.kind === "inet" && (this.#image.word(header.endpointOps) & operation) === 0) return [];
    const numbers =
      peer.kind === "inet"
        ? this.#image.accepted("endpoint", inetBytes(peer))
        : this.#image.accepted("unix", utf8(peer.name));
    return numbers
      .map((number) => this.#image.entry(number))
      .filter((entry) => (entry.operations & operation) !== 0)
      .map((entry) => ({ entry, moves: false }));
  }

  // ---- 2. labels ----

  #seen(proc: Proc, event: TraceEvent, hits: readonly Hit[]): Uint32Array {
    const seen = proc.labels.slice();
    if (event.type === "open" && event.read) add(seen, this.#objects.get(event.file.object));
    if (event.type === "exec") {
      for (const step of execSteps(event)) add(seen, this.#objects.get(step.file.object));
    }
    for (const { entry, moves } of hits)
      if (entry.kind === entryKinds.label && !moves) add(seen, entry.all);
    return seen;
  }

  // ---- 3. clauses ----

  #clauseMatches(entry: Entry, seen: Uint32Array): boolean {
    const some = (mask: Uint32Array) => mask.some((word, i) => (word & (seen[i] ?? 0)) !== 0);
    const all = entry.all.every((word, i) => (word & (seen[i] ?? 0)) >>> 0 === word);
    return all && !some(entry.none) && !this.#gateLetsPass(entry);
  }

  #gateLetsPass(entry: Entry): boolean {
    return this.#image.gates.some((_, gate) => {
      const word = entry.gates[gate >> 5] ?? 0;
      return ((word >>> (gate & 31)) & 1) === 1 && this.#isOpen(gate);
    });
  }

  #isOpen(gate: number): boolean {
    const run = this.#runs.get(this.#openRun[gate] ?? 0);
    if (run === undefined) return false;
    if ((this.#staled[gate] ?? 0) - run.base !== run.own) return false;
    const withinNs = this.#image.gates[gate]?.withinNs ?? 0n;
    return withinNs === 0n || this.#nowNs - run.startedNs <= withinNs;
  }

  // ---- 4. state ----

  #commit(proc: Proc, event: TraceEvent, hits: readonly Hit[], seen: Uint32Array): void {
    proc.labels.set(seen);
    this.#objectsSee(proc, event, hits);
    const gates = (kind: number) =>
      new Set(hits.filter(({ entry }) => entry.kind === kind).map(({ entry }) => entry.id));
    for (const gate of gates(entryKinds.stale)) this.#stale(proc, gate);
    for (const gate of gates(entryKinds.open)) this.#start(proc, gate, event.type === "exec");
    if (event.type === "fork") {
      const runs = proc.runs.map((ref) => ({ ...ref, leads: false }));
      this.#procs.set(event.child, { labels: proc.labels.slice(), runs });
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
    const own = this.#objects.get(object) ?? new Uint32Array(LABEL_WORDS);
    add(
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

const encoder = new TextEncoder();

function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

function bits(operations: readonly OperationName[]): number {
  return operations.reduce((mask, operation) => mask | operationBits[operation], 0);
}

function add(mask: Uint32Array, more: Uint32Array | undefined): void {
  more?.forEach((word, i) => {
    mask[i] = (mask[i] ?? 0) | word;
  });
}

function inetBytes(peer: Peer & { kind: "inet" }): Uint8Array {
  const protocol = peer.protocol === "tcp" ? 6 : 17;
  return Uint8Array.from([protocol, ...peer.address, peer.port >> 8, peer.port & 0xff]);
}
