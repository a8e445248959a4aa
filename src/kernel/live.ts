// The running kernel: loads the programs of one tier with one domain's policy, and speaks to their
// maps. The programs live as long as somebody holds their links: this process, and its guardian.

import { closeSync, openSync, readFileSync } from "node:fs";
import { release } from "node:os";
import embedded from "../../build/bpf/actplane.bpf.o" with { type: "file" };
import { assert } from "../base/assert.ts";
import { ownedBytes, viewOf } from "../base/bytes.ts";
import { operationBits, TABLE_CHUNK_WORDS } from "../ir/abi.ts";
import { cgroupRoot } from "./cgroup.ts";
import { type Kernel, type KernelOptions, KernelUnavailable, type Tier, tiers } from "./kernel.ts";
import { forgetKernelTypes, kernelTypesFor } from "./kernel-types.ts";
import type { BpfLink } from "./libbpf/link.ts";
import { BpfObject } from "./libbpf/object.ts";
import type { BpfProgram } from "./libbpf/program.ts";
import { monotonicNs, SystemError } from "./libc.ts";
import { mountPlaces } from "./mounts.ts";
import { forgetProbes, rememberedProbe } from "./probe-memory.ts";
import { programsOf } from "./programs.ts";
import { RingBuffer } from "./ringbuf.ts";
import {
  countersOf,
  decodeEvent,
  encodeDomain,
  encodeMountPlace,
  encodeProc,
  mountPrefixMax,
  procBytes,
  sessionBytes,
} from "./state.ts";

/** The one domain and session of a private kernel half; the numbers mean nothing outside it. */
const domain = 1;
const session = 1;

/** Operations of which a kill in the tracepoint tier comes before the effect; test/e2e holds it. */
const killBeforeOps = operationBits.exec | operationBits.read;

/** Load the policy into the kernel. Throws KernelUnavailable where no tier works, with every answer. */
export async function openKernel(options: KernelOptions): Promise<Kernel> {
  const candidates = options.tier === null ? tiers : [options.tier];
  const answers: { tier: Tier; answer: string }[] = [];
  for (const tier of candidates) {
    const probe = rememberedProbe(tier);
    if (!probe.works) {
      answers.push({ tier, answer: probe.answer });
      continue;
    }
    try {
      return LiveKernel.load(tier, options);
    } catch (failure) {
      // What a probe could do once the real programs cannot: a lockdown since then, or a kernel's limit.
      if (!(failure instanceof SystemError)) throw failure;
      forgetProbes();
      forgetKernelTypes(readFileSync(embedded));
      answers.push({ tier, answer: `${failure.call}: ${failure.code}` });
    }
  }
  throw new KernelUnavailable(answers);
}

class LiveKernel implements Kernel {
  readonly self: number;

  private constructor(
    readonly tier: Tier,
    private readonly object: BpfObject,
    private readonly programs: readonly BpfProgram[],
    private readonly links: readonly BpfLink[],
    private readonly ring: RingBuffer,
    private readonly clauses: number,
  ) {
    this.object.program("any_start").run(ownedBytes(8));
    this.self = this.#variable("tool_tgid");
  }

  static load(tier: Tier, options: KernelOptions): LiveKernel {
    const { image, clauses } = options.compiled;
    const content = readFileSync(embedded);
    const object = BpfObject.open("actplane", content, kernelTypesFor(content));
    const links: BpfLink[] = [];
    try {
      const names = programsOf(tier, options.compiled, object.programs.keys(), release());
      const wanted = [...object.programs.values()].filter(({ name }) => names.has(name));
      for (const program of object.programs.values()) program.setAutoload(wanted.includes(program));
      object.map("table").setEntriesMax(Math.ceil(image.length / TABLE_CHUNK_WORDS));
      object.map("hits").setEntriesMax(Math.max(1, clauses.length));
      object.map("procs").setEntriesMax(procsMax);
      object.map("events").setEntriesMax(options.ringBytes);
      if (tier === "tracepoint") setKillBeforeOps(object);
      object.load();

      install(object, image);
      const ring = new RingBuffer(object.map("events").fd, (bytes) =>
        options.onEvent(decodeEvent(bytes)),
      );
      links.push(...attachAll(wanted));
      ring.listen();
      return new LiveKernel(tier, object, wanted, links, ring, clauses.length);
    } catch (failure) {
      for (const link of links) link.destroy();
      object.close();
      throw failure;
    }
  }

  get linkIds(): readonly number[] {
    return this.links.map((link) => link.id);
  }

  get procsMapId(): number {
    return this.object.map("procs").live.info.id;
  }

  lastChild(): number {
    return this.#variable("last_child");
  }

  protect(tgid: number): void {
    const { offset } = this.#placeOf("guardian_tgid");
    const mapping = this.object.map(".bss").live.mmap();
    mapping.bytes.set(u32(tgid), offset);
    mapping.unmap();
  }

  admit(tgid: number): void {
    assert(tgid > 0, "a process has a number");
    const record = encodeProc(domain, session, monotonicNs());
    assert(record.length === procBytes, "a process record has its size");
    this.object.map("procs").live.update(u32(tgid), record);
  }

  members(): number[] {
    return [...this.object.map("procs").live.keys()].map((key) => viewOf(key).getUint32(0, true));
  }

  counters() {
    const skipped = this.programs.reduce((sum, each) => sum + each.info().recursionMisses, 0n);
    return countersOf(this.#u64s("counters"), Number(skipped));
  }

  hits(): number[] {
    return this.#u64s("hits").slice(0, this.clauses).map(Number);
  }

  drain(): void {
    this.ring.drain();
  }

  async close(): Promise<void> {
    for (const link of this.links) link.destroy();
    await this.ring.close();
    this.object.close();
  }

  /** A variable of the programs' `.bss`. */
  #variable(name: string): number {
    const value = this.object.map(".bss").live.lookup(u32(0));
    assert(value !== null, "the programs have variables");
    return viewOf(value).getUint32(this.#placeOf(name).offset, true);
  }

  #placeOf(name: string): { readonly offset: number } {
    const variable = this.object.map(".bss").variables().get(name);
    assert(variable !== undefined, `the programs have a variable ${name}`);
    return variable;
  }

  #u64s(name: string): bigint[] {
    const { live, entriesMax } = this.object.map(name);
    return Array.from({ length: entriesMax }, (_, index) => {
      const value = live.lookup(u32(index));
      return value === null ? 0n : viewOf(value).getBigUint64(0, true);
    });
  }
}

/** Governed processes at once. The map costs 16 bytes a place even while empty, so it is not pid_max (4 million). */
const procsMax = 65536;

function setKillBeforeOps(object: BpfObject): void {
  object.map(".rodata").setVariable("kill_before_ops", u32(killBeforeOps));
}

/** Copy the image into the table, then say that the domain is there. */
function install(object: BpfObject, image: Uint32Array): void {
  const mapping = object.map("table").live.mmap();
  new Uint32Array(mapping.bytes.buffer, mapping.bytes.byteOffset, image.length).set(image);
  mapping.unmap();
  for (const { device, id, prefix } of mountPlaces())
    if (prefix.length <= mountPrefixMax)
      object.map("mounts").live.update(u32(device), encodeMountPlace(id, prefix));
  object.map("sessions").live.update(u32(session), ownedBytes(sessionBytes));
  object
    .map("domains")
    .live.update(u32(domain), encodeDomain({ base: 0, session, generation: 1, hitsAt: 0 }));
}

function attachAll(programs: readonly BpfProgram[]): BpfLink[] {
  const links: BpfLink[] = [];
  const cgroup = programs.some(onCgroup) ? openSync(cgroupRoot() ?? "/sys/fs/cgroup", "r") : null;
  try {
    for (const program of programs) {
      if (program.section === "syscall") continue;
      links.push(
        cgroup !== null && onCgroup(program) ? program.attachCgroup(cgroup) : program.attach(),
      );
    }
    return links;
  } catch (failure) {
    for (const link of links) link.destroy();
    throw failure;
  } finally {
    if (cgroup !== null) closeSync(cgroup);
  }
}

function onCgroup(program: BpfProgram): boolean {
  return program.section.startsWith("cgroup/");
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
