// A session of several domains for the models: policies compiled one after the other with the session's numbers, and what
// either side says of an event in the author's words.

import { hasErrors } from "../../src/base/diagnostic.ts";
import type { Policy } from "../../src/dsl/ast.ts";
import { effectNumbers } from "../../src/ir/abi.ts";
import { commandTable } from "../../src/ir/commands.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { type Numbering, noNumbers } from "../../src/ir/numbering.ts";
import { type Decision, Simulation } from "../../src/ir/simulation.ts";
import type { TraceEvent } from "../../src/ir/trace.ts";
import { noLongerAwaited } from "../../src/runtime/approvals.ts";
import { type Roots, writtenAs } from "./agreement.ts";
import { execText, gateText, rootDomain, Semantics, type Step } from "./semantics.ts";

/** `base` and what `more` adds, as the texts of a domain are joined; the sets are those of `base`. */
export function joined(base: Policy, more: Policy, name: string): Policy {
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
export class Session {
  readonly model: Semantics;
  readonly simulation: Simulation;
  readonly #compiled = new Map<string, Compiled>();
  #numbering: Numbering = noNumbers;

  constructor(
    policy: Policy,
    private readonly roots: Roots,
  ) {
    this.model = new Semantics(policy, { ...roots, commands: commandTable });
    this.simulation = new Simulation(this.#compile(rootDomain, policy).image);
  }

  govern(domain: string, policy: Policy): void {
    const before = this.#compiled.get(domain) ?? null;
    this.#compile(domain, policy);
    for (const { gate } of noLongerAwaited(before, this.#compiled.values()))
      this.simulation.approve(gate, false);
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
    const compiled = this.of(domain);
    this.simulation.replace(compiled.image);
    const step = this.model.step(event);
    const decision = this.simulation.step(event);
    if (step === null || decision === null || decision.overLimit) return null;
    return { said: [this.#ofModel(step, compiled), this.#ofImage(decision, compiled)], decision };
  }

  /** By the session's numbers. */
  clauseNames(domain: string): Map<number, string> {
    return new Map(this.of(domain).clauses.map((each) => [each.id, nameOf(each)]));
  }

  of(domain: string): Compiled {
    const compiled = this.#compiled.get(domain);
    if (compiled === undefined) throw new Error(`no domain ${domain}`);
    return compiled;
  }

  #compile(domain: string, policy: Policy): Compiled {
    const { value, diagnostics } = compile(policy, { ...this.roots, numbering: this.#numbering });
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
export class Unusable extends Error {}

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
