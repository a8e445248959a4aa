// A match as something to act on: which rule, why, what was touched and by whom, where the data came
// from, and what would make the operation pass. The record is the contract (JSON, HTTP, journal);
// its text form is surface/text/feedback.ts.

import { assert } from "../base/assert.ts";
import { positionAt, type Source } from "../base/source.ts";
import type { Clause, Condition, Effect } from "../dsl/ast.ts";
import { printClause, printEvent, printExec } from "../dsl/print.ts";
import type { Compiled, CompiledClause } from "../ir/ir.ts";
import type { Builtin, KernelEvent } from "../kernel/kernel.ts";
import type { VerdictKind } from "../kernel/verdicts.ts";
import { builtinTexts } from "./builtins.ts";
import { endpointText, pathText, wordsOf } from "./bytes.ts";
import type { Clock } from "./clock.ts";
import type { Gates } from "./gates.ts";
import type { Acquisition, Process, Processes } from "./processes.ts";

export interface FeedbackRecord {
  readonly schema_version: 1;
  /** From 1, without gaps, in the order of the kernel's events. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly domain: string;
  /** The strongest matching rule. */
  readonly rule: RuleReference;
  /** Every clause that matched, the strongest included. */
  readonly matched: readonly RuleReference[];
  readonly effect: Effect;
  /** What was done: `unenforceable` says that the host could not carry the clause out and the operation happened. */
  readonly verdict: VerdictKind;
  /** The rule's word for the operation. */
  readonly op: string;
  readonly target: string;
  readonly process: ProcessReference & {
    readonly uid: number;
    readonly ancestry: readonly ProcessReference[];
  };
  readonly labels: readonly string[];
  readonly because: string | null;
  readonly fix: string | null;
  /** Sentences: each, done, would let the operation pass. Empty: nothing would. */
  readonly satisfy: readonly string[];
  readonly provenance: readonly Provenance[];
  readonly gates: readonly GateReference[];
  /** Whether the same operation could pass if it were simply repeated. */
  readonly retry_useful: boolean;
  /** Set where the strict side was taken because the kernel could not tell. */
  readonly strict: string | null;
}

export interface RuleReference {
  readonly name: string;
  readonly clause: string;
  readonly effect: Effect;
  /** Empty, and line and column 0, for a built-in protection. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ProcessReference {
  readonly pid: number;
  readonly exe: string;
  readonly argv: readonly string[];
}

/** How the process came by a label that the rule is about. */
export interface Provenance {
  readonly label: string;
  readonly how: Acquisition["how"];
  readonly what: string;
  readonly pid: number;
  readonly exe: string;
  readonly time: string;
}

export interface GateReference {
  /** What the gate waits for: `exec "npm" "test" exits 0`. */
  readonly event: string;
  readonly state: "never-ran" | "running" | "failed" | "stale" | "open";
  readonly ran_at: string | null;
  readonly exit_status: number | null;
  readonly stale_since: string | null;
  /** What was touched, and by whom. */
  readonly stale_by: { readonly what: string; readonly pid: number; readonly exe: string } | null;
}

export interface FeedbackContext {
  readonly compiled: Compiled;
  readonly source: Source;
  readonly domain: string;
  readonly processes: Processes;
  readonly gates: Gates;
  readonly clock: Clock;
}

/** The record of one match. `seq` is the caller's to count. */
export function feedbackOf(
  event: KernelEvent,
  seq: number,
  context: FeedbackContext,
): FeedbackRecord {
  assert(event.type === "match", "feedback is about matches");
  const process = context.processes.get(event.tgid);
  const names = event.labels.map((bit) => context.compiled.labels[bit]);
  return {
    schema_version: 1,
    seq,
    time: context.clock.iso(event.timeNs),
    domain: context.domain,
    ...(event.builtin === null
      ? factsOfClauses(event, process, context)
      : factsOfBuiltin(event, event.builtin)),
    process: {
      ...processReference(event.tgid, process),
      uid: event.uid,
      ancestry: context.processes
        .ancestors(event.tgid)
        .map((ancestor) => processReference(ancestor.tgid, ancestor)),
    },
    labels: names.flatMap((label) => (label === undefined || label.hidden ? [] : [label.name])),
    retry_useful: false,
    strict: strictReason(event),
  };
}

/** The part of a record that depends on what matched. */
type Facts = Pick<
  FeedbackRecord,
  | "rule"
  | "matched"
  | "effect"
  | "verdict"
  | "op"
  | "target"
  | "because"
  | "fix"
  | "satisfy"
  | "provenance"
  | "gates"
>;

function factsOfClauses(
  event: KernelEvent,
  process: Process | null,
  context: FeedbackContext,
): Facts {
  const matched = event.clauses.map((id) => clauseOf(context.compiled, id));
  const strongest = matched.reduce((best, each) =>
    rank[each.clause.effect] > rank[best.clause.effect] ? each : best,
  );
  const mentioned = new Set(matched.flatMap((each) => labelsOfClause(each)));
  return {
    rule: ruleReference(strongest, context.source),
    matched: matched.map((each) => ruleReference(each, context.source)),
    effect: strongest.clause.effect,
    verdict: verdictOfEvent(event, strongest.clause.effect),
    op: strongest.clause.operation.kind,
    target: targetText(event, strongest.clause.operation.kind),
    because: strongest.rule.because,
    fix: strongest.rule.fix,
    satisfy: strongest.clause.unless.flatMap(satisfySentence),
    provenance: event.labels
      .filter((bit) => mentioned.has(context.compiled.labels[bit]?.name ?? ""))
      .flatMap((bit) => provenanceOf(bit, event, process, context)),
    gates: strongest.clause.unless.flatMap((condition) => gateReference(condition, context)),
  };
}

function factsOfBuiltin(event: KernelEvent, builtin: Builtin): Facts {
  const { name, clause, op, because, fix } = builtinTexts[builtin];
  const rule: RuleReference = { name, clause, effect: "block", file: "", line: 0, column: 0 };
  return {
    rule,
    matched: [rule],
    effect: "block",
    verdict: verdictOfEvent(event, "block"),
    op,
    target: targetText(event, op),
    because,
    fix,
    satisfy: [],
    provenance: [],
    gates: [],
  };
}

const rank: Readonly<Record<Effect, number>> = { notify: 0, block: 1, kill: 2 };

function clauseOf(compiled: Compiled, id: number): CompiledClause {
  const clause = compiled.clauses[id];
  assert(clause !== undefined, `the policy has a clause ${id}`);
  return clause;
}

function ruleReference(compiled: CompiledClause, source: Source): RuleReference {
  const { line, column } = positionAt(source, compiled.clause.span.start);
  return {
    name: compiled.rule.name.text,
    clause: clauseLine(compiled.clause),
    effect: compiled.clause.effect,
    file: source.name,
    line,
    column,
  };
}

/** A clause as one line; `printClause` breaks a long one for a policy's text. */
export function clauseLine(clause: Clause): string {
  return printClause(clause).replaceAll(/\n +(?=(?:if|unless|or) )/g, " ");
}

function processReference(pid: number, process: Process | null): ProcessReference {
  return { pid, exe: process?.program ?? "", argv: process?.argv ?? [] };
}

function verdictOfEvent(event: KernelEvent, effect: Effect): VerdictKind {
  switch (event.outcome) {
    case "refused":
      return "blocked-before";
    case "killed-before":
      return "killed-before-effect";
    case "killed-after":
      return "killed-after";
    case "observed":
      return effect === "notify" ? "observed" : "unenforceable";
  }
}

function targetText(event: KernelEvent, op: string): string {
  switch (op) {
    case "exec":
      return programText(event);
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return endpointText(event.first);
    default:
      return pathText(event.first);
  }
}

/** The program's file and its arguments; argv[0] where the file has no name. */
function programText(event: KernelEvent): string {
  const [name = "", ...rest] = wordsOf(event.second, event.words);
  return [pathText(event.first) || name, ...rest].join(" ");
}

function labelsOfClause({ clause }: CompiledClause): string[] {
  const names: string[] = [];
  const visit = (expr: NonNullable<typeof clause.condition>): void => {
    if (expr.kind === "label") names.push(expr.label);
    else if (expr.kind === "not") visit(expr.operand);
    else if (expr.kind === "and" || expr.kind === "or") {
      visit(expr.left);
      visit(expr.right);
    }
  };
  if (clause.condition !== null) visit(clause.condition);
  return names;
}

function provenanceOf(
  bit: number,
  event: KernelEvent,
  process: Process | null,
  context: FeedbackContext,
): Provenance[] {
  const label = context.compiled.labels[bit];
  if (label === undefined) return [];
  // What this very operation would bring is not yet in the process's history.
  const origin: Acquisition = process?.acquired.get(bit) ?? {
    label: bit,
    how: event.second.length > 0 ? "exec" : "read",
    what: pathText(event.first),
    tgid: event.tgid,
    program: process?.program ?? "",
    timeNs: event.timeNs,
  };
  return [
    {
      label: label.name,
      how: origin.how,
      what: origin.what,
      pid: origin.tgid,
      exe: origin.program,
      time: context.clock.iso(origin.timeNs),
    },
  ];
}

function satisfySentence(condition: Condition): string[] {
  switch (condition.kind) {
    case "target":
      return [
        condition.negated
          ? `choose a target that is none of ${patternTexts(condition.target)}`
          : `choose a target that matches ${patternTexts(condition.target)}`,
      ];
    case "lineage-includes":
      return [`do it from a process that \`${printExec(condition.exec)}\` started`];
    case "approved":
      return [`ask the operator to approve "${condition.name}"`];
    case "after": {
      const event = printEvent(condition.event);
      const ends =
        condition.exits === null ? "" : ` and let it end with exit code ${condition.exits}`;
      const since = condition.since.map((each) => `\`${printEvent(each)}\``).join(" or ");
      const fresh = since === "" ? "" : `; then do it before any ${since}`;
      const within =
        condition.withinMs === null ? "" : `; it counts for ${condition.withinMs / 1000} seconds`;
      return [`first do \`${event}\`${ends}${fresh}${within}`];
    }
  }
}

function patternTexts(target: Extract<Condition, { kind: "target" }>["target"]): string {
  if (target.patterns === null) return "anything";
  return target.patterns.map((pattern) => `"${pattern.text}"`).join(", ");
}

function gateReference(condition: Condition, context: FeedbackContext): GateReference[] {
  if (condition.kind !== "after") return [];
  const gate = context.compiled.gates.find((each) => sameGate(each, condition));
  if (gate === undefined) return [];
  const history = context.gates.history(gate.id);
  const { stale } = history;
  const iso = (timeNs: bigint | null) => (timeNs === null ? null : context.clock.iso(timeNs));
  return [
    {
      event: printEvent(gate.event) + (gate.exits === null ? "" : ` exits ${gate.exits}`),
      state: gateState(history),
      ran_at: iso(history.openedNs ?? history.startedNs),
      exit_status: history.failedStatus === null ? null : history.failedStatus >> 8,
      stale_since: iso(stale?.timeNs ?? null),
      stale_by: stale && {
        what: stale.what,
        pid: stale.tgid,
        exe: context.processes.get(stale.tgid)?.program ?? "",
      },
    },
  ];
}

function gateState(history: ReturnType<Gates["history"]>): GateReference["state"] {
  if (history.running) return "running";
  if (history.stale !== null) return "stale";
  if (history.openedNs !== null) return "open";
  return history.failedStatus === null ? "never-ran" : "failed";
}

function sameGate(
  gate: Compiled["gates"][number],
  condition: Extract<Condition, { kind: "after" }>,
): boolean {
  const text = (each: Pick<typeof condition, "event" | "exits" | "since" | "withinMs">) =>
    [printEvent(each.event), each.exits, ...each.since.map(printEvent), each.withinMs].join("\n");
  return text(gate) === text(condition);
}

function strictReason(event: KernelEvent): string | null {
  if (event.strictPath)
    return "the path could not be resolved, so every such rule counts as matched";
  if (event.strictArgs) return "the arguments could not be read in full, so they count as matching";
  return null;
}
