// A clause's condition as alternatives the kernel can test with two masks: all of these labels, none of
// those. Each conjunction becomes one entry, so they are kept few.
//
//     A and (B or not C)   ->   {all: A B}  {all: A, none: C}

import type { Expr } from "../dsl/ast.ts";

/** Labels as bits. INVARIANT: `all & none` is 0. */
export interface Conjunction {
  readonly all: bigint;
  readonly none: bigint;
}

export const conjunctionsMax = 64;
/** Meanwhile there may be more; simplification compares all pairs. */
const workingMax = 1024;

/** Null: more than `conjunctionsMax`. No conjunction at all: the condition never holds. */
export function toDnf(
  condition: Expr | null,
  bitOf: (label: string) => number,
): Conjunction[] | null {
  if (condition === null) return [{ all: 0n, none: 0n }];
  const result = convert(condition, false, bitOf);
  return result === null || result.length > conjunctionsMax ? null : result;
}

function convert(
  expr: Expr,
  negated: boolean,
  bitOf: (label: string) => number,
): Conjunction[] | null {
  switch (expr.kind) {
    case "true":
      return negated ? [] : [{ all: 0n, none: 0n }];
    case "label": {
      const mask = 1n << BigInt(bitOf(expr.label));
      return [negated ? { all: 0n, none: mask } : { all: mask, none: 0n }];
    }
    case "not":
      return convert(expr.operand, !negated, bitOf);
    case "and":
    case "or": {
      const joinsByAnd = (expr.kind === "and") !== negated;
      let result: Conjunction[] | null = null;
      for (const operand of operandsOf(expr)) {
        const next = convert(operand, negated, bitOf);
        if (next === null) return null;
        if (result === null) result = next;
        else result = joinsByAnd ? product(result, next) : simplify([...result, ...next]);
        if (result === null || result.length > workingMax) return null;
      }
      return result;
    }
  }
}

/** The operands of a chain of one operator, left to right: chains are long, nesting is not. */
function operandsOf(expr: Expr & { kind: "and" | "or" }): Expr[] {
  const operands: Expr[] = [];
  const pending: Expr[] = [expr];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.kind === expr.kind) pending.push(next.right, next.left);
    else operands.push(next);
  }
  return operands;
}

function product(
  left: readonly Conjunction[],
  right: readonly Conjunction[],
): Conjunction[] | null {
  if (left.length * right.length > workingMax * 8) return null;
  const pairs = left.flatMap((a) =>
    right.map((b) => ({ all: a.all | b.all, none: a.none | b.none })),
  );
  return simplify(pairs.filter(({ all, none }) => (all & none) === 0n));
}

/** Joins pairs that differ in one label's sign, then drops what another conjunction implies. */
function simplify(conjunctions: readonly Conjunction[]): Conjunction[] {
  let current = absorb(conjunctions);
  for (;;) {
    const joined = joinOne(current);
    if (joined === null) return current;
    current = absorb(joined);
  }
}

/** The first of equals stays, and whatever asks for less. */
function absorb(conjunctions: readonly Conjunction[]): Conjunction[] {
  const kept: Conjunction[] = [];
  for (const one of conjunctions) {
    if (kept.some((other) => implies(one, other))) continue;
    const rest = kept.filter((other) => !implies(other, one));
    kept.splice(0, kept.length, ...rest, one);
  }
  return kept;
}

function implies(stronger: Conjunction, weaker: Conjunction): boolean {
  return (
    (stronger.all & weaker.all) === weaker.all && (stronger.none & weaker.none) === weaker.none
  );
}

/** `A and B or A and not B` is `A`; null when there is no such pair. */
function joinOne(conjunctions: readonly Conjunction[]): Conjunction[] | null {
  const places = new Map(conjunctions.map(({ all, none }, i) => [`${all}/${none}`, i]));
  for (const [i, { all, none }] of conjunctions.entries()) {
    for (let bits = all; bits !== 0n; bits &= bits - 1n) {
      const bit = bits & -bits;
      const twin = places.get(`${all & ~bit}/${none | bit}`);
      if (twin === undefined) continue;
      const joined = { all: all & ~bit, none };
      return conjunctions.map((one, k) => (k === i ? joined : one)).filter((_, k) => k !== twin);
    }
  }
  return null;
}
