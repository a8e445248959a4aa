// One governed run as it happens: kernel events in, feedback records out, with the history that the
// records are explained from.

import type { Source } from "../base/source.ts";
import { gateOf } from "../ir/find.ts";
import type { Compiled } from "../ir/ir.ts";
import type { KernelEvent, Tier } from "../kernel/kernel.ts";
import type { Clock } from "./clock.ts";
import { type FeedbackRecord, feedbackOf } from "./feedback.ts";
import { Gates } from "./gates.ts";
import { nameOf, Processes } from "./processes.ts";
import { sourcesOf } from "./sources.ts";

export interface SessionOptions {
  readonly compiled: Compiled;
  readonly source: Source;
  readonly domain: string;
  readonly tier: Tier;
  readonly clock: Clock;
  readonly onFeedback: (record: FeedbackRecord) => void;
}

export class Session {
  readonly processes: Processes;
  readonly gates: Gates;
  #seq = 0;

  constructor(private readonly options: SessionOptions) {
    this.processes = new Processes((event) => sourcesOf(options.compiled, event));
    this.gates = new Gates(
      (gate) => gateOf(options.compiled, gate)?.exits === null,
      (tgid) => nameOf(this.processes.get(tgid)),
    );
  }

  get tier(): Tier {
    return this.options.tier;
  }

  /** Records made so far. */
  get records(): number {
    return this.#seq;
  }

  /** Take in the kernel's events in their order. */
  observe(event: KernelEvent): void {
    this.processes.observe(event);
    this.gates.observe(event);
    if (event.type !== "match") return;
    if (event.clauses.length === 0 && event.builtin === null) return;
    this.#seq++;
    this.options.onFeedback(
      feedbackOf(event, this.#seq, {
        ...this.options,
        sourceOf: () => this.options.source,
        processes: this.processes,
        gates: this.gates,
      }),
    );
  }
}
