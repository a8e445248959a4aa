// Several domains in one session: random policies, each a parent's with more, processes that are moved down the tree and
// policies that are tightened in the middle of a trace. The semantics and the compiled images agree on every event.
//
//   root            a policy
//   root/a, root/b  the same and more; root/a is tightened later
//   root/a/c        what root/a had, and more

import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasErrors } from "../../src/base/diagnostic.ts";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { effectNumbers } from "../../src/ir/abi.ts";
import { commandTable } from "../../src/ir/commands.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { type Numbering, noNumbers } from "../../src/ir/numbering.ts";
import { type Decision, Simulation } from "../../src/ir/simulation.ts";
import type { TraceEvent } from "../../src/ir/trace.ts";
import { writtenAs } from "./agreement.ts";
import { places, policyText, trace } from "./generate.ts";
import { type Command, printCommand, World } from "./script.ts";
import { execText, gateText, rootDomain, Semantics, type Step } from "./semantics.ts";

const numRuns = Number(process.env.ACTPLANE_MODEL_RUNS ?? 200);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);

interface Change {
  /** Before this command of the trace. */
  readonly at: number;
  readonly process: number;
  /** A domain that the process is moved to; null: `root/a` is tightened. */
  readonly domain: string | null;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(20),
  process: fc.integer({ min: 1, max: 5 }),
  domain: fc.constantFrom("root/a", "root/a", "root/b", "root/a/c", null),
});

/** `base` and what `more` adds, as the texts of a domain are joined; the sets are those of `base`. */
function joined(base: Policy, more: Policy, name: string): Policy {
  const rules = more.rules.map((rule) => ({
    ...rule,
    name: { ...rule.name, text: `${name}-${rule.name.text}` },
  }));
  return {
    ...base,
    sources: [...base.sources, ...more.sources],
    transforms: [...base.transforms, ...more.transforms],
    rules: [...base.rules, ...rules],
  };
}

/** A session whose domains have the policies that were asked for last, compiled one after the other. */
class Session {
  readonly model: Semantics;
  readonly simulation: Simulation;
  readonly #compiled = new Map<string, Compiled>();
  #numbering: Numbering = noNumbers;

  constructor(policy: Policy) {
    this.model = new Semantics(policy, { ...places, commands: commandTable });
    this.simulation = new Simulation(this.#compile(rootDomain, policy).image);
  }

  govern(domain: string, policy: Policy): void {
    this.#compile(domain, policy);
    this.model.govern(domain, policy);
  }

  approve(name: string, open: boolean): void {
    this.model.approve(name, open);
    const gates = [...this.#compiled.values()].flatMap(({ approvals }) => approvals);
    for (const gate of new Set(gates.filter((one) => one.name === name).map(({ gate }) => gate)))
      this.simulation.approve(gate, open);
  }

  /** What both sides say, in the author's words; null: no more can be said. */
  step(event: TraceEvent): { said: readonly [string, string]; decision: Decision } | null {
    const domain = event.type === "wait" ? rootDomain : this.model.domainOf(event.process);
    const compiled = this.#of(domain);
    this.simulation.replace(compiled.image);
    const step = this.model.step(event);
    const decision = this.simulation.step(event);
    if (step === null || decision === null || decision.overLimit) return null;
    return { said: [this.#ofModel(step, compiled), this.#ofImage(decision, compiled)], decision };
  }

  #of(domain: string): Compiled {
    const compiled = this.#compiled.get(domain);
    if (compiled === undefined) throw new Error(`no domain ${domain}`);
    return compiled;
  }

  #compile(domain: string, policy: Policy): Compiled {
    const { value, diagnostics } = compile(policy, { ...places, numbering: this.#numbering });
    if (hasErrors(diagnostics) || value.numbering === null) throw new Unusable();
    if (!saysEachThingOnce(value)) throw new Unusable();
    this.#numbering = value.numbering;
    this.#compiled.set(domain, value);
    return value;
  }

  #ofModel({ verdict, matches, labels, gates }: Step, compiled: Compiled): string {
    const unsupported = new Set(
      compiled.clauses.filter((each) => each.unsupported).map((each) => nameOf(each)),
    );
    const clauses = matches.map(({ rule, clauseIndex }) => `${rule}:${clauseIndex}`);
    const known = new Set(compiled.gates.map((gate) => writtenAs(gate, compiled.policy)));
    return told(
      verdict,
      clauses.filter((name) => !unsupported.has(name)),
      labels,
      gates.filter((gate) => known.has(gate)),
    );
  }

  #ofImage({ effect, clauses, labels, gates }: Decision, compiled: Compiled): string {
    const verdict = Object.entries(effectNumbers).find(([, number]) => number === effect)?.[0];
    return told(
      verdict ?? "allow",
      compiled.clauses.filter(({ id }) => clauses.has(id)).map(nameOf),
      // Also those that another domain's policy has and this one has not.
      this.#numbering.labels.flatMap(({ name, hidden }, bit) =>
        !hidden && (((labels[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1 ? [name] : [],
      ),
      compiled.gates
        .filter(({ id }) => gates.includes(id))
        .map((gate) => writtenAs(gate, compiled.policy)),
    );
  }
}

/** A policy that cannot be compiled, or of which the two sides count differently what is one thing. */
class Unusable extends Error {}

/** The model tells gates and lineages by their words, the compiler by what they mean. */
function saysEachThingOnce({ policy, gates, labels }: Compiled): boolean {
  const conditions = policy.rules.flatMap((rule) => rule.clauses.flatMap(({ unless }) => unless));
  const after = conditions.flatMap((each) => (each.kind === "after" ? [gateText(each)] : []));
  const lineages = conditions.flatMap((each) =>
    each.kind === "lineage-includes" ? [execText(each.exec)] : [],
  );
  const hidden = labels.filter((label) => label.hidden).length;
  return new Set(after).size === gates.length && new Set(lineages).size === hidden;
}

function nameOf({ rule, clause }: Compiled["clauses"][number]): string {
  return `${rule.name.text}:${rule.clauses.indexOf(clause)}`;
}

function told(
  verdict: string,
  clauses: readonly string[],
  labels: readonly string[],
  gates: readonly string[],
): string {
  return [
    verdict,
    ...[...clauses].sort(),
    `{${[...labels].sort().join(" ")}}`,
    ...[...gates].sort(),
  ].join(" ");
}

function policyOf(text: string): Policy {
  return loadPolicy({ name: "test.policy", text }).value;
}

/** How many events were compared, and in how many domains. */
interface Played {
  readonly events: number;
  readonly domains: ReadonlySet<string>;
}

function play(
  texts: readonly string[],
  commands: readonly Command[],
  changes: readonly Change[],
): Played {
  const [root, a, b, c, later] = texts.map(policyOf) as [Policy, Policy, Policy, Policy, Policy];
  const withA = joined(root, a, "a");
  const session = new Session(root);
  session.govern("root/a", withA);
  session.govern("root/b", joined(root, b, "b"));
  session.govern("root/a/c", joined(withA, c, "c"));

  const world = new World();
  const lines: string[] = [];
  const domains = new Set<string>();
  let events = 0;
  for (const [number, command] of commands.entries()) {
    for (const { process, domain } of changes.filter(({ at }) => at === number)) {
      if (domain === null) session.govern("root/a", joined(withA, later, "later"));
      // Only down the tree.
      else if (domain.startsWith(`${session.model.domainOf(process)}/`))
        session.model.move(process, domain);
    }
    const [word, name = ""] = command;
    if (word === "approve" || word === "disapprove") {
      session.approve(name, word === "approve");
      continue;
    }
    const event = world.event(command);
    if (!world.isPossible(event)) continue;
    const domain = event.type === "wait" ? rootDomain : session.model.domainOf(event.process);
    lines.push(`${printCommand(command)}   (${domain})`);
    const both = session.step(event);
    if (both === null) break;
    const [model, image] = both.said;
    const where = [...texts, ...lines].join("\n");
    expect([where, image]).toEqual([where, model]);
    events++;
    domains.add(domain);
    if (both.decision.effect === 3 && event.type !== "wait") world.killed(event.process);
    if (both.decision.effect < 2) world.happened(event);
  }
  return { events, domains };
}

test("domains of one session are judged by their own policies over common labels and gates", () => {
  let events = 0;
  const domains = new Set<string>();
  const property = fc.property(
    fc.array(policyText, { minLength: 5, maxLength: 5 }),
    trace,
    fc.array(change, { minLength: 2, maxLength: 6 }),
    (texts, commands, changes) => {
      try {
        const played = play(texts, commands, changes);
        events += played.events;
        for (const domain of played.domains) domains.add(domain);
      } catch (failure) {
        if (!(failure instanceof Unusable)) throw failure;
      }
    },
  );
  fc.assert(property, { seed, numRuns });
  expect(events).toBeGreaterThan(numRuns);
  expect([...domains].sort()).toEqual(["root", "root/a", "root/a/c", "root/b"]);
}, 120_000);
