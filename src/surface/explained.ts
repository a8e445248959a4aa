// One match as `explain` shows it: of a record, or of what events tell of it.

import type { FeedbackRecord } from "../runtime/feedback.ts";
import type { Replayed } from "../runtime/replay.ts";
import type { Explained } from "./picture/strands.ts";
import { deed, renderFeedback } from "./text/feedback.ts";
import { renderReplayed, replayedDeed } from "./text/replayed.ts";

/** One match of a file. */
export interface Found {
  readonly match: Explained;
  /** In words, with every step. */
  readonly text: string;
  /** As JSON: the record, or what could be told from events. */
  readonly json: object;
}

/** Of one record, whoever kept it. */
export function explainedRecord(record: FeedbackRecord): Found {
  const { seq, time, op, target, rule, process, provenance, gates, effect, verdict } = record;
  return {
    match: {
      seq,
      time,
      deed: deed(record),
      isRefused: effect !== "notify" && verdict !== "unenforceable",
      op,
      target,
      rule: rule.name,
      who: { pid: process.pid, exe: process.script ?? process.exe },
      chains: provenance,
      gates,
    },
    text: `${renderFeedback(record, true)}\n`,
    json: record,
  };
}

/** Of events alone. */
export function explainedReplay(replayed: Replayed): Found {
  const { seq, line, exe, provenance, ancestry } = replayed;
  const { time, ops, target, pid, outcome, effect, argv } = line;
  const op = ops[0] ?? line.builtin ?? "";
  const match: Explained = {
    seq,
    time,
    deed: replayedDeed(outcome ?? "observed", op),
    isRefused: outcome !== "observed",
    op,
    target: [target ?? "", ...(argv?.slice(1) ?? [])].join(" "),
    rule: null,
    who: { pid, exe },
    chains: provenance,
    gates: [],
  };
  const facts = { seq, time, tier: line.tier, op, target: match.target, argv, effect, outcome };
  const json = { ...facts, process: { pid, exe, ancestry }, labels: line.labels, provenance };
  return { match, text: renderReplayed(match, replayed), json: { schema_version: 1, ...json } };
}
