// What became of each gate: when its program ran, how it ended, what made it stale and who did it.

import { operationBits } from "../ir/abi.ts";
import type { KernelEvent } from "../kernel/kernel.ts";
import { targetText } from "./bytes.ts";

/** A process at that moment: its number may be another's by now. */
export interface Doer {
  readonly tgid: number;
  readonly exe: string;
}

/** What shut a gate: a program that ran, a file that was only opened or read, anything else. */
export const staleHows = ["exec", "read", "change"] as const;
export type StaleHow = (typeof staleHows)[number];

export interface GateHistory {
  /** Start of the last run, whatever came of it. */
  readonly startedNs: bigint | null;
  /** Who ran it last, whatever came of it. */
  readonly startedBy: Doer | null;
  /** A run is under way. */
  readonly running: boolean;
  /** Start of the run that satisfied the gate last: the gate's instant. Null: none did. */
  readonly satisfiedNs: bigint | null;
  readonly satisfiedBy: Doer | null;
  /** How the last run ended, if it did not open the gate: its status as wait(2) gives it. */
  readonly failedStatus: number | null;
  /** When it was run last in a way that its caller could steer, so that it did not count; null: never, or not since. */
  readonly steeredNs: bigint | null;
  /** What closed it since it opened; null: nothing did. */
  readonly stale:
    | (Doer & { readonly timeNs: bigint; readonly what: string; readonly how: StaleHow })
    | null;
}

const never: GateHistory = {
  startedNs: null,
  startedBy: null,
  running: false,
  satisfiedNs: null,
  satisfiedBy: null,
  failedStatus: null,
  steeredNs: null,
  stale: null,
};

export class Gates {
  readonly #histories = new Map<number, GateHistory>();
  /** Runs under way: their starts, by the process that leads them and their gate. */
  readonly #runs = new Map<number, Map<number, Doer & { readonly startedNs: bigint }>>();
  /** Runs that failed and whose status comes with the exit that follows. */
  readonly #failing = new Map<number, readonly number[]>();

  /** `opensAtStart`: gates without `exits`, whose start is their opening. `exeOf`: what a process runs now. */
  constructor(
    private readonly opensAtStart: (gate: number) => boolean,
    private readonly exeOf: (tgid: number) => string = () => "",
  ) {}

  history(gate: number): GateHistory {
    return this.#histories.get(gate) ?? never;
  }

  observe(event: KernelEvent): void {
    switch (event.type) {
      case "gate-start":
        for (const gate of event.gates) this.#start(event.tgid, gate, event.timeNs);
        return;
      case "gate-open":
        for (const gate of event.gates) this.#open(event.tgid, gate, event.timeNs);
        return;
      case "gate-stale": {
        const stale = {
          timeNs: event.timeNs,
          what: targetText(event),
          how: staleHow(event.ops),
          ...this.#doer(event.tgid),
        };
        for (const gate of event.gates) this.#change(gate, { stale });
        return;
      }
      case "run-failed":
        this.#failing.set(event.tgid, [...(this.#failing.get(event.tgid) ?? []), ...event.gates]);
        return;
      case "exec":
        if (event.steered !== "loader") return;
        for (const gate of event.gates) this.#change(gate, { steeredNs: event.timeNs });
        return;
      case "exit":
        this.#exit(event.tgid, event.status);
        return;
    }
  }

  #start(tgid: number, gate: number, timeNs: bigint): void {
    const doer = this.#doer(tgid);
    this.#change(gate, { steeredNs: null });
    if (this.opensAtStart(gate)) {
      const [startedNs, startedBy] = [timeNs, doer];
      const satisfied = { satisfiedNs: timeNs, satisfiedBy: doer, stale: null };
      this.#change(gate, { startedNs, startedBy, ...satisfied });
      return;
    }
    const runs = this.#runs.get(tgid) ?? new Map();
    this.#runs.set(tgid, runs.set(gate, { ...doer, startedNs: timeNs }));
    this.#change(gate, { startedNs: timeNs, startedBy: doer, running: true });
  }

  #doer(tgid: number): Doer {
    return { tgid, exe: this.exeOf(tgid) };
  }

  #open(tgid: number, gate: number, timeNs: bigint): void {
    const run = this.#runs.get(tgid)?.get(gate);
    const satisfiedBy = run === undefined ? this.#doer(tgid) : { tgid, exe: run.exe };
    const satisfiedNs = run?.startedNs ?? timeNs;
    this.#change(gate, { satisfiedNs, satisfiedBy, failedStatus: null, stale: null });
  }

  #exit(tgid: number, status: number): void {
    const ended = [...(this.#runs.get(tgid)?.keys() ?? [])];
    this.#runs.delete(tgid);
    for (const gate of ended) this.#change(gate, { running: this.#isRunning(gate) });
    for (const gate of this.#failing.get(tgid) ?? []) this.#change(gate, { failedStatus: status });
    this.#failing.delete(tgid);
  }

  #isRunning(gate: number): boolean {
    return [...this.#runs.values()].some((runs) => runs.has(gate));
  }

  #change(gate: number, change: Partial<GateHistory>): void {
    this.#histories.set(gate, { ...this.history(gate), ...change });
  }
}

function staleHow(ops: number): StaleHow {
  if ((ops & operationBits.exec) !== 0) return "exec";
  const others = ops & ~(operationBits.open | operationBits.read);
  return ops !== 0 && others === 0 ? "read" : "change";
}
