// Events of the kernel half as they come, for all domains: each is remembered, each match becomes a record of
// its domain's queue, and readers are told when both are written.
//
// What one look into the ring yields is one transaction. One that fails (a full disk) is tried again with the
// next events; what does not fit meanwhile is counted as lost. Verdicts do not depend on any of it.

import { assert } from "../base/assert.ts";
import { clauseOf } from "../ir/find.ts";
import type { Compiled, CompiledLabel } from "../ir/ir.ts";
import type { Numbering } from "../ir/numbering.ts";
import type { KernelEvent, Tier } from "../kernel/kernel.ts";
import { Buckets } from "./buckets.ts";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import { type FeedbackRecord, feedbackOf } from "./feedback.ts";
import { Gates } from "./gates.ts";
import { sourceOfRule } from "./policy-text.ts";
import { nameOf, Processes } from "./processes.ts";
import type { FeedbackQueue } from "./queue.ts";
import type { DomainState, Registry, SessionState } from "./registry.ts";
import { sourcesOf } from "./sources.ts";
import type { Store } from "./store.ts";

/** Events that wait for a disk. */
const pendingMax = 65_536;
/**
 * Of one domain. An agent that is refused in a loop, thousands of times a second, keeps nobody else's records waiting:
 * what is over is seen and counted, but neither kept nor told.
 */
const eventRate = { perSecond: 2_000, burst: 20_000 };
/** How soon a disk that failed is tried again. */
const againMs = 500;
const recordRate = { perSecond: 200, burst: 1_000 };

export interface IntakeOptions {
  readonly registry: Registry;
  readonly store: Store;
  readonly queue: FeedbackQueue;
  readonly eventLog: EventLog;
  readonly tier: () => Tier;
  /** The time of day of the kernel's clock, now. */
  readonly clock: () => Clock;
  /** Told of what is written. */
  readonly onTaken?: (
    domain: DomainState,
    event: KernelEvent,
    record: FeedbackRecord | null,
  ) => void;
}

/** What became of the processes and gates of one session. */
interface History {
  readonly processes: Processes;
  readonly gates: Gates;
}

/** An event and what it means, until it is written. */
interface Taken {
  readonly domain: DomainState;
  readonly event: KernelEvent;
  readonly record: FeedbackRecord | null;
  /** False: over the rate of its domain, only its record is written. */
  readonly isKept: boolean;
}

export class Intake {
  /** Events of domains that nobody knows, and events that found no room while the disk failed. */
  lost = 0;
  /** Events over the rate of their domain, which were seen and not kept. */
  omitted = 0;
  /** Events of the kernel half that came until now, by this daemon and those before it. */
  #seen: number;
  /** Why the last transaction failed; null: it did not. */
  failure: string | null = null;
  readonly #options: IntakeOptions;
  readonly #histories = new Map<number, History>();
  readonly #events = new Buckets(eventRate);
  readonly #records = new Buckets(recordRate);
  /** Records over the rate, by domain. */
  readonly #dropped = new Map<string, number>();
  #pending: Taken[] = [];
  #again: ReturnType<typeof setTimeout> | null = null;
  #isDue = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const row = options.store.one<{ value: number }>(
      "SELECT value FROM counts WHERE name = 'seen'",
    );
    this.#seen = row?.value ?? 0;
  }

  /**
   * What a daemon that was killed had taken from the ring and not yet written: `told` is how many events the kernel half
   * has told, of which `here` have come to us.
   */
  countLost(told: number, here: number): void {
    this.lost += Math.max(0, told - this.#seen - here);
    this.#seen = told - here;
  }

  /** Knows again what became of each session before the daemon was started anew. */
  restore(): void {
    for (const session of this.#options.registry.sessions) {
      const history = this.history(session);
      for (const event of this.#options.eventLog.replay(session.id)) remember(history, event);
    }
  }

  /** Called for each event, in the kernel's order. It is written when the batch is whole. */
  observe(event: KernelEvent): void {
    this.#seen++;
    const domain = this.#options.registry.byNumber(event.domain);
    if (domain === null || domain.session.number !== event.session) {
      this.lost++;
      return;
    }
    const history = this.history(domain.session);
    remember(history, event);
    const record = this.#recordOf(event, domain, history);
    const isKept = this.#events.take(domain.id);
    if (!isKept) this.omitted++;
    if (this.#pending.length >= pendingMax) this.lost++;
    else if (isKept || record !== null) this.#pending.push({ domain, event, record, isKept });
    if (this.#isDue || this.#pending.length === 0) return;
    this.#isDue = true;
    queueMicrotask(() => this.flush());
  }

  /** Writes what was observed; `failure` says why not. */
  flush(): void {
    this.#isDue = false;
    const taken = this.#pending;
    if (taken.length === 0) return;
    const { store, queue, eventLog, onTaken } = this.#options;
    try {
      store.written(() => {
        for (const { domain, event, isKept } of taken)
          if (isKept) eventLog.append(domain.session.id, domain.id, event);
        queue.append(
          taken.flatMap(({ domain, record }) =>
            record === null ? [] : [{ domain: domain.id, record }],
          ),
        );
        for (const [domain, count] of this.#dropped) queue.addDropped(domain, count);
        store.run("INSERT OR REPLACE INTO counts(name, value) VALUES ('seen', ?)", this.#seen);
      });
    } catch (failure) {
      this.failure = failure instanceof Error ? failure.message : String(failure);
      this.#again ??= setTimeout(() => {
        this.#again = null;
        this.flush();
      }, againMs);
      this.#again.unref();
      return;
    }
    this.failure = null;
    this.#pending = [];
    this.#dropped.clear();
    for (const { domain, record } of taken) if (record !== null) queue.waiters.wake(domain.id);
    for (const { domain, event, record } of taken) onTaken?.(domain, event, record);
  }

  history(session: SessionState): History {
    const known = this.#histories.get(session.id);
    if (known !== undefined) return known;
    const processes = new Processes((event) => this.#sourcesOf(event));
    const gates = new Gates(
      (gate) => session.numbering.gates[gate]?.exits === null,
      (tgid) => nameOf(processes.get(tgid)),
    );
    const history = { processes, gates };
    this.#histories.set(session.id, history);
    return history;
  }

  #sourcesOf(event: KernelEvent): ReadonlySet<number> | null {
    const compiled = this.#options.registry.byNumber(event.domain)?.compiled ?? null;
    return compiled === null ? null : sourcesOf(compiled, event);
  }

  forget(session: SessionState): void {
    this.#histories.delete(session.id);
  }

  #recordOf(event: KernelEvent, domain: DomainState, history: History): FeedbackRecord | null {
    if (event.type !== "match" || domain.compiled === null) return null;
    if (event.clauses.length === 0 && event.builtin === null) return null;
    if (!this.#records.take(domain.id)) {
      this.#dropped.set(domain.id, (this.#dropped.get(domain.id) ?? 0) + 1);
      return null;
    }
    const compiled = policyAt(domain, event);
    const clauses = event.clauses.filter((id) => clauseOf(compiled, id) !== undefined);
    if (clauses.length === 0 && event.builtin === null) return null;
    return feedbackOf({ ...event, clauses }, this.#options.queue.reserve(domain.id), {
      ...history,
      compiled,
      sourceOf: sourceOfRule,
      domain: domain.name,
      tier: this.#options.tier(),
      clock: this.#options.clock(),
    });
  }
}

function remember({ processes, gates }: History, event: KernelEvent): void {
  processes.observe(event);
  gates.observe(event);
}

/** The policy that an event was judged by: a clause that is no longer there was there a moment ago. */
export function policyAt(domain: DomainState, event: KernelEvent): Compiled {
  const { compiled, former, session } = domain;
  assert(compiled !== null, "a domain in force has a policy");
  const isKnown = event.clauses.every((id) => clauseOf(compiled, id) !== undefined);
  return withAllLabels(isKnown || former === null ? compiled : former, session.numbering);
}

interface View {
  readonly numbering: Numbering;
  readonly compiled: Compiled;
}

const views = new WeakMap<Compiled, View>();

/** With the names of all labels of the session: some are given by other domains. */
function withAllLabels(compiled: Compiled, numbering: Numbering): Compiled {
  const known = views.get(compiled);
  if (known?.numbering === numbering) return known.compiled;
  const labels = numbering.labels.map(
    ({ name, hidden }, bit): CompiledLabel => ({ bit, name, hidden }),
  );
  const view = { numbering, compiled: { ...compiled, labels } };
  views.set(compiled, view);
  return view.compiled;
}
