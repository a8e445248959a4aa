// An engine without a kernel, for tests of what stands above it: it keeps the books (sessions, domains,
// members) as the contract says and enforces nothing. Events are put in by hand with `emit`.

import { assert } from "../../src/base/assert.ts";
import {
  type AdoptedDomain,
  blankEvent,
  type Counters,
  counterNames,
  type Engine,
  type EngineFill,
  type KernelEvent,
  type ShownFiles,
  type Tier,
} from "../../src/kernel/kernel.ts";

interface Domain {
  readonly session: number;
  readonly generation: number;
  readonly image: Uint32Array;
}

export class FakeEngine implements Engine {
  readonly self = process.pid;
  readonly adopted: readonly AdoptedDomain[] = [];
  /** What each approval gate was last set to, by session and gate. */
  readonly approvals = new Map<string, boolean>();
  /** What is found of files with several names. */
  shown: ShownFiles = { isComplete: true, isHeeded: true, files: [] };
  /** What the kernel half would have counted. */
  counted: Partial<Counters> = {};
  readonly domains = new Map<number, Domain>();
  readonly processes = new Map<number, number>();
  readonly protectedTgids = new Set<number>();
  ended: "detached" | "closed" | null = null;
  #sessions = 0;
  readonly #hits = new Map<number, number[]>();

  constructor(
    private readonly onEvent: (event: KernelEvent) => void = () => {},
    readonly tier: Tier = "lsm",
  ) {}

  /** As if the kernel had told it. */
  emit(event: Partial<KernelEvent> & Pick<KernelEvent, "type">): void {
    const whole = { ...blankEvent, ...event };
    const hits = this.#hits.get(whole.session) ?? [];
    for (const id of whole.clauses) hits[id] = (hits[id] ?? 0) + 1;
    this.#hits.set(whole.session, hits);
    this.onEvent(whole);
  }

  lastChild(): number {
    return 0;
  }

  protect(tgid: number): void {
    this.protectedTgids.add(tgid);
  }

  newSession(): number {
    return ++this.#sessions;
  }

  endSession(session: number): void {
    for (const [number, domain] of this.domains) {
      if (domain.session === session) this.endDomain(number);
    }
    this.#hits.delete(session);
  }

  async setDomain(
    domain: number,
    session: number,
    image: Uint32Array,
  ): Promise<{ generation: number }> {
    const before = this.domains.get(domain);
    assert(domain > 0 && session > 0 && session <= this.#sessions, "a domain is in a session");
    assert(before === undefined || before.session === session, "a domain stays in its session");
    const generation = (before?.generation ?? 0) + 1;
    this.domains.set(domain, { session, generation, image: image.slice() });
    return { generation };
  }

  async showFiles(domain: number): Promise<ShownFiles> {
    assert(this.domains.has(domain), "files are shown to a domain that is there");
    return this.shown;
  }

  endDomain(domain: number): void {
    assert(this.members(domain).length === 0, "no member of a domain that ends is alive");
    this.domains.delete(domain);
  }

  admit(tgid: number, domain: number): void {
    const to = this.domains.get(domain);
    const from = this.domains.get(this.domainOf(tgid) ?? 0);
    assert(to !== undefined, "a process is admitted to a domain that is there");
    assert(from === undefined || from.session === to.session, "a process stays in its session");
    this.processes.set(tgid, domain);
  }

  /** As if the process had ended. */
  exit(tgid: number): void {
    this.processes.delete(tgid);
  }

  domainOf(tgid: number): number | null {
    return this.processes.get(tgid) ?? null;
  }

  members(domain?: number): number[] {
    const all = [...this.processes];
    return all.flatMap(([tgid, own]) => (domain === undefined || own === domain ? [tgid] : []));
  }

  approve(session: number, gate: number, open: boolean): void {
    this.approvals.set(`${session} ${gate}`, open);
  }

  counters(): Counters {
    const none = Object.fromEntries(counterNames.map((name) => [name, 0])) as Counters;
    return { ...none, skipped: 0, ...this.counted };
  }

  fill(): EngineFill {
    const used = [...this.domains.values()].reduce((sum, { image }) => sum + image.byteLength, 0);
    const processes = this.processes.size;
    return { tableBytes: used, tableBytesMax: 1 << 26, processes, processesMax: 65_536 };
  }

  hits(session: number): readonly number[] {
    return Array.from(this.#hits.get(session) ?? [], (count) => count ?? 0);
  }

  drain(): void {}

  async detach(): Promise<void> {
    this.ended = "detached";
  }

  async close(): Promise<void> {
    this.ended = "closed";
  }
}
