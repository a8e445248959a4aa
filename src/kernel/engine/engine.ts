// The running kernel as an Engine: the books of sessions, domains and images beside what is loaded, pinned or not.

import { existsSync } from "node:fs";
import { assert } from "../../base/assert.ts";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { header, IMAGE_ABI, IMAGE_MAGIC } from "../../ir/abi.ts";
import type { Compiled } from "../../ir/ir.ts";
import type {
  AdoptedDomain,
  Counters,
  Engine,
  EngineFill,
  EngineOptions,
  ShownFiles,
  Tier,
} from "../kernel.ts";
import { type BpfMap, UpdateMode } from "../libbpf/map.ts";
import type { NameSearch } from "../libbpf/names.ts";
import type { BpfProgram } from "../libbpf/program.ts";
import { monotonicNs } from "../libc.ts";
import { mountPlaces } from "../mounts.ts";
import { RingBuffer } from "../ringbuf.ts";
import { lookMsMax, searchNames } from "../second-names.ts";
import { heedsNamesOfMany } from "../settings.ts";
import {
  countersOf,
  decodeEvent,
  encodeHitKey,
  encodeMountPlace,
  encodeProc,
  mountPrefixMax,
  procAt,
  sessionBytes,
} from "../state.ts";
import { descendantsOf } from "./children.ts";
import type { Controls } from "./control.ts";
import { DomainRecords } from "./domains.ts";
import { Grace } from "./grace.ts";
import { Images } from "./images.ts";
import type { Loaded } from "./load.ts";
import type { Pins } from "./pins.ts";

const refusals = {
  "no-domain": "there is no such domain or session",
  "other-session": "the process is governed in another session",
  full: "there is no room for another governed process",
  "not-governed": "the process is not governed",
} as const;

export class LiveEngine implements Engine {
  readonly self: number;
  readonly adopted: readonly AdoptedDomain[];
  readonly #ring: RingBuffer;
  readonly #domains: DomainRecords;
  readonly #images: Images;
  readonly #grace = new Grace();
  #controls: Controls | null = null;
  #lastSession = 0;
  /** What the clause ids of a session are below. */
  readonly #clauses = new Map<number, number>();
  /** Changes of domains whose former policy may still be seen. */
  readonly #changes = new Map<number, Promise<void>>();

  constructor(
    private readonly loaded: Loaded,
    private readonly pins: Pins | null,
    options: EngineOptions,
  ) {
    this.#domains = new DomainRecords(this.#map("domains"));
    this.#images = new Images(loaded.table, this.#map("images"), () => this.#control.refer());
    for (const key of this.#map("sessions").keys())
      this.#lastSession = Math.max(this.#lastSession, numberIn(key, 0));
    this.adopted = [...this.#domains.all()].map(([domain, { session, base, generation }]) => {
      const image = this.#images.at(base);
      image.users++;
      this.#noteClauses(session, this.#images.word(base, header.clauses));
      return { domain, session, generation };
    });
    this.#tellMounts();
    // Programs that an earlier process pinned have to learn who the tool is now.
    if (options.programs === "all") this.#control.start();
    this.self = loaded.variables.get("tool_tgid");
    this.#ring = new RingBuffer(this.#map("events").fd, (bytes) =>
      options.onEvent(decodeEvent(bytes)),
    );
    this.#ring.listen();
  }

  get tier(): Tier {
    return this.loaded.tier;
  }

  /** What a guardian holds on to. */
  get held(): { readonly linkIds: readonly number[]; readonly membersMapId: number } {
    return { linkIds: this.loaded.linkIds, membersMapId: this.#map("procs").info.id };
  }

  /** Resolves when nobody can still see what an earlier process replaced before it died. */
  settled(): Promise<void> {
    return this.#grace.over();
  }

  lastChild(): number {
    return this.loaded.variables.get("last_child");
  }

  protect(tgid: number): void {
    this.loaded.variables.set("guardian_tgid", tgid);
  }

  newSession(): number {
    const session = ++this.#lastSession;
    this.#map("sessions").update(u32(session), ownedBytes(sessionBytes), UpdateMode.create);
    return session;
  }

  endSession(session: number): void {
    for (const [domain, state] of this.#domains.all())
      if (state.session === session) this.endDomain(domain);
    this.#control.forget(session);
    this.#clauses.delete(session);
  }

  async setDomain(
    domain: number,
    session: number,
    image: Uint32Array,
  ): Promise<{ generation: number }> {
    assert(image[header.magic] === IMAGE_MAGIC, "a domain is set to an image");
    assert(image[header.abi] === IMAGE_ABI, "an image is of this version");
    // The slot that is to be written may still be seen.
    for (let change = this.#changes.get(domain); change !== undefined; ) {
      await change;
      change = this.#changes.get(domain);
    }
    const before = this.#domains.get(domain);
    assert(this.#map("sessions").lookup(u32(session)) !== null, `there is a session ${session}`);
    assert(before === null || before.session === session, "a domain stays in its session");
    const { base } = this.#images.take(image);
    const generation = this.#domains.lastGeneration(domain) + 1;
    this.#noteClauses(session, image[header.clauses] ?? 0);
    this.#domains.put(domain, { session, base, generation });
    if (before !== null) await this.#unseen(domain, before.base);
    return { generation };
  }

  /** As `showFiles`, of a search that has begun, which this ends. False: there are more than are looked at. */
  showFound(domain: number, search: NameSearch): boolean {
    try {
      search.wait();
      search.show(() => this.#nameProgram, domain);
      return search.isComplete;
    } finally {
      search.end();
    }
  }

  async showFiles(domain: number, compiled: Compiled): Promise<ShownFiles> {
    const isHeeded = heedsNamesOfMany(this.tier);
    const search = searchNames(compiled, { all: false });
    try {
      await search.waitPatiently(lookMsMax);
      search.show(isHeeded ? () => this.#nameProgram : null, domain);
      return { isComplete: search.isComplete, isHeeded, files: [...new Set(search.files)] };
    } finally {
      search.end();
    }
  }

  get #nameProgram(): BpfProgram {
    return this.loaded.name ?? this.#control.name;
  }

  endDomain(domain: number): void {
    const state = this.#domains.get(domain);
    assert(state !== null, `there is a domain ${domain}`);
    assert(this.members(domain).length === 0, "no member of a domain that ends is alive");
    this.#domains.clear(domain);
    void this.#unseen(domain, state.base);
  }

  admit(tgid: number, domain: number): void {
    assert(tgid > 0, "a process has a number");
    const state = this.#domains.get(domain);
    assert(state !== null, `there is a domain ${domain}`);
    const from = this.domainOf(tgid);
    this.#admitOne(tgid, domain, state.session);
    if (!this.#seesProcesses) return;
    // What it starts from now on follows by itself. A child that is in a domain of its own stays there.
    for (let found = true; found; ) {
      found = false;
      for (const child of descendantsOf(tgid)) {
        const own = this.domainOf(child);
        if (own === domain || own !== from) continue;
        if (own === null) this.#admitOne(child, domain, state.session);
        else this.#control.move(child, domain);
        found = true;
      }
    }
    this.#forgetDead([tgid]);
  }

  domainOf(tgid: number): number | null {
    const proc = this.#map("procs").lookup(u32(tgid));
    return proc === null ? null : numberIn(proc, procAt.domain);
  }

  members(domain?: number): number[] {
    const all = this.#forgetDead([...this.#map("procs").keys()].map((key) => numberIn(key, 0)));
    return domain === undefined ? all : all.filter((tgid) => this.domainOf(tgid) === domain);
  }

  approve(session: number, gate: number, open: boolean): void {
    const result = this.#control.approve(session, gate, open);
    if (result !== "done") throw new Error(refusals[result]);
  }

  counters(): Counters {
    const counted = (index: number) => this.loaded.variables.getLong("counters", index);
    return countersOf(counted, Number(this.loaded.skipped()));
  }

  fill(): EngineFill {
    const { used, all } = this.#images.words;
    const bytesPerWord = Uint32Array.BYTES_PER_ELEMENT;
    return {
      tableBytes: used * bytesPerWord,
      tableBytesMax: all * bytesPerWord,
      processes: this.members().length,
      processesMax: this.#map("procs").info.entriesMax,
    };
  }

  hits(session: number): readonly number[] {
    const hits = this.#map("hits");
    return Array.from({ length: this.#clauses.get(session) ?? 0 }, (_, clause) =>
      Number(bigIn(hits.lookup(encodeHitKey(session, clause)))),
    );
  }

  drain(): void {
    this.#ring.drain();
  }

  async detach(): Promise<void> {
    assert(this.pins !== null, "an engine that is left behind is pinned");
    await this.#leave();
  }

  async close(): Promise<void> {
    this.pins?.remove();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    await this.#grace.close();
    await this.#ring.close();
    this.#domains.close();
    this.#images.close();
    this.#controls?.close();
    this.loaded.close();
    this.pins?.unlock();
  }

  get #control(): Controls {
    this.#controls ??= this.loaded.controls();
    return this.#controls;
  }

  /** Whether the numbers of processes that we see are those of the kernel. */
  get #seesProcesses(): boolean {
    return this.self === process.pid;
  }

  /** Those of `tgids` that are alive. One that ended while it was admitted was not in the map when it ended. */
  #forgetDead(tgids: readonly number[]): number[] {
    if (!this.#seesProcesses) return [...tgids];
    return tgids.filter((tgid) => {
      const isThere = existsSync(`/proc/${tgid}`);
      if (!isThere) this.#map("procs").delete(u32(tgid));
      return isThere;
    });
  }

  #admitOne(tgid: number, domain: number, session: number): void {
    const procs = this.#map("procs");
    // Nobody else writes about a process that is not there, but a parent that forks it: then it is.
    if (this.#controls === null && procs.lookup(u32(tgid)) === null) {
      procs.update(u32(tgid), encodeProc(domain, session, monotonicNs()), UpdateMode.create);
      return;
    }
    const result = this.#control.admit(tgid, domain);
    if (result !== "done") throw new Error(`process ${tgid}: ${refusals[result]}`);
  }

  /** Resolves when no operation can still be judged by the image at `base` for this domain's sake. */
  #unseen(domain: number, base: number): Promise<void> {
    const change = this.#grace.over().then(() => {
      this.#images.leave(this.#images.at(base));
      if (this.#changes.get(domain) === change) this.#changes.delete(domain);
    });
    this.#changes.set(domain, change);
    return change;
  }

  #noteClauses(session: number, below: number): void {
    this.#clauses.set(session, Math.max(this.#clauses.get(session) ?? 0, below));
  }

  #tellMounts(): void {
    const mounts = this.#map("mounts");
    for (const { device, id, prefix } of mountPlaces())
      if (prefix.length <= mountPrefixMax) mounts.update(u32(device), encodeMountPlace(id, prefix));
  }

  #map(name: string): BpfMap {
    const map = this.loaded.maps.get(name);
    assert(map !== undefined, `the programs have a map ${name}`);
    return map;
  }
}

function bigIn(value: Uint8Array | null): bigint {
  return value === null ? 0n : viewOf(value).getBigUint64(0, true);
}

function numberIn(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at, true);
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
