// The programs of one tier, loaded, attached and ready: or, of an engine that is pinned, found again. What an engine
// is made of; what it does with it is in engine.ts.

import { closeSync, fstatSync, openSync } from "node:fs";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { cgroupRoot } from "../cgroup.ts";
import { type EngineOptions, EngineTaken, type Tier } from "../kernel.ts";
import { kernelTypesFor } from "../kernel-types.ts";
import { linkInfo, programFdById, programInfo } from "../libbpf/ids.ts";
import type { BpfLink } from "../libbpf/link.ts";
import type { BpfMap } from "../libbpf/map.ts";
import type { BpfObject } from "../libbpf/object.ts";
import type { BpfProgram } from "../libbpf/program.ts";
import { giveUp, loadPrograms } from "../libbpf/steps.ts";
import { close } from "../libc.ts";
import { ofFileSystems } from "../programs.ts";
import { settingsOf } from "../settings.ts";
import { decodeEngineRecord, encodeEngineRecord, encodeGiven } from "../state.ts";
import type { Early } from "./ahead.ts";
import { Controls } from "./control.ts";
import { loadCopy, setConstants, skippedOf, skippingHere } from "./copies.ts";
import { embeddedObject, openEmbedded } from "./embedded.ts";
import { layoutOf, Variables, variablesOf } from "./layout.ts";
import type { Pins } from "./pins.ts";
import { preparedFor } from "./prepared.ts";

export interface Loaded {
  readonly tier: Tier;
  /** By their names in bpf/maps.h. */
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** Where the images lie. */
  readonly table: BpfMap;
  readonly variables: Variables;
  readonly linkIds: readonly number[];
  /** Loads the control programs. */
  readonly controls: () => Controls;
  /** `any_name`; null: it is among the control programs. */
  readonly name: BpfProgram | null;
  /** How often the kernel may have skipped every program that there is for something. */
  skipped(): bigint;
  /** Gives up every descriptor: what is not pinned ends. */
  close(): void;
}

/** `prepared` is for this tier; what comes back of it is this function's from now on. */
export function loadFresh(
  tier: Tier,
  options: EngineOptions,
  pins: Pins | null,
  prepared: () => Early | null,
): Loaded {
  const content = embeddedObject(tier);
  const settings = settingsOf(tier, options.programs);
  const skipping = skippingHere();
  const { traceCopies } = skipping;
  const { object, names } = preparedFor({ tier, options, settings, skipping }, prepared);
  const copies: BpfObject[] = [];
  const attached: Attached[] = [];
  try {
    const wanted = [...object.programs.values()].filter(({ name }) => names.has(name));
    loadPrograms(object, names);
    const maps = new Map([...object.maps.values()].map((map) => [map.name, map.live]));
    const variables = new Variables(object.map(".bss").live, variablesOf(object));
    if (options.programs !== "all")
      for (const [inode, device] of outputsOfThisProcess())
        object.map("given_files").live.update(encodeGiven(inode, device), u32(1));
    object.program("any_start").run(ownedBytes(8));
    attachAll(inOrder(wanted), "", attached);
    for (let copy = 1; copy < traceCopies; copy++) {
      const another = openEmbedded(tier, kernelTypesFor(content));
      copies.push(another);
      setConstants(another, { ...settings, trace_copies: traceCopies, copy });
      attachAll(loadCopy(another, object, wanted), `-${copy}`, attached);
    }
    if (pins !== null) {
      object.map("engine").live.update(u32(0), encodeEngineRecord(layoutOf(object), tier));
      pins.write({ maps, links: new Map(attached.map(({ name, link }) => [name, link.fd])) });
    }
    return {
      tier,
      maps,
      table: object.map(settings.with_chunks === 0 ? ".bss.table" : "table").live,
      variables,
      linkIds: attached.map(({ link }) => link.id),
      controls: () => Controls.load(content, kernelTypesFor(content), maps),
      name: names.has("any_name") ? object.program("any_name") : null,
      skipped: () => skippedIn(attached.map(({ name, program }) => [name, program.fd])),
      close: () => {
        for (const { link } of attached) link.destroy();
        for (const each of [object, ...copies]) each.close();
      },
    };
  } catch (failure) {
    pins?.remove();
    for (const { link } of attached) link.destroy();
    for (const each of copies) each.close();
    giveUp(object);
    throw failure;
  }
}

/** Throws EngineTaken where it was pinned by a version that laid it out another way. */
export function loadPinned(pins: Pins): Loaded {
  const maps = new Map<string, BpfMap>();
  const fds: number[] = [];
  const closeAll = () => {
    for (const map of maps.values()) map.close();
    for (const fd of fds) close(fd);
  };
  let object: BpfObject | null = null;
  try {
    const record = pins.map("engine");
    if (record !== null) maps.set("engine", record);
    const found = pinnedObject(record);
    object = found.object;
    const content = embeddedObject(found.tier);
    for (const { name } of object.maps.values()) {
      const map = maps.get(name) ?? pins.map(name);
      if (map === null) throw new EngineTaken(`what is pinned has no map ${name}`);
      maps.set(name, map);
    }
    const pinned = pins.linkFds();
    const links = [...pinned.values()];
    fds.push(...links);
    const programs = [...pinned].map(([name, fd]): [string, number] => [
      name,
      programFdById(linkInfo(fd).programId),
    ]);
    fds.push(...programs.map(([, fd]) => fd));
    const bss = maps.get(".bss") as BpfMap;
    return {
      tier: found.tier,
      maps,
      table: maps.get("table") as BpfMap,
      variables: new Variables(bss, variablesOf(object)),
      linkIds: links.map((fd) => linkInfo(fd).id),
      controls: () => Controls.load(content, kernelTypesFor(content), maps),
      name: null,
      skipped: () => skippedIn(programs),
      close: closeAll,
    };
  } catch (failure) {
    closeAll();
    throw failure;
  } finally {
    object?.close();
  }
}

/** That of the tier that is pinned, if it is laid out as this version does it. */
function pinnedObject(record: BpfMap | null): { tier: Tier; object: BpfObject } {
  const found = decodeEngineRecord(record?.lookup(u32(0)) ?? ownedBytes(16));
  if (found !== null) {
    const object = openEmbedded(found.tier, null);
    if (found.layout === layoutOf(object)) return { tier: found.tier, object };
    object.close();
  }
  throw new EngineTaken(
    "what is pinned was laid out by another version of actplane; `actplane stop --all` ends it",
  );
}

/** Files that are this process's standard output and error, which are the command's too. */
function outputsOfThisProcess(): [inode: bigint, device: number][] {
  return [1, 2].flatMap((fd) => {
    try {
      const { ino, dev } = fstatSync(fd, { bigint: true });
      return [[ino, kernelDevice(dev)] as [bigint, number]];
    } catch {
      return []; // closed
    }
  });
}

/** stat(2) tells the 12 bits of the major and the 20 of the minor number in another order than the kernel keeps them. */
function kernelDevice(dev: bigint): number {
  const major = (dev >> 8n) & 0xfffn;
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
  return Number((major << 20n) | minor);
}

function skippedIn(programs: readonly (readonly [name: string, fd: number])[]): bigint {
  return skippedOf(new Map(programs.map(([name, fd]) => [name, programInfo(fd).recursionMisses])));
}

interface Attached {
  /** The program's, with which copy of it this is. */
  readonly name: string;
  readonly program: BpfProgram;
  readonly link: BpfLink;
}

/** In a hook the kernel runs first what was attached last, and `take0_` is to be the first one. */
function inOrder(programs: readonly BpfProgram[]): BpfProgram[] {
  const placeOf = ({ name }: BpfProgram) => Number(/^take(\d)_/.exec(name)?.[1] ?? -1);
  return programs.toSorted((a, b) => placeOf(b) - placeOf(a));
}

/** Into `attached`: what fails half-way is known to who ends it. */
function attachAll(programs: readonly BpfProgram[], suffix: string, attached: Attached[]): void {
  const cgroup = programs.some(onCgroup) ? openSync(cgroupRoot() ?? "/sys/fs/cgroup", "r") : null;
  try {
    for (const program of programs) {
      if (program.section === "syscall") continue;
      const link = attach(program, cgroup);
      if (link !== null) attached.push({ name: program.name + suffix, program, link });
    }
  } finally {
    if (cgroup !== null) closeSync(cgroup);
  }
}

/** Null: a program on a file system that the kernel has not loaded. */
function attach(program: BpfProgram, cgroup: number | null): BpfLink | null {
  try {
    return cgroup !== null && onCgroup(program) ? program.attachCgroup(cgroup) : program.attach();
  } catch (failure) {
    if (ofFileSystems.includes(program.name)) return null;
    throw failure;
  }
}

function onCgroup(program: BpfProgram): boolean {
  return program.section.startsWith("cgroup");
}

function u32(value: number): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
