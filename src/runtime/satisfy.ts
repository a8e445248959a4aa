// What would make a refused operation pass now, as sentences for whoever wants to go on: each, done, lets
// it pass. What only somebody else can do is said as such; what would only lead around the rule is not said.

import type { Clause, Condition, SourceOrigin } from "../dsl/ast.ts";
import { printDuration } from "../dsl/duration.ts";
import { evaluate } from "../dsl/logic.ts";
import { printEvent, printExec, printOrigin } from "../dsl/print.ts";
import type { Compiled } from "../ir/ir.ts";
import type { GateReference } from "./gate-reference.ts";
import type { Chain } from "./provenance.ts";

/** Of a name in a sentence; the record has the whole. */
const nameMax = 200;

/** A refusal as far as it decides what would help. */
export interface Refusal {
  /** The strongest clause that matched. */
  readonly clause: Clause;
  /** Every clause that refuses: a label's absence has to satisfy them all. */
  readonly refusing: readonly Clause[];
  /** Names of the labels that the rules saw. */
  readonly labels: ReadonlySet<string>;
  readonly chains: readonly LabelChain[];
  /** What the policy gives labels by. */
  readonly compiled: Compiled;
  /** Of an `after` condition. */
  readonly gateOf: (condition: Condition) => GateReference | null;
}

export interface LabelChain extends Chain {
  readonly label: string;
  /** The refused operation itself would have brought the label. */
  readonly isOwn: boolean;
  /** The nearest ancestor without the label; null: none is known. */
  readonly freeAncestor: { readonly pid: number; readonly exe: string } | null;
}

export function satisfyOf(refusal: Refusal): string[] {
  return [
    ...refusal.clause.unless.flatMap((each) => exceptionSentence(each, refusal.gateOf(each))),
    ...refusal.chains.flatMap((chain) => [
      ...withoutLabel(chain, refusal),
      ...cleaned(chain, refusal),
    ]),
    ...labelsToGain(refusal),
  ];
}

/** What would make an exception hold; `gate` is what is known of the gate of an `after`. */
export function exceptionSentence(condition: Condition, gate: GateReference | null): string[] {
  switch (condition.kind) {
    case "target":
      return [
        condition.negated
          ? `choose a target that is none of ${patternTexts(condition.target)}`
          : `choose a target that matches ${patternTexts(condition.target)}`,
      ];
    case "lineage-includes":
      return [`do it from a process that \`exec ${printExec(condition.exec)}\` started`];
    case "approved":
      return [`ask the operator to approve "${condition.name}"`];
    case "after":
      return [afterSentence(condition, gate)];
  }
}

function afterSentence(
  { event, exits, since, withinMs }: Extract<Condition, { kind: "after" }>,
  gate: GateReference | null,
): string {
  const what = `\`${printEvent(event)}\``;
  const state = gate?.state ?? "never-ran";
  const isFirst = state === "never-ran";
  const events = since.map((each) => `\`${printEvent(each)}\``).join(" or ");
  const fresh =
    events === "" ? "" : `; then do it before any ${isFirst ? "" : "further "}${events}`;
  const within = withinMs === null ? "" : `; it counts for ${printDuration(withinMs)}`;
  if (state === "running" && exits !== null)
    return `wait until the run of ${what} has ended with exit code ${exits}${fresh}${within}`;
  const ends = exits === null ? "" : ` and let it end with exit code ${exits}`;
  const plainly = state === "steered" ? " without LD_* variables, a loader or a tracer" : "";
  const again = event.kind === "exec" ? `run ${what} again${plainly}` : `do ${what} again`;
  return `${isFirst ? `first do ${what}` : again}${ends}${fresh}${within}`;
}

function patternTexts(target: Extract<Condition, { kind: "target" }>["target"]): string {
  if (target.patterns === null) return "anything";
  return target.patterns.map((pattern) => `"${pattern.text}"`).join(", ");
}

/** Would it pass for a process with these labels? */
function passes(refusing: readonly Clause[], labels: ReadonlySet<string>): boolean {
  return refusing.every(
    ({ condition }) => condition !== null && !evaluate(condition, (label) => labels.has(label)),
  );
}

/** A name that a process chose is data, and must not read as a part of the sentence. */
function quoted(name: string): string {
  return JSON.stringify(name.length <= nameMax ? name : `${name.slice(0, nameMax)}...`);
}

/** Data that was read cannot be unread, but another process need not have read it. */
function withoutLabel(chain: LabelChain, { refusing, labels }: Refusal): string[] {
  const others = new Set([...labels].filter((label) => label !== chain.label));
  if (chain.isOwn || !passes(refusing, others)) return [];
  const acquisitions = chain.hops.filter(({ how }) => how === "read" || how === "connect");
  const last = acquisitions.at(-1);
  const isLast = chain.hops.findLast(({ how }) => how !== "inherit" && how !== "become") === last;
  // Whoever was started by a labelled program cannot choose to have been started by another.
  if (last === undefined || !isLast) return [];
  const [first] = chain.hops;
  const has = last.how === "connect" ? "reached" : "read";
  const what =
    first === undefined || first.how !== "read" || first.what === last.what
      ? `not ${has} ${quoted(last.what)}`
      : `${has} neither ${quoted(last.what)} nor anything else that comes from ${quoted(first.what)}`;
  const { freeAncestor } = chain;
  const from =
    freeAncestor === null ? "" : `; ${quoted(freeAncestor.exe)} (pid ${freeAncestor.pid}) has not`;
  return [`do it from a process that has ${what}${from}`];
}

/** What a declassifying program writes does not carry the label. */
function cleaned({ label, isOwn }: LabelChain, { refusing, labels, compiled }: Refusal): string[] {
  const others = new Set([...labels].filter((other) => other !== label));
  if (isOwn || !passes(refusing, others)) return [];
  return compiled.policy.transforms
    .filter((each) => each.kind === "declassify" && each.label.text === label)
    .map(
      ({ gate }) =>
        `do it from a process that has read only what \`exec ${printExec(gate)}\` wrote, which is without ${label}`,
    );
}

/** A label whose absence the rule is about, and how the policy gives it. */
function labelsToGain({ refusing, labels, compiled }: Refusal): string[] {
  const { sources, transforms } = compiled.policy;
  const endorsers = transforms
    .filter(({ kind }) => kind === "endorse")
    .map(({ label, gate }) => ({ label, origin: { kind: "exec", exec: gate } as const }));
  return [...sources, ...endorsers].flatMap(({ label: { text: label }, origin }) =>
    !labels.has(label) && passes(refusing, new Set([...labels, label]))
      ? [gainSentence(label, origin)]
      : [],
  );
}

function gainSentence(label: string, origin: SourceOrigin): string {
  switch (origin.kind) {
    case "exec":
      return `do it from what \`exec ${printExec(origin.exec)}\` starts, which has ${label}`;
    case "file":
      return `do it from a process that has read \`${printOrigin(origin)}\`, which gives ${label}`;
    case "endpoint":
      return `do it from a process that has reached \`${printOrigin(origin)}\`, which gives ${label}`;
    case "approval":
      return `ask the operator to approve "${origin.name}"`;
  }
}
