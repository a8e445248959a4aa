// What each tier can do about each operation, and what a policy may count on.

import { describe, expect, test } from "bun:test";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import type { CompiledClause } from "../../src/ir/ir.ts";
import { type Tier, tiers } from "../../src/kernel/kernel.ts";
import {
  isAcceptable,
  isWeaker,
  type VerdictKind,
  verdictKinds,
  verdictOf,
  verdictOfOperation,
} from "../../src/kernel/verdicts.ts";

const operations = Object.keys(operationBits) as OperationName[];

/** The parts of a clause that a verdict is made of. */
function clause(
  effect: "notify" | "block" | "kill",
  covered: readonly OperationName[],
  unsupported: string | null = null,
): CompiledClause {
  return { clause: { effect }, operations: covered, unsupported } as unknown as CompiledClause;
}

test("the tiers with hooks do the same", () => {
  for (const operation of operations)
    for (const effect of ["notify", "block", "kill"] as const)
      expect(verdictOfOperation(effect, operation, "lsm").kind).toBe(
        verdictOfOperation(effect, operation, "modify-return").kind,
      );
});

test("no tier promises more than the one before it", () => {
  for (const operation of operations)
    for (const effect of ["notify", "block", "kill"] as const) {
      const [strong, , weak] = tiers.map((tier) => verdictOfOperation(effect, operation, tier));
      if (strong === undefined || weak === undefined) throw new Error("three tiers");
      expect(isWeaker(strong, weak)).toBe(false);
    }
});

test("what is weaker than written has a reason, and nothing else has", () => {
  const written = {
    notify: "observed",
    block: "blocked-before",
    kill: "killed-before-effect",
  } as const;
  for (const tier of tiers)
    for (const operation of operations)
      for (const effect of ["notify", "block", "kill"] as const) {
        const { kind, reason } = verdictOfOperation(effect, operation, tier);
        expect(reason === null).toBe(kind === written[effect]);
      }
});

describe("a clause", () => {
  const kind = (compiled: CompiledClause, tier: Tier) => verdictOf(compiled, tier).kind;
  test("is as weak as the operation it covers worst", () => {
    expect(kind(clause("kill", ["read", "unlink"]), "tracepoint")).toBe("killed-after");
    expect(kind(clause("block", ["read", "unlink"]), "tracepoint")).toBe("unenforceable");
    expect(kind(clause("block", ["read", "unlink"]), "lsm")).toBe("blocked-before");
  });
  test("that the compiler could not carry out is so in every tier, for the compiler's reason", () => {
    for (const tier of tiers)
      expect(verdictOf(clause("block", ["connect"], "no names yet"), tier)).toEqual({
        kind: "unenforceable",
        reason: "no names yet",
      });
  });
});

describe("what a policy may count on", () => {
  const accepted = (effect: "notify" | "block" | "kill", requireBlock: boolean): VerdictKind[] =>
    verdictKinds.filter((kind) => isAcceptable(effect, { kind, reason: null }, requireBlock));
  test("block and kill: nothing below killed-before-effect", () => {
    expect(accepted("block", false)).toEqual(["blocked-before", "killed-before-effect"]);
    expect(accepted("kill", false)).toEqual(["blocked-before", "killed-before-effect"]);
  });
  test("`require: block` is about block", () => {
    expect(accepted("block", true)).toEqual(["blocked-before"]);
    expect(accepted("kill", true)).toEqual(["blocked-before", "killed-before-effect"]);
  });
  test("notify: anything", () => expect(accepted("notify", true)).toEqual([...verdictKinds]));
});

test("verdicts are ordered", () => {
  const [first, second] = verdictKinds.map((kind) => ({ kind, reason: null }));
  if (first === undefined || second === undefined) throw new Error("kinds");
  expect([isWeaker(second, first), isWeaker(first, second), isWeaker(first, first)]).toEqual([
    true,
    false,
    false,
  ]);
});
