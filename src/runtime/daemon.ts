// Everything that `actplane serve` is, but for the sockets: the engine, the state on disk, and what stands
// between them. It can be killed at any moment: rules go on in the kernel, and the next one finds both.

import type { Engine, EngineOptions, KernelEvent, Tier } from "../kernel/kernel.ts";
import { type Clock, clockAt } from "./clock.ts";
import { Control, type Restored } from "./control.ts";
import { EventLog } from "./event-log.ts";
import type { FeedbackRecord } from "./feedback.ts";
import { Intake } from "./intake.ts";
import { Membership } from "./membership.ts";
import { type OwnFiles, ownRules } from "./own-rules.ts";
import type { Part } from "./policy-text.ts";
import { FeedbackQueue } from "./queue.ts";
import { type DomainState, Registry } from "./registry.ts";
import { Store } from "./store.ts";
import { Tally } from "./tally.ts";
import { Waiters } from "./waiters.ts";

export interface DaemonOptions {
  readonly openEngine: (options: EngineOptions) => Promise<Engine>;
  /** Of what outlives us; null: in memory. */
  readonly state: string | null;
  readonly tier: Tier | null;
  readonly ringBytes: number;
  /** Below a bpffs; null: the rules end with us. */
  readonly pins: string | null;
  /** What is kept from everybody who is governed; null: nothing is. */
  readonly ownFiles: OwnFiles | null;
  readonly monotonicNs: () => bigint;
  readonly epochMs: () => number;
}

/** How often a moment is looked for in which the kernel half tells nothing. */
const lookTries = 50;

export class Daemon {
  readonly registry: Registry;
  readonly queue: FeedbackQueue;
  readonly eventLog: EventLog;
  readonly intake: Intake;
  readonly control: Control;
  readonly membership: Membership;
  readonly tally: Tally;
  /** Readers of events: by domain, and `*` for all. */
  readonly eventWaiters = new Waiters();
  restored: Restored | null = null;
  #engine: Engine | null = null;
  #lostInRing = 0;
  #lostAtMs = 0;
  #own: readonly Part[] | null = null;
  /** Events that came before everything was known again. */
  #early: KernelEvent[] | null = [];

  private constructor(
    readonly options: DaemonOptions,
    readonly store: Store,
  ) {
    this.registry = new Registry(store, () => this.#ownRules());
    this.queue = new FeedbackQueue(store);
    this.eventLog = new EventLog(store);
    this.tally = new Tally();
    this.intake = new Intake({
      registry: this.registry,
      store,
      queue: this.queue,
      eventLog: this.eventLog,
      tier: () => this.engine.tier,
      clock: () => this.clock(),
      onTaken: (domain, event, record) => this.#taken(domain, event, record),
    });
    const engine = () => this.engine;
    this.control = new Control({
      engine,
      store,
      registry: this.registry,
      now: () => this.now(),
      onSessionEnded: (session) => this.intake.forget(session),
      onEnding: () => this.intake.flush(),
      onDomainEnding: ({ id }) => {
        this.queue.remove(id);
        this.eventLog.remove(id);
      },
    });
    this.membership = new Membership({ engine, registry: this.registry, control: this.control });
  }

  /** Throws KernelUnavailable, EngineTaken or StoreTaken; then nothing was changed. */
  static async open(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options, new Store(options.state));
    try {
      daemon.#engine = await options.openEngine({
        tier: options.tier,
        ringBytes: options.ringBytes,
        programs: "all",
        pins: options.pins,
        onEvent: (event) => {
          if (daemon.#early === null) daemon.intake.observe(event);
          else daemon.#early.push(event);
        },
      });
      daemon.#findLost();
      daemon.restored = await daemon.control.restore();
      daemon.intake.restore();
      const early = daemon.#early ?? [];
      daemon.#early = null;
      for (const event of early) daemon.intake.observe(event);
      return daemon;
    } catch (failure) {
      await daemon.#engine?.detach();
      daemon.store.close();
      throw failure;
    }
  }

  /** Always the same values: a clause is known again by its identity. Before the engine is open there are none. */
  #ownRules(): readonly Part[] {
    const { ownFiles } = this.options;
    if (ownFiles === null || this.#engine === null) return [];
    this.#own ??= ownRules(ownFiles, this.#engine.tier);
    return this.#own;
  }

  /** Exact where for a moment nothing comes; else what comes meanwhile may hide as many that were lost. */
  #findLost(): void {
    let told = 0;
    let here = 0;
    for (let tries = 0; tries < lookTries; tries++) {
      this.engine.drain();
      here = this.#early?.length ?? 0;
      told = this.engine.counters().events;
      // Everything that was told until then is among the early ones when this returns.
      this.engine.drain();
      if (this.#early?.length === here) break;
      here = this.#early?.length ?? 0;
    }
    this.intake.countLost(told, here);
  }

  get engine(): Engine {
    if (this.#engine === null) throw new Error("the engine is open");
    return this.#engine;
  }

  /** Events of all domains that nobody was told of. Asked of the kernel once a second: it asks every program. */
  lost(): number {
    const nowMs = this.options.epochMs();
    if (Math.abs(nowMs - this.#lostAtMs) >= 1_000) {
      this.#lostAtMs = nowMs;
      this.#lostInRing = this.engine.counters().eventsLost;
    }
    return this.#lostInRing + this.intake.lost;
  }

  /** The time of day of the kernel's clock. Asked anew each time: clocks are set, and machines sleep. */
  clock(): Clock {
    return clockAt(this.options.monotonicNs(), this.options.epochMs());
  }

  now(): string {
    return new Date(this.options.epochMs()).toISOString();
  }

  #taken(domain: DomainState, event: KernelEvent, record: FeedbackRecord | null): void {
    this.eventWaiters.wake(domain.id);
    this.eventWaiters.wake("*");
    const latencyMs = Number(this.options.monotonicNs() - event.timeNs) / 1e6;
    this.tally.count(event, record, latencyMs);
  }

  /** `detach`: the rules go on without us. `close`: they end, and nothing is left in the kernel. */
  async end(how: "detach" | "close"): Promise<void> {
    this.engine.drain();
    this.intake.flush();
    this.queue.waiters.wakeAll();
    this.eventWaiters.wakeAll();
    this.membership.leaveLaunched();
    await (how === "detach" ? this.engine.detach() : this.engine.close());
    this.store.close();
  }
}
