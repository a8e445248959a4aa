// A match for whoever reads the terminal, a person or a model: what was refused, why, where the data
// came from, and what to do next. Every word that a program chose is printed harmless and cut.
//
//     actplane: killed before it began: git push origin main
//       rule     no-push: block exec "git" "push" if AGENT (actplane.yaml:6:5)
//       because  open a pull request instead
//       process  /usr/bin/git (pid 4711), started by /usr/bin/bash (pid 4700)
//       AGENT    since pid 4690 ran /usr/bin/claude
//       SECRET   pid 4702 (/bin/cat) read /work/.env
//                pid 4702 (/bin/cat) wrote pipe:[93]
//                pid 4711 (/usr/bin/git) read pipe:[93]
//       to pass  ask the operator to approve "release"
//       again    the same operation, repeated, ends the same way

import type { FeedbackRecord, ProcessReference, Provenance } from "../../runtime/feedback.ts";
import type { GateReference } from "../../runtime/gate-reference.ts";
import type { Step } from "../../runtime/processes.ts";
import { chainLines, isDirect } from "./hop.ts";
import { printable } from "./printable.ts";
import { onOneLine, shown } from "./shown.ts";
import { staleVerb } from "./stale.ts";

const ancestorsShown = 4;

/** With `whole` every step that the record has. */
export function renderFeedback(record: FeedbackRecord, whole = false): string {
  const rows: [string, string][] = [["rule", ruleText(record.rule)]];
  for (const other of record.matched) {
    if (other.name !== record.rule.name) rows.push(["also", ruleText(other)]);
  }
  if (record.matched_more) rows.push(["also", "more clauses than can be named here"]);
  if (record.because !== null) rows.push(["because", shown(onOneLine(record.because))]);
  if (record.strict !== null) rows.push(["strict", record.strict]);
  rows.push(["process", processText(record)]);
  for (const each of record.provenance)
    provenanceLines(each, whole).forEach((line, index) => {
      rows.push([index === 0 ? each.label : "", line]);
    });
  for (const gate of record.gates) rows.push(["gate", gateText(gate)]);
  if (record.fix !== null) rows.push(["fix", shown(onOneLine(record.fix))]);
  for (const sentence of record.satisfy) rows.push(["to pass", shown(sentence)]);
  if (record.effect !== "notify" && record.verdict !== "unenforceable")
    rows.push(["again", againText(record)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return [`actplane: ${headline(record)}`, ...lines].join("\n");
}

function headline(record: FeedbackRecord): string {
  const operation = record.op === "exec" ? [] : [record.op];
  const target = record.target === "" ? [] : [shown(record.target)];
  return `${deed(record)}: ${[...operation, ...target].join(" ")}`;
}

/** What was done about it, in a few words. */
export function deed(record: Pick<FeedbackRecord, "verdict" | "op" | "tier">): string {
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
      return `NOT PREVENTED, the ${record.tier} tier cannot refuse it`;
  }
}

function ruleText(rule: FeedbackRecord["rule"]): string {
  const text = `${rule.name}: ${shown(rule.clause)}`;
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

function named({ pid, exe, script }: Step & Partial<Pick<ProcessReference, "script">>): string {
  const name = script ?? exe;
  return `${name === "" ? "the command's first process" : shown(name)} (pid ${pid})`;
}

/** One line where that says it all, else a line each hop. */
function provenanceLines(provenance: Provenance, whole: boolean): string[] {
  return isDirect(provenance) ? [originText(provenance)] : chainLines(provenance, whole);
}

function originText({ how, what, pid, exe }: Provenance): string {
  const verb = how === "exec" ? "ran" : how === "read" ? "read" : "reached";
  const program = how === "exec" || exe === "" ? "" : ` (${shown(exe)})`;
  return `since pid ${pid}${program} ${verb} ${shown(what)}`;
}

function againText({ retry_useful }: FeedbackRecord): string {
  return retry_useful
    ? "the same operation may pass when the run has ended"
    : "the same operation, repeated, ends the same way";
}

function gateText({
  event,
  state,
  ran_at,
  ran_by,
  exit_status,
  stale_since,
  stale_by,
}: GateReference): string {
  const what = `\`${shown(event)}\``;
  // Something that happened to a file satisfies a gate without a run.
  const by = ran_by === null || ran_by.exe === "" ? "" : ` by ${named(ran_by)}`;
  const satisfied = ran_at === null ? "was satisfied" : `was satisfied at ${ran_at}${by}`;
  switch (state) {
    case "never-ran":
      return `${what} has not happened yet`;
    case "steered":
      return `${what} ran at ${ran_at}, but does not count: its environment (LD_PRELOAD and the like), its loader or a tracer could put other code into it`;
    case "running":
      return `${what} is running since ${ran_at}${by} and has not ended yet`;
    case "failed":
      return `${what} ran at ${ran_at}${by} but ended with exit code ${exit_status}`;
    case "expired":
      return `${what} ${satisfied}, which is too long ago`;
    case "stale": {
      if (stale_since === null)
        return `${what} ran at ${ran_at}${by}, but what makes it stale happened while it ran`;
      const who =
        stale_by === null
          ? ""
          : stale_by.what === ""
            ? ": a process can write to a file of it through a mapping"
            : `: ${named(stale_by)} ${staleVerb(stale_by)} ${shown(stale_by.what)}`;
      return `${what} ${satisfied}, stale since ${stale_since}${who}`;
    }
  }
}
