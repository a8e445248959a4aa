// A match for whoever reads the terminal, a person or a model: what was refused, why, where the data
// came from, and what to do next. Every word that a program chose is printed harmless and cut.
//
//     actplane: killed before it began: git push origin main
//       rule     no-push: block exec "git" "push" if AGENT (actplane.yaml:6:5)
//       because  open a pull request instead
//       process  /usr/bin/git (pid 4711), started by /usr/bin/bash (pid 4700)
//       AGENT    since pid 4690 ran /usr/bin/claude
//       to pass  ask the operator to approve "release"
//       again    the same operation, repeated, ends the same way

import type {
  FeedbackRecord,
  GateReference,
  ProcessReference,
  Provenance,
} from "../../runtime/feedback.ts";
import { printable } from "./printable.ts";

/** Bytes of a name that a program chose; the record has the whole. */
const textMax = 300;
const ancestorsShown = 4;

export function renderFeedback(record: FeedbackRecord): string {
  const rows: [string, string][] = [
    ["rule", ruleText(record.rule)],
  ];
  for (const other of record.matched) {
    if (other.name !== record.rule.name)
      rows.push(["also", ruleText(other)]);
  }
  if (record.because !== null) rows.push(["because", shown(record.because)]);
  if (record.strict !== null) rows.push(["strict", record.strict]);
  rows.push(["process", processText(record)]);
  for (const each of record.provenance) rows.push([each.label, provenanceText(each)]);
  for (const gate of record.gates) rows.push(["gate", gateText(gate)]);
  if (record.fix !== null) rows.push(["fix", shown(record.fix)]);
  for (const sentence of record.satisfy) rows.push(["to pass", sentence]);
  if (record.effect !== "notify" && record.verdict !== "unenforceable")
    rows.push(["again", "the same operation, repeated, ends the same way"]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return [`actplane: ${headline(record)}`, ...lines].join("\n");
}

function headline(record: FeedbackRecord): string {
  const operation = record.op === "exec" ? "" : `${record.op} `;
  return `${deed(record)}: ${operation}${shown(record.target)}`;
}

function deed(record: FeedbackRecord): string {
  switch (record.verdict) {
    case "blocked-before":
      return "refused with EPERM, nothing happened";
    case "killed-before-effect":
      return record.op === "exec" ? "killed before it began" : "killed before it took effect";
    case "killed-after":
      return "killed, but only after it happened";
    case "observed":
      return "noticed";
    case "unenforceable":
      return "NOT PREVENTED, this host cannot refuse it";
  }
}

function ruleText(rule: FeedbackRecord["rule"]): string {
  const text = `${rule.name}: ${rule.clause}`;
  return rule.file === "" ? text : `${text} (${place(rule)})`;
}

function place({ file, line, column }: FeedbackRecord["rule"]): string {
  return `${printable(file)}:${line}:${column}`;
}

function processText({ process }: FeedbackRecord): string {
  const ancestors = process.ancestry.slice(0, ancestorsShown).map(named);
  const more = process.ancestry.length > ancestorsShown ? ", ..." : "";
  return [named(process), ...ancestors].join(", started by ") + more;
}

function named({ pid, exe }: ProcessReference): string {
  return `${exe === "" ? "the command's first process" : shown(exe)} (pid ${pid})`;
}

function provenanceText({ how, what, pid, exe }: Provenance): string {
  const verb = how === "exec" ? "ran" : how === "read" ? "read" : "reached";
  const program = how === "exec" || exe === "" ? "" : ` (${shown(exe)})`;
  return `since pid ${pid}${program} ${verb} ${shown(what)}`;
}

function gateText(gate: GateReference): string {
  switch (gate.state) {
    case "never-ran":
      return `\`${gate.event}\` has not happened yet`;
    case "running":
      return `\`${gate.event}\` is running since ${gate.ran_at} and has not ended yet`;
    case "failed":
      return `\`${gate.event}\` ran at ${gate.ran_at} but ended with exit code ${gate.exit_status}`;
    case "stale": {
      const by = gate.stale_by;
      const who = by === null ? "" : `: ${shown(by.exe)} (pid ${by.pid}) touched ${shown(by.what)}`;
      return `\`${gate.event}\` was satisfied at ${gate.ran_at}, stale since ${gate.stale_since}${who}`;
    }
    case "open":
      return `\`${gate.event}\` was satisfied at ${gate.ran_at} but counts no longer`;
  }
}

/** One line, nothing invisible, not endless. */
function shown(text: string): string {
  const safe = printable(text);
  return safe.length <= textMax ? safe : `${safe.slice(0, textMax)}... (${safe.length} characters)`;
}
