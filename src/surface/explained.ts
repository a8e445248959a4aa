// What `explain` can explain, read from a file: the records of a journal or of `run --json`, or the matches among the
// events of `run --events`. Other lines are passed over.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { FeedbackRecord } from "../runtime/feedback.ts";
import { isEventLine, Replay, type Replayed } from "../runtime/replay.ts";
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

export interface FoundFile {
  readonly found: readonly Found[];
  /** Of a journal: what was run. */
  readonly head: { readonly command: readonly string[]; readonly time: string } | null;
  /** Of a journal: the run ended by itself. */
  readonly hasEnded: boolean;
}

/** More than any journal, and more than anybody reads. */
const bytesMax = 256 * 1024 * 1024;

/** Throws what the file system says, or TooLarge. */
export function readExplained(path: string): FoundFile {
  return explainedIn(textOf(path));
}

export class TooLarge extends Error {}

function textOf(path: string): string {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    if (size > bytesMax) throw new TooLarge(`it has more than ${bytesMax >> 20} MB`);
    const bytes = Buffer.alloc(size);
    let read = 0;
    while (read < size) {
      const more = readSync(fd, bytes, read, size - read, read);
      if (more === 0) break;
      read += more;
    }
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(fd);
  }
}

export function explainedIn(text: string): FoundFile {
  const replay = new Replay();
  const found: Found[] = [];
  let head: FoundFile["head"] = null;
  let hasEnded = false;
  for (const line of text.split("\n")) {
    const value = line.startsWith("{") ? parsed(line) : null;
    if (isHead(value)) head = value;
    if (isEnd(value)) hasEnded = true;
    if (isRecord(value)) found.push(explainedRecord(value));
    else if (isEventLine(value)) {
      const replayed = replay.take(value);
      if (replayed !== null) found.push(ofReplayed(replayed));
    }
  }
  return { found, head, hasEnded };
}

/** Null: the line is cut, as the last one of a run that was killed. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isHead(value: unknown): value is FoundFile["head"] & object {
  if (typeof value !== "object" || value === null) return false;
  const { type, command, time } = value as Record<string, unknown>;
  return type === "journal" && Array.isArray(command) && typeof time === "string";
}

function isEnd(value: unknown): boolean {
  return typeof value === "object" && value !== null && "type" in value && value.type === "end";
}

/** A record of a schema that is known: who wrote it was us. */
function isRecord(value: unknown): value is FeedbackRecord {
  if (typeof value !== "object" || value === null) return false;
  const { schema_version, seq, rule, process, provenance, gates } = value as Record<
    string,
    unknown
  >;
  const isThere = (part: unknown) => typeof part === "object" && part !== null;
  const hasHops =
    Array.isArray(provenance) &&
    provenance.every(({ hops, origins } = {}) => Array.isArray(hops) && Array.isArray(origins));
  return (
    schema_version === 1 &&
    typeof seq === "number" &&
    isThere(rule) &&
    isThere(process) &&
    Array.isArray(gates) &&
    hasHops
  );
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

function ofReplayed(replayed: Replayed): Found {
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
