// A case: one thing a governed program does, the rule that is about it, and what each tier promises.
//
//   { name: "unlink by a relative path", rule: "no-unlink", expected: lateBlock,
//     files: ["p-unlink"], run: ["{act}", "unlink", "p-unlink"], effect: gone("p-unlink") }
//
// It runs twice in the same way: under the rules, and in a twin whose policy has none of them. In the twin
// the effect must be there; under the rules it is there exactly where the tier's promise lets it happen.
// Words may name {root}, {dir}, {bin}, {act}, {name} and what the servers are called.

import { existsSync, lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ObjectKind } from "../../src/kernel/kernel.ts";
import { clean, probes, scratchFolder, type Tier } from "./tool.ts";

export type Outcome = "observed" | "refused" | "killed-before" | "killed-after";

/** What is done about the match; `null`: no rule matches. */
export type Expected = Readonly<Record<Tier, Outcome | null>> | null;

export const everyTier: readonly Tier[] = ["lsm", "modify-return", "tracepoint"];

/** What each tier does, once for the two that refuse: [hooks, tracepoint]. */
function tiers(hook: Outcome | null, trace: Outcome | null): Expected {
  return { lsm: hook, "modify-return": hook, tracepoint: trace };
}

export const allowed: Expected = null;
export const noted = tiers("observed", "observed");
/** `block` on exec and on reading: without hooks the process dies before the effect. */
export const earlyBlock = tiers("refused", "killed-before");
/** `block` on what changes files: without hooks it cannot be enforced. */
export const lateBlock = tiers("refused", "observed");
/** What only hooks see at all. */
export const hookBlock = tiers("refused", null);
/** `block` on addresses: refused everywhere. */
export const addressBlock = tiers("refused", "refused");
export const earlyKill = tiers("killed-before", "killed-before");
export const lateKill = tiers("killed-before", "killed-after");

export interface Case {
  readonly name: string;
  /** Every rule that must be named by the match, the strongest included. */
  readonly rule?: string | readonly string[];
  readonly expected: Expected;
  /** Files that are there before, holding `before`. */
  readonly files?: readonly string[];
  readonly folders?: readonly string[];
  readonly prepare?: (dir: string, bin: string) => void;
  readonly run: readonly string[];
  /** Whether the operation has had its effect, seen from outside. Default: the program left its mark. */
  readonly effect?: (dir: string, heard: Heard) => boolean;
  /** Lines that marked programs must have left: where the rules hold, and where nothing is refused. */
  readonly marks?: { readonly held: readonly string[]; readonly free: readonly string[] };
  /** Exit code where the rules hold, when it is not the default: anything but 0, or 137 where killed. */
  readonly code?: number;
  /** The kernel could not tell and took the strict side. */
  readonly strict?: "path" | "arguments";
  /** Why this machine cannot do it at all; null: it can. */
  readonly needs?: () => string | null;
  /** Takes seconds in an emulated machine, and the quick form leaves it out. */
  readonly slow?: true;
  /** Data moves through a descriptor that was open before it was read: the models' traces do not have that. */
  readonly late?: true;
  /**
   * What the labels of the match came over: its record says who read the secret, who wrote what of that kind, and that
   * the refused process read the same. `none`: nothing is told of any labels.
   */
  readonly hop?: ObjectKind | "none";
  /** A known fault: why the case does not hold yet, in which tiers. It is run all the same, and must still be there. */
  readonly fault?: { readonly tiers: readonly Tier[]; readonly why: string };
}

/** What a server was sent: the name of the case that sent it. */
export type Heard = (name: string) => boolean;

export interface Suite {
  /** Policy text; may name the same things as a case's words. */
  readonly policy: string;
  readonly cases: readonly Case[];
}

export const before = "before\n";

export const exists = (name: string) => (dir: string) => isThere(join(dir, name));
export const gone = (name: string) => (dir: string) => !isThere(join(dir, name));
export const changed = (name: string) => (dir: string) =>
  readFileSync(join(dir, name), "utf8") !== before;
export const hasMode = (name: string, mode: number) => (dir: string) =>
  (lstatSync(join(dir, name)).mode & 0o777) === mode;
export const isFull = (name: string) => (dir: string) =>
  (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0) > 0;
/** act leaves what it read in `leak`. */
export const leaked = exists("leak");

function isThere(path: string): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The tracepoint tier refuses io_uring to every governed process (lifetime.test.ts); hosts switch it off. */
export function ioUring(): string | null {
  if (process.env.ACTPLANE_E2E_TIER === undefined) return "it is asked where hooks are promised";
  const cwd = scratchFolder();
  const { exitCode } = Bun.spawnSync([join(probes, "act"), "read-uring", "/etc/hostname"], { cwd });
  clean(cwd);
  return exitCode === 0 ? null : "this machine has no io_uring";
}

/** The files of all cases are more than an emulated machine looks at in the second that it has; lifetime.test.ts asks there. */
export function looksAtAll(): string | null {
  return process.env.ACTPLANE_E2E_SLOW === undefined
    ? null
    : "an emulated machine does not look at all the cases' files at the start";
}
