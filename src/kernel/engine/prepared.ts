// The object with a tier's programs, prepared for a policy: ahead, where the programs that an earlier policy needed are enough,
// or now. What is left is to load them.

import { release } from "node:os";
import { TABLE_CHUNK_WORDS } from "../../ir/abi.ts";
import { type EngineOptions, ringBytesUsual, type Tier } from "../kernel.ts";
import { kernelHasFunction, kernelTypesFor, knownKernelTypesFor } from "../kernel-types.ts";
import type { BpfObject } from "../libbpf/object.ts";
import { prepare, prepareAhead } from "../libbpf/steps.ts";
import { programsOf } from "../programs.ts";
import { rememberedPrograms, rememberPrograms } from "../programs-memory.ts";
import { type Settings, unusedMaps } from "../settings.ts";
import type { Skipping } from "./copies.ts";
import { embeddedObject, objectName, openEmbedded } from "./embedded.ts";

/** Governed processes at once. The map costs 16 bytes a place even while empty, so it is not pid_max (4 million). */
const procsMax = 65536;
/** Of an engine for many: a record of `domains` costs 24 bytes, of `sessions` nothing until it is there. */
const domainsMax = 16384;
const tableBytesOfMany = 64 << 20;

type Sizes = Readonly<Record<string, number>>;

/** What hangs on the policy is as small as can be, and made again. Others are as they are declared. */
const sizesAhead: Sizes = { procs: procsMax, events: ringBytesUsual, images: 1, table: 1, hits: 1 };

/** Begins it, for a single policy. What comes back waits for it, null: it failed. Null: there is nothing to begin with. */
export function prepareLoad(tier: Tier): (() => BpfObject | null) | null {
  const content = embeddedObject();
  const kernelTypes = knownKernelTypesFor(content);
  const programs = kernelTypes === null ? null : rememberedPrograms(tier);
  if (programs === null) return null;
  return prepareAhead({ name: objectName, content, kernelTypes, programs, sizes: sizesAhead });
}

export interface Wanted {
  readonly tier: Tier;
  readonly options: EngineOptions;
  readonly settings: Settings;
  readonly skipping: Skipping;
}

/** The object, the caller's, and the names of those of its programs that are to be loaded. */
export interface Prepared {
  readonly object: BpfObject;
  readonly names: ReadonlySet<string>;
}

/** Throws SystemError. */
export function preparedFor(wanted: Wanted, ahead: () => BpfObject | null): Prepared {
  const early = ahead();
  return (early === null ? null : adjusted(early, wanted)) ?? preparedNow(wanted);
}

/** Null: it lacks a program, and is closed. */
function adjusted(object: BpfObject, wanted: Wanted): Prepared | null {
  return closedOnFailure(object, () => {
    const names = namesOf(object, wanted);
    const prepared = [...object.programs.values()].filter(({ autoload }) => autoload);
    if (prepared.filter(({ name }) => names.has(name)).length < names.size) {
      object.close();
      return null;
    }
    // To prepare a hook's program libbpf looks for the hook among all functions of the kernel: not once more for nothing.
    if (wanted.tier !== "tracepoint" && prepared.length > names.size)
      rememberPrograms(wanted.tier, names);
    for (const [name, entries] of Object.entries(sizesOf(wanted.options)))
      if (entries !== sizesAhead[name]) object.map(name).resize(entries);
    return { object, names };
  });
}

function preparedNow(wanted: Wanted): Prepared {
  const { tier, options, settings, skipping } = wanted;
  const object = openEmbedded(kernelTypesFor(embeddedObject()));
  return closedOnFailure(object, () => {
    const names = namesOf(object, wanted);
    if (options.programs !== "all") rememberPrograms(tier, names);
    for (const program of object.programs.values()) program.setAutoload(names.has(program.name));
    for (const [name, entries] of Object.entries(sizesOf(options)))
      object.map(name).setEntriesMax(entries);
    for (const name of unusedMaps(settings)) object.map(name).setEntriesMax(1);
    if (!skipping.hooks && skipping.traceCopies === 1) object.map("marks").setEntriesMax(1);
    prepare(object);
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

function sizesOf({ programs, ringBytes, tableBytes }: EngineOptions): Sizes {
  const forMany = programs === "all";
  const needed = forMany ? tableBytesOfMany : programs.image.length * 4;
  const table = Math.ceil((tableBytes ?? needed) / (TABLE_CHUNK_WORDS * 4));
  const always = { procs: procsMax, events: ringBytes, table };
  if (forMany) return { ...always, domains: domainsMax, sessions: domainsMax };
  // An empty hash costs 16 bytes a place, and time to make.
  const inTheMaking = 64;
  return { ...always, images: 1, hits: programs.clauses.length + inTheMaking };
}

function closedOnFailure<T>(object: BpfObject, work: () => T): T {
  try {
    return work();
  } catch (failure) {
    object.close();
    throw failure;
  }
}
