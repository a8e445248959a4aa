// A match that is explained from events alone: what was done, by whom, and from where each label came. Of the rule there
// is only its number.

import type { Outcome } from "../../kernel/kernel.ts";
import type { Replayed } from "../../runtime/replay.ts";
import type { Explained } from "../picture/strands.ts";
import { chainLines, stepText } from "./hop.ts";
import { shown } from "./shown.ts";

export function replayedDeed(outcome: Outcome, op: string): string {
  switch (outcome) {
    case "refused":
      return "refused with EPERM, nothing happened";
    case "killed-before":
      return op === "exec" ? "killed before it began" : "killed before it took effect";
    case "killed-after":
      return "killed, but only after it happened";
    case "observed":
      return "noticed, it happened";
  }
}

const ancestorsShown = 4;

export function renderReplayed(match: Explained, { line, ancestry }: Replayed): string {
  const rows: [string, string][] = [];
  const numbers = line.clauses.map((clause) => `number ${clause} of the policy`);
  if (numbers.length > 0) rows.push(["clause", numbers.join(", ")]);
  if (line.builtin !== null) rows.push(["builtin", line.builtin]);
  const ancestors = ancestry.slice(0, ancestorsShown).map((each) => stepText(each));
  const more = ancestry.length > ancestorsShown ? ", ..." : "";
  rows.push(["process", [stepText(match.who), ...ancestors].join(", started by ") + more]);
  for (const chain of match.chains)
    chainLines(chain, true).forEach((text, index) => {
      rows.push([index === 0 ? chain.label : "", text]);
    });
  const width = Math.max(...rows.map(([name]) => name.length));
  const told = rows.map(([name, text]) => `  ${shown(name).padEnd(width)}  ${text}`);
  const operation =
    match.op === "exec" ? shown(match.target) : `${match.op} ${shown(match.target)}`;
  return `${[`actplane: ${match.deed}: ${operation}`, ...told].join("\n")}\n`;
}
