// Parts of the tree in the author's words, for names of hidden labels, notes and dumps.

import type {
  Condition,
  EndpointTarget,
  ExecPattern,
  GateEvent,
  Operation,
  Target,
} from "../dsl/ast.ts";

export function execText(exec: ExecPattern): string {
  const program = exec.program === null ? "any" : quoted(exec.program.text);
  return [program, ...exec.args.map((pattern) => quoted(pattern.text))].join(" ");
}

export function targetText(target: Target | EndpointTarget): string {
  if (target.set !== null) return `@${target.set.text}`;
  if (target.patterns === null) return "any";
  return target.patterns.map((pattern) => quoted(pattern.text)).join(", ");
}

export function operationText(operation: Operation): string {
  switch (operation.kind) {
    case "exec":
      return `exec ${execText(operation.exec)}`;
    case "signal":
    case "ptrace":
      return `${operation.kind} exec ${execText(operation.exec)}`;
    default:
      return `${operation.kind} ${targetText(operation.target)}`;
  }
}

export function eventText(event: GateEvent): string {
  return event.kind === "exec"
    ? `exec ${execText(event.exec)}`
    : `${event.kind} ${targetText(event.target)}`;
}

export function afterText(gate: {
  readonly event: GateEvent;
  readonly exits: number | null;
  readonly since: readonly GateEvent[];
  readonly withinMs: number | null;
}): string {
  const parts = [`after ${eventText(gate.event)}`];
  if (gate.exits !== null) parts.push(`exits ${gate.exits}`);
  if (gate.since.length > 0) parts.push(`since ${gate.since.map(eventText).join(" or ")}`);
  if (gate.withinMs !== null) parts.push(`within ${gate.withinMs} ms`);
  return parts.join(" ");
}

export function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case "target":
      return `target ${condition.negated ? "not " : ""}${targetText(condition.target)}`;
    case "lineage-includes":
      return `lineage-includes exec ${execText(condition.exec)}`;
    case "after":
      return afterText(condition);
    case "approved":
      return `approved ${quoted(condition.name)}`;
  }
}

export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
