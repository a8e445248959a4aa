// The canonical text of a tree. `parse(print(tree))` is the tree again, but for its spans.
// format.ts adds the comments and blank lines of a text that a person wrote.

import type {
  Clause,
  Condition,
  Definition,
  EndpointPattern,
  EndpointTarget,
  ExecPattern,
  Expr,
  GateEvent,
  LabelSource,
  Operation,
  Pattern,
  Policy,
  Rule,
  Target,
  Transform,
} from "./ast.ts";
import { printDuration } from "./duration.ts";

export type Declaration = LabelSource | Transform | Definition | Rule;

/** A clause longer than this is broken before `if` and `unless`. */
const lineWidth = 96;

export function printPolicy(policy: Policy): string {
  const blocks = [
    policy.definitions.map(printDefinition).join(""),
    policy.sources.map(printSource).join(""),
    policy.transforms.map(printTransform).join(""),
    ...policy.rules.map(printRule),
  ];
  return blocks.filter((block) => block !== "").join("\n");
}

export function printSource({ label, origin }: LabelSource): string {
  return `source ${label.text} = ${printOrigin(origin)}\n`;
}

export function printTransform({ kind, label, gate }: Transform): string {
  return `${kind} ${label.text} by exec ${printExec(gate)}\n`;
}

export function printDefinition({ name, patterns }: Definition): string {
  const texts = patterns.map(printPattern);
  const line = `define ${name.text} = ${texts.join(", ")}`;
  return line.length <= lineWidth
    ? `${line}\n`
    : `define ${name.text} =\n  ${texts.join(",\n  ")}\n`;
}

export function printRule(rule: Rule): string {
  const clauses = rule.clauses.map((clause) => `  ${printClause(clause)}\n`);
  return [
    `rule ${rule.name.text}:\n`,
    ...clauses,
    ...ruleTails(rule).map(([, line]) => `  ${line}\n`),
  ].join("");
}

/** The lines behind the clauses, by their first word. */
export function ruleTails(rule: Rule): [word: string, line: string][] {
  const tails: [string, string][] = [];
  if (rule.because !== null) tails.push(["because", `because ${quote(rule.because)}`]);
  if (rule.fix !== null) tails.push(["fix", `fix ${quote(rule.fix)}`]);
  if (rule.severity !== null) tails.push(["severity", `severity ${rule.severity}`]);
  return tails;
}

/** Lines after the first are indented for a rule's body. */
export function printClause(clause: Clause): string {
  const head = `${clause.effect} ${printOperation(clause.operation)}`;
  const condition = clause.condition === null ? [] : [`if ${printExpr(clause.condition)}`];
  const exceptions = clause.unless.map(printCondition);
  const unless = exceptions.length === 0 ? [] : [`unless ${exceptions.join(" or ")}`];
  const line = [head, ...condition, ...unless].join(" ");
  if (line.length + 2 <= lineWidth) return line;
  const needsBreaks = unless.some((text) => text.length + 4 > lineWidth);
  const lines = needsBreaks ? [`unless ${exceptions.join("\n      or ")}`] : unless;
  return [head, ...condition, ...lines].join("\n    ");
}

export function printOrigin(origin: LabelSource["origin"]): string {
  switch (origin.kind) {
    case "exec":
      return `exec ${printExec(origin.exec)}`;
    case "file":
      return `file ${printPattern(origin.pattern)}`;
    case "endpoint":
      return `endpoint ${printPattern(origin.endpoint)}`;
    case "approval":
      return `approval ${quote(origin.name)}`;
  }
}

export function printOperation(operation: Operation): string {
  switch (operation.kind) {
    case "exec":
      return `exec ${printExec(operation.exec)}`;
    case "signal":
    case "ptrace":
      return `${operation.kind} exec ${printExec(operation.exec)}`;
    default:
      return `${operation.kind} ${printTarget(operation.target)}`;
  }
}

export function printExec({ program, args }: ExecPattern): string {
  return [program === null ? "any" : printPattern(program), ...args.map(printPattern)].join(" ");
}

function printTarget({ set, patterns }: Target | EndpointTarget): string {
  if (set !== null) return `@${set.text}`;
  return patterns === null ? "any" : patterns.map(printPattern).join(" ");
}

function printPattern({ set, text }: Pattern | EndpointPattern): string {
  return set === undefined ? quote(text) : `@${set.text}`;
}

export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case "true":
      return "true";
    case "label":
      return expr.label;
    case "not":
      return `not ${enclosed(expr.operand, expr.operand.kind === "and" || expr.operand.kind === "or")}`;
    case "and":
    case "or": {
      // Chains lean left; parentheses also stand where precedence alone would do, for people to see.
      const left = enclosed(expr.left, isOther(expr.left, expr.kind));
      const right = enclosed(expr.right, expr.right.kind === "and" || expr.right.kind === "or");
      return `${left} ${expr.kind} ${right}`;
    }
  }
}

function isOther(expr: Expr, kind: "and" | "or"): boolean {
  return (expr.kind === "and" || expr.kind === "or") && expr.kind !== kind;
}

function enclosed(expr: Expr, inParentheses: boolean): string {
  return inParentheses ? `(${printExpr(expr)})` : printExpr(expr);
}

export function printCondition(condition: Condition): string {
  switch (condition.kind) {
    case "target":
      return `target ${condition.negated ? "not " : ""}${printTarget(condition.target)}`;
    case "lineage-includes":
      return `lineage-includes exec ${printExec(condition.exec)}`;
    case "after":
      return [
        `after ${printEvent(condition.event)}`,
        ...(condition.exits === null ? [] : [`exits ${condition.exits}`]),
        ...(condition.since.length === 0
          ? []
          : [`since ${condition.since.map(printEvent).join(" or ")}`]),
        ...within(condition.withinMs),
      ].join(" ");
    case "approved":
      return [`approved ${quote(condition.name)}`, ...within(condition.withinMs)].join(" ");
  }
}

function within(ms: number | null): string[] {
  return ms === null ? [] : [`within ${printDuration(ms)}`];
}

export function printEvent(event: GateEvent): string {
  return event.kind === "exec"
    ? `exec ${printExec(event.exec)}`
    : `${event.kind} ${printTarget(event.target)}`;
}

/** A string as it is written: only a quote, and a `\` that would be read as an escape, are escaped. */
export function quote(value: string): string {
  return `"${value.replace(/"|\\(?=["\\]|$)/g, "\\$&")}"`;
}
