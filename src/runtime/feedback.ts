// A match as something to act on: which rule, why, what was touched and by whom, where the data came
// from, and what would make the operation pass. The record is the contract (JSON, HTTP, journal);
// its text form is surface/text/feedback.ts.

import { assert } from "../base/assert.ts";
import { positionAt, type Source } from "../base/source.ts";
import type { Clause, Effect, Rule } from "../dsl/ast.ts";
import { printClause } from "../dsl/print.ts";
import { operationBits } from "../ir/abi.ts";
import { clauseOf, labelOf } from "../ir/find.ts";
import type { Compiled, CompiledClause } from "../ir/ir.ts";
import type { Builtin, KernelEvent, Tier } from "../kernel/kernel.ts";
import type { VerdictKind } from "../kernel/verdicts.ts";
import { builtinTexts } from "./builtins.ts";
import { targetText, wordsOf } from "./bytes.ts";
import type { Clock } from "./clock.ts";
import { type GateReference, gateReference } from "./gate-reference.ts";
import type { Gates } from "./gates.ts";
import { type Acquisition, nameOf, type Process, type Processes } from "./processes.ts";
import { type Chain, chainOf } from "./provenance.ts";
import { type LabelChain, satisfyOf } from "./satisfy.ts";

export interface FeedbackRecord {
  readonly schema_version: 1;
  /** From 1, without gaps, in the order of the kernel's events. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly domain: string;
  /** The way into the kernel that saw it: it decides how early something could be done. */
  readonly tier: Tier;
  /** The strongest matching rule. */
  readonly rule: RuleReference;
  /** Every clause that matched, the strongest included. */
  readonly matched: readonly RuleReference[];
  /** More clauses matched than the kernel half could name. */
  readonly matched_more: boolean;
  /** Set where a built-in protection refused, which no policy can lift; `rule` then stands for it. */
  readonly builtin: Builtin | null;
  readonly effect: Effect;
  /** What was done: `unenforceable` says that the host could not carry the clause out and the operation happened. */
  readonly verdict: VerdictKind;
  /** The rule's word for the operation. */
  readonly op: string;
  /** A path, a program with its arguments, or an address. Empty: there is none. */
  readonly target: string;
  /** Of exec: the arguments as given, argv[0] first, cut at about 1,000 bytes. */
  readonly argv: readonly string[] | null;
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
  /** The script that `exe` is the interpreter of, as it was named; null: none. */
  readonly script: string | null;
  readonly argv: readonly string[];
}

/** How the process came by a label that the rule is about, and from where the label came to it. */
export interface Provenance extends Chain {
  readonly label: string;
  readonly how: Acquisition["how"];
  readonly what: string;
  /** Who did that: the process, or an ancestor it inherits from. */
  readonly pid: number;
  readonly exe: string;
  readonly time: string;
}

export interface FeedbackContext {
  readonly compiled: Compiled;
  /** The text that a rule stands in. */
  readonly sourceOf: (rule: Rule) => Source;
  readonly domain: string;
  readonly tier: Tier;
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
  if (event.builtin !== null) return builtinRecord(event, event.builtin, seq, context);
  const matched = event.clauses.map((id) => matchedClause(context.compiled, id));
  const strongest = matched.reduce((best, each) =>
    rank[each.clause.effect] > rank[best.clause.effect] ? each : best,
  );
  const { clause, rule } = strongest;
  const mentioned = new Set(matched.flatMap((each) => labelsOfClause(each)));
  const gates = clause.unless.flatMap((condition) => gateReference(condition, event, context));
  const provenance = event.labels.flatMap((bit) => provenanceOf(bit, mentioned, event, context));
  return {
    ...commonOf(event, seq, context),
    rule: ruleReference(strongest, context.sourceOf(strongest.rule)),
    matched: matched.map((each) => ruleReference(each, context.sourceOf(each.rule))),
    effect: clause.effect,
    verdict: verdictOfEvent(event, clause.effect),
    op: clause.operation.kind,
    because: rule.because,
    fix: rule.fix,
    satisfy: satisfyOf({
      clause,
      refusing: matched.flatMap((each) => (each.clause.effect === "notify" ? [] : [each.clause])),
      labels: new Set(event.labels.map((bit) => labelOf(context.compiled, bit)?.name ?? "")),
      chains: provenance.map((each) => labelChain(each, event, context)),
      compiled: context.compiled,
      gateOf: (condition) => gateReference(condition, event, context)[0] ?? null,
    }),
    provenance,
    gates,
    retry_useful: gates.some(({ state }) => state === "running"),
    strict: strictReason(event, matched),
  };
}

/** What a record says whatever it was that matched. */
function commonOf(event: KernelEvent, seq: number, context: FeedbackContext) {
  const { processes, compiled, clock, domain, tier } = context;
  const isExec = (event.ops & operationBits.exec) !== 0;
  const argv = isExec ? wordsOf(event.second, event.words) : null;
  return {
    schema_version: 1,
    seq,
    time: clock.iso(event.timeNs),
    domain,
    tier,
    matched_more: event.moreClauses,
    builtin: event.builtin,
    // A program without a name on a file system goes by its argv[0].
    target: [targetText(event) || (argv?.[0] ?? ""), ...(argv?.slice(1) ?? [])].join(" "),
    argv,
    process: {
      ...processReference(event.tgid, processes.get(event.tgid)),
      uid: event.uid,
      ancestry: processes
        .ancestors(event.tgid)
        .map((ancestor) => processReference(ancestor.tgid, ancestor)),
    },
    labels: event.labels.flatMap((bit) => {
      const label = labelOf(compiled, bit);
      return label === undefined || label.hidden ? [] : [label.name];
    }),
  } as const;
}

function builtinRecord(
  event: KernelEvent,
  builtin: Builtin,
  seq: number,
  context: FeedbackContext,
): FeedbackRecord {
  const { name, clause, op, because, fix } = builtinTexts[builtin];
  const rule: RuleReference = { name, clause, effect: "block", file: "", line: 0, column: 0 };
  return {
    ...commonOf(event, seq, context),
    rule,
    matched: [rule],
    effect: "block",
    verdict: verdictOfEvent(event, "block"),
    op,
    because,
    fix,
    satisfy: [],
    provenance: [],
    gates: [],
    retry_useful: false,
    strict: null,
  };
}

const rank: Readonly<Record<Effect, number>> = { notify: 0, block: 1, kill: 2 };

function matchedClause(compiled: Compiled, id: number): CompiledClause {
  const clause = clauseOf(compiled, id);
  assert(clause !== undefined, `the policy has a clause ${id}`);
  return clause;
}

export function ruleReference(compiled: CompiledClause, source: Source): RuleReference {
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
  const { program: exe = "", argv = [], script = null } = process ?? {};
  return { pid, exe, script, argv };
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

/** Where the process has a label from, if a rule asks for that label. */
function provenanceOf(
  bit: number,
  mentioned: ReadonlySet<string>,
  event: KernelEvent,
  { compiled, processes, clock }: FeedbackContext,
): Provenance[] {
  const label = labelOf(compiled, bit);
  if (label === undefined || !mentioned.has(label.name)) return [];
  const origin =
    processes.get(event.tgid)?.acquired.get(bit) ?? processes.acquisitionBy(event, bit);
  return [acquiredBy(label.name, origin, chainOf(event, bit, processes, clock), clock)];
}

/** The last operation that brought a label, and the way there. */
export function acquiredBy(
  label: string,
  { how, what, tgid, program, timeNs }: Acquisition,
  chain: Chain,
  clock: Clock,
): Provenance {
  return { label, how, what, pid: tgid, exe: program, time: clock.iso(timeNs), ...chain };
}

function labelChain(
  provenance: Provenance,
  event: KernelEvent,
  { compiled, processes }: FeedbackContext,
): LabelChain {
  const bit = compiled.labels.find(({ name }) => name === provenance.label)?.bit ?? 0;
  const free = processes.ancestors(event.tgid).find(({ acquired }) => !acquired.has(bit));
  return {
    ...provenance,
    isOwn: processes.get(event.tgid)?.acquired.has(bit) !== true,
    freeAncestor: free === undefined ? null : { pid: free.tgid, exe: nameOf(free) },
  };
}

function strictReason(event: KernelEvent, matched: readonly CompiledClause[]): string | null {
  if (event.strictPath)
    return "the path could not be resolved, so every such rule counts as matched";
  const asksArguments = matched.some(({ clause: { operation } }) =>
    "exec" in operation ? operation.exec.args.length > 0 : false,
  );
  if (event.strictArgs && asksArguments)
    return "the arguments could not be read in full, so they count as matching";
  return null;
}
