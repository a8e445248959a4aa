// The running kernel: an engine in the first tier that works. `openKernel` is for a single policy, of which nothing
// is pinned: its programs live as long as somebody holds their links, this process or its guardian.

import { assert } from "../base/assert.ts";
import type { Compiled } from "../ir/ir.ts";
import { type Ahead, type Early, nothingAhead } from "./engine/ahead.ts";
import { embeddedObject } from "./engine/embedded.ts";
import { LiveEngine } from "./engine/engine.ts";
import { loadFresh, loadPinned } from "./engine/load.ts";
import { Pins } from "./engine/pins.ts";
import {
  type Engine,
  type EngineOptions,
  EngineTaken,
  type Kernel,
  type KernelOptions,
  KernelUnavailable,
  type Tier,
  tiers,
} from "./kernel.ts";
import { forgetKernelTypes } from "./kernel-types.ts";
import type { NameSearch } from "./libbpf/names.ts";
import { giveUp } from "./libbpf/steps.ts";
import { SystemError } from "./libc.ts";
import { forgetProbes, rememberedProbe } from "./probe-memory.ts";
import { searchNames } from "./second-names.ts";

/** The one domain of a private kernel half; the number means nothing outside it. */
const domain = 1;

/** Where hooks do not see every rename, files with one name count as well. */
function searchFor(tier: Tier, compiled: Compiled): NameSearch {
  return searchNames(compiled, { all: tier === "tracepoint" });
}

/** With what has begun, which this uses up. Throws KernelUnavailable where no tier works, with every answer. */
export async function openKernel(options: KernelOptions, begun: Ahead): Promise<Kernel> {
  const { compiled } = options;
  const likely = options.tier ?? begun.tier;
  let search = likely === null ? null : searchFor(likely, compiled);
  let engine: LiveEngine;
  try {
    engine = openFresh({ ...options, programs: compiled, pins: null }, null, begun);
  } catch (failure) {
    search?.end();
    throw failure;
  }
  const session = engine.newSession();
  await engine.setDomain(domain, session, compiled.image);
  if (engine.tier !== likely) {
    search?.end();
    search = null;
  }
  if (!engine.showFound(domain, search ?? searchFor(engine.tier, compiled)))
    options.onFilesLeft?.();
  return {
    tier: engine.tier,
    linkIds: engine.held.linkIds,
    procsMapId: engine.held.membersMapId,
    self: engine.self,
    lastChild: () => engine.lastChild(),
    protect: (tgid) => engine.protect(tgid),
    admit: (tgid) => engine.admit(tgid, domain),
    approve: (gate, open) => engine.approve(session, gate, open),
    members: () => engine.members(),
    counters: () => engine.counters(),
    hits: () => [...engine.hits(session)],
    drain: () => engine.drain(),
    close: () => engine.close(),
  };
}

/** Throws KernelUnavailable, or EngineTaken where what is pinned is not for us. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  if (options.pins === null) return openFresh(options, null);
  assert(options.programs === "all", "what is pinned serves any policy");
  const pins = Pins.lock(options.pins);
  try {
    return pins.isThere ? await openPinned(options, pins) : openFresh(options, pins);
  } catch (failure) {
    pins.unlock();
    throw failure;
  }
}

/** Ends what is pinned there, whatever version pinned it; false: nothing was. Throws EngineTaken while it is open. */
export function removePinned(folder: string): boolean {
  const pins = Pins.lock(folder);
  const wasThere = pins.isThere;
  pins.remove();
  pins.unlock();
  return wasThere;
}

async function openPinned(options: EngineOptions, pins: Pins): Promise<LiveEngine> {
  const loaded = loadPinned(pins);
  try {
    if (options.tier !== null && options.tier !== loaded.tier)
      throw new EngineTaken(`what is pinned works in the ${loaded.tier} tier`);
    const engine = new LiveEngine(loaded, pins, options);
    await engine.settled();
    return engine;
  } catch (failure) {
    loaded.close();
    throw failure;
  }
}

function openFresh(options: EngineOptions, pins: Pins | null, begun = nothingAhead): LiveEngine {
  const candidates = options.tier === null ? tiers : [options.tier];
  const early = () => begun.load?.() ?? null;
  if (!candidates.some((tier) => tier === begun.tier)) giveUpEarly(early());
  const answers: { tier: Tier; answer: string }[] = [];
  for (const tier of candidates) {
    const probe = rememberedProbe(tier);
    if (!probe.works) {
      answers.push({ tier, answer: probe.answer });
      continue;
    }
    try {
      const ahead = tier === begun.tier ? early : () => null;
      return new LiveEngine(loadFresh(tier, options, pins, ahead), pins, options);
    } catch (failure) {
      // What a probe could do once the real programs cannot: a lockdown since then, or a kernel's limit.
      if (!(failure instanceof SystemError)) throw failure;
      forgetProbes();
      forgetKernelTypes(embeddedObject(tier));
      answers.push({ tier, answer: `${failure.call}: ${failure.code}` });
    }
  }
  throw new KernelUnavailable(answers);
}

function giveUpEarly(early: Early | null): void {
  if (early !== null) giveUp(early.object);
}
