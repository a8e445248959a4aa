// What the last policy of a tier made of the programs, kept until the next boot: what takes its time is done before it is known
// what the next one needs (engine/ahead.ts). Only a guess: what does not hold then is done again.

import { readFileSync } from "node:fs";
import { bootId, keptPath, remember } from "./boot-memory.ts";
import type { Tier } from "./kernel.ts";

/** By their names, and in text what is bytes, to be told apart as JSON. */
export interface LoadMemory {
  /** What was prepared: at least what was loaded. */
  readonly prepared: readonly string[];
  readonly loaded: readonly string[];
  /** The object's, in base64. */
  readonly constants: string;
  /** Entries of maps, where they hang on the policy or the machine. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Entries, as declared, of maps that some policies put nothing into. */
  readonly declared: Readonly<Record<string, number>>;
}

/** Of another build another one. Null: nothing is remembered that could be used. */
export function rememberedLoad(tier: Tier, content: Uint8Array): LoadMemory | null {
  const kept = keptPath(nameOf(tier, content));
  if (kept === null) return null;
  try {
    const memory: unknown = JSON.parse(readFileSync(kept, "utf8"));
    return isLoadMemory(memory) ? memory : null;
  } catch {
    return null;
  }
}

/** By hand: it is asked in every start, before the libraries for it are there. */
function isLoadMemory(value: unknown): value is LoadMemory {
  if (typeof value !== "object" || value === null) return false;
  const { prepared, loaded, constants, sizes, declared }: Partial<LoadMemory> = value;
  return (
    [prepared, loaded].every((names) => areAll(names, "string") && Array.isArray(names)) &&
    typeof constants === "string" &&
    [sizes, declared].every((entries) => areAll(entries, "number"))
  );
}

function areAll(values: unknown, type: "string" | "number"): boolean {
  if (typeof values !== "object" || values === null) return false;
  return Object.values(values).every((value) => typeof value === type);
}

export function rememberLoad(tier: Tier, content: Uint8Array, memory: LoadMemory): void {
  remember(nameOf(tier, content), JSON.stringify(memory));
}

function nameOf(tier: Tier, content: Uint8Array): string {
  return `load-${tier}-${bootId()}-${Bun.hash(content).toString(16)}.json`;
}
