// A policy is replaced in the middle of a trace by one that has its clauses and more, and back: of the clauses that all
// have, no event may be judged otherwise than if nothing had been replaced. The others only notice.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasErrors } from "../../src/base/diagnostic.ts";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { type Numbering, noNumbers } from "../../src/ir/numbering.ts";
import { type Decision, Simulation } from "../../src/ir/simulation.ts";
import { places, policyText, trace } from "./generate.ts";
import { printCommand, World } from "./script.ts";

const numRuns = Number(process.env.ACTPLANE_MODEL_RUNS ?? 150);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);

function numbered(policy: Policy, numbering: Numbering): Compiled | null {
  const { value, diagnostics } = compile(policy, { ...places, numbering });
  return hasErrors(diagnostics) ? null : value;
}

/** The rules of `other`, under other names and only noticing, before those of `policy`. */
function larger(policy: Policy, other: Policy): Policy {
  const rules = other.rules.map((rule) => ({
    ...rule,
    name: { ...rule.name, text: `other-${rule.name.text}` },
    clauses: rule.clauses.map((clause) => ({ ...clause, effect: "notify" as const })),
  }));
  return { ...policy, rules: [...rules, ...policy.rules] };
}

/** What of a decision is about the clauses, labels and gates of `compiled`. */
function about({ clauses, labels, gates }: Compiled, decision: Decision | null): unknown {
  if (decision === null) return null;
  return {
    refuses: decision.effect > 1 ? decision.effect : 0,
    clauses: clauses.flatMap(({ id }) => (decision.clauses.has(id) ? [id] : [])),
    labels: labels.filter(
      ({ bit }) => (((decision.labels[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1,
    ),
    gates: gates.flatMap(({ id }) => (decision.gates.includes(id) ? [id] : [])),
  };
}

test("what is replaced by more of the same judges the same", () => {
  const swaps = fc.array(fc.boolean(), { minLength: 60, maxLength: 60 });
  let compared = 0;
  const property = fc.property(
    policyText,
    policyText,
    trace,
    swaps,
    (text, otherText, commands, swap) => {
      const [policy, other] = [text, otherText].map(
        (one) => loadPolicy({ name: "test.policy", text: one }).value,
      ) as [Policy, Policy];
      const small = numbered(policy, noNumbers);
      if (small === null) return;
      const large = numbered(larger(policy, other), small.numbering as Numbering);
      if (large === null) return;
      const [still, swapped] = [new Simulation(small.image), new Simulation(small.image)];
      const world = new World();
      for (const [number, command] of commands.entries()) {
        const [word, name] = command;
        if (word === "approve" || word === "disapprove") {
          const gates = large.approvals.filter((approval) => approval.name === name);
          for (const { gate } of gates)
            for (const each of [still, swapped]) each.approve(gate, word === "approve");
          continue;
        }
        const event = world.event(command);
        if (!world.isPossible(event)) continue;
        swapped.replace((swap[number % swap.length] ? large : small).image);
        const [expected, found] = [still.step(event), swapped.step(event)];
        if (expected === null || expected.overLimit || found?.overLimit) return;
        const where = [printCommand(command), text, "-- and --", otherText].join("\n");
        expect([where, about(small, found)]).toEqual([where, about(small, expected)]);
        compared++;
        if (expected.effect === 3 && event.type !== "wait") world.killed(event.process);
        if (expected.effect < 2) world.happened(event);
      }
    },
  );
  fc.assert(property, { seed, numRuns });
  expect(compared).toBeGreaterThan(numRuns);
}, 3_600_000);
