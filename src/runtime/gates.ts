// What became of each gate: when its program ran, how it ended, what made it stale and who did it.

import type { KernelEvent } from "../kernel/kernel.ts";
import { targetText } from "./bytes.ts";

export interface GateHistory {
  /** Start of the last run, whatever came of it. */
  readonly startedNs: bigint | null;
  /** A run is under way. */
  readonly running: boolean;
  /** Start of the run that satisfied the gate last: the gate's instant. Null: none did. */
  readonly satisfiedNs: bigint | null;
  /** How the last run ended, if it did not open the gate: its status as wait(2) gives it. */
  readonly failedStatus: number | null;
  /** What closed it since it opened; null: nothing did. */
  readonly stale: { readonly timeNs: bigint; readonly what: string; readonly tgid: number } | null;
}

const never: GateHistory = {
  startedNs: null,
  running: false,
  satisfiedNs: null,
  failedStatus: null,
  stale: null,
};

export class Gates {
  readonly #histories = new Map<number, GateHistory>();
  /** Runs under way: their starts, by the process that leads them and their gate. */
  readonly #runs = new Map<number, Map<number, bigint>>();
  /** Runs that failed and whose status comes with the exit that follows. */
  readonly #failing = new Map<number, readonly number[]>();

  /** `opensAtStart`: gates without `exits`, whose start is their opening. */
  constructor(private readonly opensAtStart: (gate: number) => boolean) {}

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
        const stale = { timeNs: event.timeNs, what: targetText(event), tgid: event.tgid };
        for (const gate of event.gates) this.#change(gate, { stale });
        return;
      }
      case "run-failed":
        this.#failing.set(event.tgid, [...(this.#failing.get(event.tgid) ?? []), ...event.gates]);
        return;
      case "exit":
        this.#exit(event.tgid, event.status);
        return;
    }
  }

  #start(tgid: number, gate: number, timeNs: bigint): void {
    if (this.opensAtStart(gate)) {
      this.#change(gate, { startedNs: timeNs, satisfiedNs: timeNs, stale: null });
      return;
    }
    const runs = this.#runs.get(tgid) ?? new Map<number, bigint>();
    this.#runs.set(tgid, runs.set(gate, timeNs));
    this.#change(gate, { startedNs: timeNs, running: true });
  }

  #open(tgid: number, gate: number, timeNs: bigint): void {
    const satisfiedNs = this.#runs.get(tgid)?.get(gate) ?? timeNs;
    this.#change(gate, { satisfiedNs, failedStatus: null, stale: null });
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
