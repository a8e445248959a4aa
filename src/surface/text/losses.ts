// What went less than perfectly, by the counters of the kernel half.

import type { Counters } from "../../kernel/kernel.ts";

/** Counters of what is meant to happen. */
type Usual = "events" | "checks" | "matches" | "refused" | "killed";
export type LossName = Exclude<keyof Counters, Usual>;

/** Each a sentence behind its number, the first what a reader should know first. */
const lossTexts: Readonly<Record<LossName, string>> = {
  eventsLost: "events were lost because they came faster than they were read; every verdict stood",
  strictPath: "operations had a name that could not be resolved and were judged strictly",
  strictArgs: "programs had arguments that could not be read in full and were judged strictly",
  strictState: "operations were refused because the state of their process was not there",
  procsFull: "processes were killed because a child of theirs could not be recorded",
  objectsFull:
    "files found no room in the kernel's tables; labels count as read by all, renames were refused",
  namesFull:
    "times a file was opened by a name that rules are about and could not be remembered by it; where it is renamed or linked, its new name is remembered instead",
  runsFull: "gate runs could not be recorded; their gates stay closed",
  unjudged: "operations were refused because the kernel had skipped the program that judges them",
  slipped:
    "operations that were refused went on, because the kernel had skipped every program that refuses them; their processes were killed",
  skipped:
    "times the kernel skipped a program that was preempted; each may be an operation that was not judged",
  hitsFull: "matches were not counted by their clause, for want of room; every verdict stood",
  untold:
    "files, pipes or sockets gained labels faster than it could be told; the stories of refusals may be incomplete",
  errors: "tables could not be read where they should; please report this",
};

export const lossNames = Object.keys(lossTexts) as LossName[];

/** Those that are not zero. */
export type Losses = Partial<Readonly<Record<LossName, number>>>;

/** `before`: what was counted already. */
export function lossesOf(counters: Counters, before: Losses = {}): Losses {
  const grown = lossNames.map((name) => [name, counters[name] - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, times]) => times > 0));
}

export function lossLines(losses: Losses): string[] {
  return lossNames.flatMap((name) => (losses[name] ? `${losses[name]} ${lossTexts[name]}` : []));
}
