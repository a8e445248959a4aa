// The object with a tier's programs, prepared for a policy: ahead, where the programs that an earlier policy needed are enough,
// or now. What is left is to load them: which, ahead, has begun as if this policy were the last one.

import { release } from "node:os";
import { TABLE_CHUNK_WORDS } from "../../ir/abi.ts";
import type { EngineOptions, Tier } from "../kernel.ts";
import { kernelHasFunction, kernelTypesFor } from "../kernel-types.ts";
import type { BpfObject } from "../libbpf/object.ts";
import { giveUp, prepare } from "../libbpf/steps.ts";
import { rememberLoad } from "../load-memory.ts";
import { programsOf } from "../programs.ts";
import { type Settings, usesOfMaps } from "../settings.ts";
import type { Early } from "./ahead.ts";
import { type Skipping, setConstants } from "./copies.ts";
import { embeddedObject, openEmbedded } from "./embedded.ts";

/** Governed processes at once. The map costs 16 bytes a place even while empty, so it is not pid_max (4 million). */
const procsMax = 65536;
/** Of an engine for many: a record of `domains` costs 24 bytes, of `sessions` nothing until it is there. */
const domainsMax = 16384;
const tableBytesOfMany = 64 << 20;

type Sizes = Readonly<Record<string, number>>;

export interface Wanted {
  readonly tier: Tier;
  readonly options: EngineOptions;
  readonly settings: Settings;
  readonly skipping: Skipping;
}

/** The object, the caller's to load and to give up, and the names of those of its programs that are to be loaded. */
export interface Prepared {
  readonly object: BpfObject;
  readonly names: ReadonlySet<string>;
}

/** Throws SystemError. */
export function preparedFor(wanted: Wanted, ahead: () => Early | null): Prepared {
  const early = ahead();
  return (early === null ? null : adjusted(early, wanted)) ?? preparedNow(wanted);
}

/** Null: it lacks a program, and is given up. */
function adjusted({ object, memory }: Early, wanted: Wanted): Prepared | null {
  return givenUpOnFailure(object, () => {
    const names = namesOf(object, wanted);
    if (memory.prepared.filter((name) => names.has(name)).length < names.size) {
      giveUp(object);
      return null;
    }
    const sizes = sizesOf(wanted, memory.declared);
    for (const [name, entries] of Object.entries(sizes))
      if (entries !== memory.sizes[name]) object.map(name).resize(entries);
    setConstantsOf(object, wanted);
    // To prepare a hook's program libbpf looks for the hook among all functions of the kernel: not once more for nothing.
    const prepared = wanted.tier === "tracepoint" ? memory.prepared : [...names];
    const next = { ...memory, prepared, loaded: [...names], constants: constantsOf(object), sizes };
    if (!Bun.deepEquals(next, memory)) rememberLoad(wanted.tier, embeddedObject(wanted.tier), next);
    return { object, names };
  });
}

function preparedNow(wanted: Wanted): Prepared {
  const { tier, options } = wanted;
  const object = openEmbedded(tier, kernelTypesFor(embeddedObject(tier)));
  return givenUpOnFailure(object, () => {
    const names = namesOf(object, wanted);
    for (const program of object.programs.values()) program.setAutoload(names.has(program.name));
    const declared = Object.fromEntries(
      Object.keys(usesOf(wanted)).map((name) => [name, object.map(name).entriesMax]),
    );
    const sizes = sizesOf(wanted, declared);
    for (const [name, entries] of Object.entries(sizes)) object.map(name).setEntriesMax(entries);
    prepare(object);
    setConstantsOf(object, wanted);
    const loaded = [...names];
    const memory = { prepared: loaded, loaded, constants: constantsOf(object), sizes, declared };
    if (options.programs !== "all") rememberLoad(tier, embeddedObject(tier), memory);
    return { object, names };
  });
}

function namesOf(object: BpfObject, { tier, options, skipping }: Wanted): Set<string> {
  return programsOf(tier, options.programs, object.programs.keys(), {
    release: release(),
    hasFunction: kernelHasFunction,
    skipsHooks: skipping.hooks,
  });
}

function setConstantsOf(object: BpfObject, { settings, skipping }: Wanted): void {
  setConstants(object, { ...settings, trace_copies: skipping.traceCopies, copy: 0 });
}

function constantsOf(object: BpfObject): string {
  return Buffer.from(object.map(".rodata").initialContent).toString("base64");
}

/** Of maps that are not always put into, whether they are here. */
function usesOf({ settings, skipping }: Wanted): Readonly<Record<string, boolean>> {
  return { ...usesOfMaps(settings), marks: skipping.hooks || skipping.traceCopies > 1 };
}

/** `declared`: of the maps of usesOf. */
function sizesOf(wanted: Wanted, declared: Sizes): Sizes {
  const { programs, ringBytes, tableBytes } = wanted.options;
  const ofUses = Object.entries(usesOf(wanted)).map(([name, isUsed]) => [
    name,
    isUsed ? declared[name] : 1,
  ]);
  const forMany = programs === "all";
  const needed = forMany ? tableBytesOfMany : programs.image.length * 4;
  const table = Math.ceil((tableBytes ?? needed) / (TABLE_CHUNK_WORDS * 4));
  const always = { ...Object.fromEntries(ofUses), procs: procsMax, events: ringBytes, table };
  if (forMany) return { ...always, domains: domainsMax, sessions: domainsMax };
  // An empty hash costs 16 bytes a place, and time to make.
  const inTheMaking = 64;
  return { ...always, images: 1, hits: programs.clauses.length + inTheMaking };
}

function givenUpOnFailure<T>(object: BpfObject, work: () => T): T {
  try {
    return work();
  } catch (failure) {
    giveUp(object);
    throw failure;
  }
}
