// The object with a tier's programs, prepared before it is known for what: as the last policy needed it. Little is imported
// here, for until it has begun the other processors have nothing to do.

import { type Tier, tiers } from "../kernel.ts";
import { knownKernelTypesFor } from "../kernel-types.ts";
import type { BpfObject } from "../libbpf/object.ts";
import { prepareAhead } from "../libbpf/steps.ts";
import { type LoadMemory, rememberedLoad } from "../load-memory.ts";
import { knownProbe } from "../probe-memory.ts";
import { embeddedObject, objectName } from "./embedded.ts";

/** The object, for whoever takes it, and what it was prepared by. */
export interface Early {
  readonly object: BpfObject;
  readonly memory: LoadMemory;
}

/** What has begun; null: nothing. */
export interface Ahead {
  readonly tier: Tier | null;
  /** Waits for it, once; null: it failed. */
  readonly load: (() => Early | null) | null;
}

export const nothingAhead: Ahead = { tier: null, load: null };

/** Begins it, for a single policy, in the tier that is known to work. */
export function beginAhead(): Ahead {
  const tier = process.geteuid?.() === 0 ? knownTier() : null;
  return { tier, load: tier === null ? null : prepareLoad(tier) };
}

/** The first that works, where that is remembered. */
function knownTier(): Tier | null {
  for (const tier of tiers) {
    const probe = knownProbe(tier);
    if (probe === null || probe.works) return probe === null ? null : tier;
  }
  return null;
}

/** Null: there is nothing to begin with. */
function prepareLoad(tier: Tier): (() => Early | null) | null {
  const content = embeddedObject(tier);
  const kernelTypes = knownKernelTypesFor(content);
  const memory = kernelTypes === null ? null : rememberedLoad(tier, content);
  if (memory === null) return null;
  const { prepared: programs, loaded, constants, sizes } = memory;
  const guess = { programs: loaded, constants: Buffer.from(constants, "base64") };
  const wait = prepareAhead({ name: objectName, content, kernelTypes, programs, sizes, guess });
  if (wait === null) return null;
  return () => {
    const object = wait();
    return object === null ? null : { object, memory };
  };
}
