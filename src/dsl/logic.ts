// Conditions over labels as boolean functions: satisfiable, always true, implied. They are tried out
// on every combination of their labels, so a condition of many labels is left undecided.

import type { Expr } from "./ast.ts";
import { labelUses } from "./merge.ts";

/** 2^8 combinations of at most 256 terms: some tens of microseconds. */
const labelsMax = 8;

/** A label's fixed value, or null where it is free. */
export type Fixed = (label: string) => boolean | null;

const nothingFixed: Fixed = () => null;

/** False only where no combination of labels makes the condition true. */
export function isSatisfiable(expr: Expr, fixed: Fixed = nothingFixed): boolean {
  return combinations([expr], fixed)?.some((has) => evaluate(expr, has)) ?? true;
}

/** True only where every combination of labels makes the condition true. No condition is one that is always true. */
export function isAlwaysTrue(expr: Expr | null): boolean {
  if (expr === null) return true;
  return combinations([expr], nothingFixed)?.every((has) => evaluate(expr, has)) ?? false;
}

/** True only where `special` being true makes `general` true. */
export function implies(special: Expr | null, general: Expr | null): boolean {
  if (general === null) return true;
  if (special === null) return isAlwaysTrue(general);
  const all = combinations([special, general], nothingFixed);
  return all?.every((has) => !evaluate(special, has) || evaluate(general, has)) ?? false;
}

type Has = (label: string) => boolean;

export function evaluate(expr: Expr, has: Has): boolean {
  switch (expr.kind) {
    case "true":
      return true;
    case "label":
      return has(expr.label);
    case "not":
      return !evaluate(expr.operand, has);
    case "and":
      return evaluate(expr.left, has) && evaluate(expr.right, has);
    case "or":
      return evaluate(expr.left, has) || evaluate(expr.right, has);
  }
}

/** Every combination of the free labels, or null where they are too many. */
function combinations(exprs: readonly Expr[], fixed: Fixed): Has[] | null {
  const labels = [...new Set(exprs.flatMap(labelUses).map(({ label }) => label))];
  const free = labels.filter((label) => fixed(label) === null);
  if (free.length > labelsMax) return null;
  const bits = new Map(free.map((label, index) => [label, 1 << index]));
  return Array.from({ length: 1 << free.length }, (_, combination): Has => {
    return (label) => fixed(label) ?? (combination & (bits.get(label) as number)) !== 0;
  });
}
