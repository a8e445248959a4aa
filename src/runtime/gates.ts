// What became of each gate: when its program ran, how it ended, what made it stale and who did it.

import type { KernelEvent } from "../kernel/kernel.ts";
import { pathText } from "./bytes.ts";

export interface GateHistory {
  /** Start of the last run, whatever came of it. */
  readonly startedNs: bigint | null;
  /** A run is under way. */
  readonly running: boolean;
  /** When the gate opened last; null: never. */
  readonly openedNs: bigint | null;
  /** The last run's end, if it did not open the gate: its status as wait(2) gives it. */
  readonly failedStatus: number | null;
  /** What closed it since it opened; null: nothing did. */
  readonly stale: { readonly timeNs: bigint; readonly what: string; readonly tgid: number } | null;
}

const never: GateHistory = {
  startedNs: null,
  running: false,
  openedNs: null,
  failedStatus: null,
  stale: null,
};

export class Gates {
  readonly #histories = new Map<number, GateHistory>();
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
        for (const gate of event.gates) this.#start(gate, event.timeNs);
        return;
      case "gate-open":
        for (const gate of event.gates) this.#open(gate, event.timeNs);
        return;
      case "gate-stale": {
        const stale = { timeNs: event.timeNs, what: pathText(event.first), tgid: event.tgid };
        for (const gate of event.gates) this.#change(gate, { stale });
        return;
      }
      case "run-failed":
        this.#failing.set(event.tgid, [...(this.#failing.get(event.tgid) ?? []), ...event.gates]);
        return;
      case "exit":
        for (const gate of this.#failing.get(event.tgid) ?? [])
          this.#change(gate, { running: false, failedStatus: event.status });
        this.#failing.delete(event.tgid);
        return;
    }
  }

  #start(gate: number, timeNs: bigint): void {
    if (this.opensAtStart(gate)) this.#open(gate, timeNs);
    else this.#change(gate, { startedNs: timeNs, running: true });
  }

  #open(gate: number, timeNs: bigint): void {
    this.#change(gate, { openedNs: timeNs, running: false, failedStatus: null, stale: null });
  }

  #change(gate: number, change: Partial<GateHistory>): void {
    this.#histories.set(gate, { ...this.history(gate), ...change });
  }
}
