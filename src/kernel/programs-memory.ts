// Which programs a policy of a tier needed, kept until the next boot: they are prepared before it is known what the next one
// needs (engine/prepared.ts). Only a guess: who prepared too few prepares again.

import { readFileSync } from "node:fs";
import { bootId, keptPath, remember } from "./boot-memory.ts";
import type { Tier } from "./kernel.ts";

/** Null: nothing is remembered. */
export function rememberedPrograms(tier: Tier): string[] | null {
  const kept = keptPath(nameOf(tier));
  return kept === null ? null : readFileSync(kept, "utf8").split("\n");
}

export function rememberPrograms(tier: Tier, names: Iterable<string>): void {
  remember(nameOf(tier), [...names].join("\n"));
}

function nameOf(tier: Tier): string {
  return `programs-${tier}-${bootId()}`;
}
