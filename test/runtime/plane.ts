// The control plane without a kernel and without a disk, for tests: `makePlane()` and its callers.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdoptedDomain, type KernelEvent, tiers } from "../../src/kernel/kernel.ts";
import type { Caller } from "../../src/runtime/caller.ts";
import { clockAt } from "../../src/runtime/clock.ts";
import { Control } from "../../src/runtime/control.ts";
import { EventLog } from "../../src/runtime/event-log.ts";
import { Intake } from "../../src/runtime/intake.ts";
import type { NewDomain } from "../../src/runtime/new-domain.ts";
import { FeedbackQueue } from "../../src/runtime/queue.ts";
import { Refusal } from "../../src/runtime/refusal.ts";
import { Registry } from "../../src/runtime/registry.ts";
import { Store } from "../../src/runtime/store.ts";
import { FakeEngine } from "../kernel/fake-engine.ts";
import { eventOf } from "./story.ts";

export const operator: Caller = { kind: "operator", uid: 0, pid: 1 };
export const anyone: Caller = { kind: "anyone", uid: 1000, pid: 2 };
export const member = (domain: string): Caller => ({
  kind: "member",
  domain,
  via: "socket",
  pid: 3,
  uid: 1000,
});

export const now = () => "2030-01-01T00:00:00.000Z";

export class Plane {
  readonly store: Store;
  readonly registry: Registry;
  readonly queue: FeedbackQueue;
  readonly eventLog: EventLog;
  readonly intake: Intake;
  readonly control: Control;

  constructor(
    readonly engine: FakeEngine,
    folder: string | null,
  ) {
    this.store = new Store(folder);
    this.registry = new Registry(this.store);
    this.queue = new FeedbackQueue(this.store);
    this.eventLog = new EventLog(this.store);
    this.intake = new Intake({
      registry: this.registry,
      store: this.store,
      queue: this.queue,
      eventLog: this.eventLog,
      tier: () => engine.tier,
      clock: () => clockAt(0n, Date.UTC(2030, 0, 1)),
    });
    this.control = new Control({
      engine: () => engine,
      store: this.store,
      registry: this.registry,
      now,
    });
  }

  /** A domain that an operator makes of policy text; its id. */
  async make(text: string, given: Partial<NewDomain> = {}): Promise<string> {
    const { domain } = await this.control.createDomain(operator, {
      name: given.name ?? "agent",
      ...(text === "" ? {} : { policy: { name: "test", text } }),
      ...given,
    });
    return domain.id;
  }

  add(caller: Caller, id: string, text: string, options: { dryRun?: boolean } = {}) {
    const given = { name: "added", text };
    const rest = { dryRun: options.dryRun ?? false, ifRevision: null, degraded: false };
    return this.control.addText(caller, id, given, rest);
  }

  /** The text of the policy's rules that hold in a domain, by name. */
  rules(id: string): string[] {
    const { compiled } = this.control.existing(id);
    return [...new Set((compiled?.clauses ?? []).map(({ rule }) => rule.name.text))];
  }

  /** As if the kernel had told it of a process of the domain. */
  tell(id: string, event: Partial<KernelEvent> & Pick<KernelEvent, "type">): void {
    const { number, session } = this.control.existing(id);
    this.intake.observe(eventOf({ domain: number, session: session.number, ...event }));
  }

  /** A match of the domain's first clause. */
  match(id: string, path = "/usr/bin/git"): void {
    const [clause] = this.control.existing(id).compiled?.clauses ?? [];
    this.tell(id, {
      type: "match",
      tgid: 10,
      ops: 1,
      effect: "block",
      outcome: "refused",
      clauses: [clause?.id ?? 0],
      first: new TextEncoder().encode(path),
    });
    this.intake.flush();
  }
}

export function makePlane(folder: string | null = null): Plane {
  return new Plane(new FakeEngine(() => {}, tiers[0]), folder);
}

/** As a daemon that is started anew finds it: `engine` still runs what it ran. */
export async function restarted(before: Plane, folder: string): Promise<Plane> {
  before.store.close();
  const engine = before.engine;
  const adopted: AdoptedDomain[] = [...engine.domains].map(([domain, each]) => ({
    domain,
    session: each.session,
    generation: each.generation,
  }));
  Object.assign(engine, { adopted });
  const plane = new Plane(engine, folder);
  await plane.control.restore();
  plane.intake.restore();
  return plane;
}

export function stateFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "actplane-state-"));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** The code of the refusal, and of the diagnostics it carries: `policy-loosens T002`. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    return [failure.code, ...new Set(failure.diagnostics.map(({ code }) => code))].join(" ");
  }
  return "accepted";
}
