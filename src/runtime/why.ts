// The verdict of an operation that nobody has done: computed from the tables that the kernel half
// holds, with nothing but values. For `actplane why`, the routes of the same name and the MCP tool.
//
//   whyOf({ compiled, source, tier }, { op: "exec", argv: ["git", "push"] }, { labels: ["AGENT"] })
//
// What it cannot know it is told: the labels that the process carries, the gates that are open. By
// default there are none. It throws UnclearQuestion where the question makes no sense.

import { assert } from "../base/assert.ts";
import type { Source } from "../base/source.ts";
import type { Effect, Rule } from "../dsl/ast.ts";
import { printCondition, printEvent } from "../dsl/print.ts";
import { entryKinds } from "../ir/abi.ts";
import { clauseOf, gateOf, labelOf } from "../ir/find.ts";
import type { Compiled, CompiledClause, CompiledGate } from "../ir/ir.ts";
import { addLabels, type Considered, judge, labelBits, noLabels } from "../ir/judge.ts";
import { Image } from "../ir/reader.ts";
import type { Tier } from "../kernel/kernel.ts";
import { type Verdict, verdictOf } from "../kernel/verdicts.ts";
import { type Asked, askedText, eventOf, UnclearQuestion } from "./asked.ts";
import { clauseLine, type RuleReference, ruleReference } from "./feedback.ts";
import { exceptionSentence } from "./satisfy.ts";

export interface AskedPolicy {
  readonly compiled: Compiled;
  /** The text, or of several texts the one that a rule stands in. */
  readonly source: Source | ((rule: Rule) => Source);
  /** Null: which tier the host has is not known, and no verdict is told. */
  readonly tier: Tier | null;
}

/** How things stand when the operation is done. */
export interface Situation {
  /** Names of labels that the process carries. */
  readonly labels?: readonly string[] | undefined;
  /** Gates that are open: their numbers, or their texts as `actplane compile --explain` lists them. */
  readonly gates?: readonly string[] | undefined;
}

export interface WhyAnswer {
  readonly schema_version: 1;
  /** The operation as one line. */
  readonly operation: string;
  /** Of the strongest clause that matches; `none`: nothing keeps it from happening. */
  readonly effect: "none" | Effect;
  readonly tier: Tier | null;
  /** What this host would do about the strongest clause; null: nothing matches, or the tier is not known. */
  readonly verdict: Verdict | null;
  /** Strongest first. */
  readonly matched: readonly ClauseAnswer[];
  /** Clauses about such an operation that do not match as things stand. */
  readonly passed: readonly ClauseAnswer[];
  /** What the process would carry when it is judged, and what of it the operation brings. */
  readonly labels: readonly string[];
  readonly gained: readonly string[];
  /** Gates that the operation, if it goes ahead, opens or whose run it begins. */
  readonly opens: readonly GateAnswer[];
  readonly makes_stale: readonly GateAnswer[];
  /** Clauses about such operations that are not carried out as written, each a sentence. */
  readonly notes: readonly string[];
}

export interface ClauseAnswer extends RuleReference {
  /** Sentences: why it matches, or why not. */
  readonly why: readonly string[];
  readonly because: string | null;
  readonly fix: string | null;
  /** Sentences: each, done, would let the operation pass. */
  readonly satisfy: readonly string[];
}

export interface GateAnswer {
  readonly gate: number;
  readonly text: string;
  /** It opens when the run ends so; null: at once. */
  readonly exits: number | null;
}

export function whyOf(policy: AskedPolicy, asked: Asked, situation: Situation = {}): WhyAnswer {
  const { compiled } = policy;
  const image = new Image(compiled.image);
  const given = labelsGiven(situation.labels ?? [], compiled);
  const open = new Set([
    ...(situation.gates ?? []).map((text) => gateGiven(text, compiled)),
    ...approvalsOf(situation.labels ?? [], compiled),
  ]);
  const { considered, changes, seen } = judge(
    image,
    eventOf(asked, 1, () => 0),
    {
      labels: given,
      cleans: noLabels(),
      held: noLabels(),
      isOpen: (gate) => open.has(gate),
      labelsOf: () => undefined,
    },
  );
  const answers = clauseAnswers(considered, policy);
  const matched = answers.filter(({ matches }) => matches);
  const gates = (kind: number) => [
    ...new Set(changes.flatMap(({ entry }) => (entry.kind === kind ? [entry.id] : []))),
  ];
  const strongest = matched[0]?.compiled ?? null;
  const carried = namesOf(seen, compiled);
  return {
    schema_version: 1,
    operation: askedText(asked),
    effect: strongest?.clause.effect ?? "none",
    tier: policy.tier,
    verdict: strongest === null || policy.tier === null ? null : verdictOf(strongest, policy.tier),
    matched: matched.map(({ answer }) => answer),
    passed: answers.filter(({ matches }) => !matches).map(({ answer }) => answer),
    labels: carried,
    gained: carried.filter((name) => !namesOf(given, compiled).includes(name)),
    opens: gates(entryKinds.open).map((gate) => gateAnswer(gate, compiled)),
    makes_stale: gates(entryKinds.stale).map((gate) => gateAnswer(gate, compiled)),
    notes: compiled.clauses.flatMap(({ clause, rule, operations, unsupported }) =>
      unsupported !== null && (operations as readonly string[]).includes(asked.op)
        ? [
            `\`${clauseLine(clause)}\` of ${rule.name.text} is not carried out as written: ${unsupported}`,
          ]
        : [],
    ),
  };
}

// ---- clauses ----

interface Answered {
  readonly compiled: CompiledClause;
  readonly matches: boolean;
  readonly answer: ClauseAnswer;
}

const rank: Readonly<Record<Effect, number>> = { notify: 0, block: 1, kill: 2 };

/** One a clause: a clause is as many entries as its condition has alternatives, and each is judged. */
export function clauseAnswers(
  considered: readonly Considered[],
  { compiled, source }: Pick<AskedPolicy, "compiled" | "source">,
): Answered[] {
  const byClause = Map.groupBy(considered, ({ entry }) => entry.id);
  const answers = [...byClause].map(([id, alternatives]): Answered => {
    const clause = clauseOf(compiled, id);
    assert(clause !== undefined, `the policy has a clause ${id}`);
    const nearest = alternatives.reduce((best, each) =>
      obstacles(each) < obstacles(best) ? each : best,
    );
    const { because, fix } = clause.rule;
    const at = typeof source === "function" ? source(clause.rule) : source;
    const satisfy = clause.clause.unless.flatMap((each) => exceptionSentence(each, null));
    const why = nearest.matches ? whyMatched(nearest, clause, compiled) : whyNot(nearest, compiled);
    return {
      compiled: clause,
      matches: nearest.matches,
      answer: { ...ruleReference(clause, at), why, because, fix, satisfy },
    };
  });
  return answers.sort(
    (a, b) =>
      rank[b.compiled.clause.effect] - rank[a.compiled.clause.effect] ||
      a.compiled.id - b.compiled.id,
  );
}

/** 0: it matches. */
function obstacles({ missing, present, passedBy, waitsFor, excepted }: Considered): number {
  const labels = labelBits(missing).length + labelBits(present).length;
  return labels + passedBy.length + waitsFor.length + (excepted ? 1 : 0);
}

function whyMatched(
  { entry }: Considered,
  { clause }: CompiledClause,
  compiled: Compiled,
): string[] {
  const asked = labelBits(entry.all).map(
    (bit) => `the process carries ${labelName(bit, compiled)}`,
  );
  const absent = labelBits(entry.none)
    .filter((bit) => !isHidden(bit, compiled))
    .map((bit) => `the process does not carry ${labelName(bit, compiled)}`);
  const unmet = clause.unless.map(
    (condition) => `\`unless ${printCondition(condition)}\` does not hold`,
  );
  return [...asked, ...absent, ...unmet];
}

function whyNot(
  { missing, present, passedBy, waitsFor, excepted }: Considered,
  compiled: Compiled,
): string[] {
  return [
    ...labelBits(missing).map((bit) => `the process does not carry ${labelName(bit, compiled)}`),
    ...labelBits(present).map((bit) =>
      isHidden(bit, compiled)
        ? `\`${labelName(bit, compiled).replace(/^lineage:/, "lineage-includes exec ")}\` holds`
        : `the process carries ${labelName(bit, compiled)}`,
    ),
    ...passedBy.map((gate) => `\`${gateName(gate, compiled)}\` holds`),
    ...waitsFor.map((gate) => `\`${gateName(gate, compiled)}\` does not hold`),
    ...(excepted ? ["the program is one of the clause's exceptions"] : []),
  ];
}

// ---- labels and gates by name ----

/** A label that an operator gives is the approval itself. */
function approvalsOf(labels: readonly string[], { policy, approvals }: Compiled): number[] {
  const names = policy.sources.flatMap(({ label, origin }) =>
    origin.kind === "approval" && labels.includes(label.text) ? [origin.name] : [],
  );
  return approvals
    .filter(({ name, withinMs }) => withinMs === null && names.includes(name))
    .map(({ gate }) => gate);
}

function labelsGiven(names: readonly string[], compiled: Compiled): Uint32Array {
  const mask = noLabels();
  for (const name of names) {
    const label = compiled.labels.find((each) => !each.hidden && each.name === name);
    if (label === undefined) {
      const known = compiled.labels.filter(({ hidden }) => !hidden).map((each) => each.name);
      const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
      throw new UnclearQuestion(`the policy has no label \`${name}\`; ${list}`);
    }
    const own = noLabels();
    own[label.bit >> 5] = 1 << (label.bit & 31);
    addLabels(mask, own);
  }
  return mask;
}

function gateGiven(text: string, compiled: Compiled): number {
  const ids = [
    ...compiled.gates.map(({ id }) => id),
    ...compiled.approvals.map(({ gate }) => gate),
  ];
  const found = ids.find((id) => `${id}` === text || namesOfGate(id, compiled).includes(text));
  if (found !== undefined) return found;
  const known = ids.map((id) => `\`${gateName(id, compiled)}\``).join(", ");
  throw new UnclearQuestion(
    `the policy has no gate \`${text}\`; it has ${known === "" ? "none" : known}`,
  );
}

/** With and without `after`, and by the event alone. */
function namesOfGate(id: number, compiled: Compiled): string[] {
  const gate = gateOf(compiled, id);
  const name = gateName(id, compiled);
  return gate === undefined ? [name] : [name, name.replace(/^after /, ""), printEvent(gate.event)];
}

export function namesOf(mask: Uint32Array, compiled: Compiled): string[] {
  return labelBits(mask)
    .filter((bit) => !isHidden(bit, compiled))
    .map((bit) => labelName(bit, compiled));
}

function labelName(bit: number, compiled: Compiled): string {
  return labelOf(compiled, bit)?.name ?? `label ${bit}`;
}

function isHidden(bit: number, compiled: Compiled): boolean {
  return labelOf(compiled, bit)?.hidden ?? false;
}

function gateAnswer(id: number, compiled: Compiled): GateAnswer {
  return { gate: id, text: gateName(id, compiled), exits: gateOf(compiled, id)?.exits ?? null };
}

/** The condition that the gate was made from. */
export function gateName(id: number, compiled: Compiled): string {
  const gate = gateOf(compiled, id);
  if (gate !== undefined) return afterText(gate);
  const approval = compiled.approvals.find((each) => each.gate === id);
  return approval === undefined
    ? `gate ${id}`
    : printCondition({ kind: "approved", span: nowhere, ...approval });
}

function afterText(gate: CompiledGate): string {
  return printCondition({ kind: "after", span: nowhere, ...gate });
}

const nowhere = { start: 0, end: 0 };
