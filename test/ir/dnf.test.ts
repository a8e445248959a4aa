// Conditions as conjunctions, against their truth tables.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Expr } from "../../src/dsl/ast.ts";
import { conjunctionsMax, toDnf } from "../../src/ir/dnf.ts";

const span = { start: 0, end: 0 };
const names = ["A", "B", "C", "D", "E"];
const bitOf = (label: string): number => names.indexOf(label);

const { expr } = fc.letrec<{ expr: Expr }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 5, depthIdentifier: "expr" },
    fc.constantFrom(...names).map((label): Expr => ({ kind: "label", span, label })),
    fc.constant<Expr>({ kind: "true", span }),
    tie("expr").map((operand): Expr => ({ kind: "not", span, operand })),
    fc
      .tuple(fc.constantFrom("and" as const, "or" as const), tie("expr"), tie("expr"))
      .map(([kind, left, right]): Expr => ({ kind, span, left, right })),
  ),
}));

function holds(one: Expr, labels: bigint): boolean {
  switch (one.kind) {
    case "true":
      return true;
    case "label":
      return ((labels >> BigInt(bitOf(one.label))) & 1n) === 1n;
    case "not":
      return !holds(one.operand, labels);
    case "and":
      return holds(one.left, labels) && holds(one.right, labels);
    case "or":
      return holds(one.left, labels) || holds(one.right, labels);
  }
}

test("the conjunctions hold exactly where the condition does", () => {
  fc.assert(
    fc.property(expr, (condition) => {
      const conjunctions = toDnf(condition, bitOf);
      if (conjunctions === null) throw new Error("five labels never need so many conjunctions");
      for (const { all, none } of conjunctions) expect(all & none).toBe(0n);
      for (let labels = 0n; labels < 1n << BigInt(names.length); labels++) {
        const found = conjunctions.some(
          ({ all, none }) => (labels & all) === all && (labels & none) === 0n,
        );
        expect(found).toBe(holds(condition, labels));
      }
    }),
    { numRuns: 1000 },
  );
});

const label = (name: string): Expr => ({ kind: "label", span, label: name });
const not = (operand: Expr): Expr => ({ kind: "not", span, operand });
const and = (left: Expr, right: Expr): Expr => ({ kind: "and", span, left, right });
const or = (left: Expr, right: Expr): Expr => ({ kind: "or", span, left, right });
const [a, b] = [label("A"), label("B")];

test("no condition is one conjunction that asks for nothing", () =>
  expect(toDnf(null, bitOf)).toEqual([{ all: 0n, none: 0n }]));

test("what another conjunction implies is dropped", () =>
  expect(toDnf(or(and(a, b), a), bitOf)).toEqual([{ all: 1n, none: 0n }]));

test("two signs of one label join", () =>
  expect(toDnf(or(and(a, b), and(a, not(b))), bitOf)).toEqual([{ all: 1n, none: 0n }]));

test("a contradiction is no conjunction at all", () =>
  expect(toDnf(and(a, not(a)), bitOf)).toEqual([]));

test("a condition with too many alternatives is refused", () => {
  const bit = (name: string): number => Number(name.slice(1));
  const pairs = Array.from({ length: 7 }, (_, i) => or(label(`L${2 * i}`), label(`L${2 * i + 1}`)));
  expect(toDnf(pairs.slice(0, 6).reduce(and), bit)?.length).toBe(conjunctionsMax);
  expect(toDnf(pairs.reduce(and), bit)).toBeNull();
});

test("a chain of ten thousand labels does not need ten thousand stack frames", () => {
  const chain = Array.from({ length: 10_000 }, () => a).reduce(or);
  expect(toDnf(chain, bitOf)).toEqual([{ all: 1n, none: 0n }]);
});
