// Runs a trace through the model and through the simulation of the compiled image, side by side,
// and says in the author's words where they part.

import { hasErrors } from "../../src/base/diagnostic.ts";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { effectNumbers } from "../../src/ir/abi.ts";
import { commandTable } from "../../src/ir/commands.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled, CompiledGate } from "../../src/ir/ir.ts";
import { type Decision, Simulation } from "../../src/ir/simulation.ts";
import type { TraceEvent } from "../../src/ir/trace.ts";
import type { Places } from "./match.ts";
import { type Command, printCommand, World } from "./script.ts";
import { gateText, Semantics, type Step, type Verdict } from "./semantics.ts";

export interface Subject {
  readonly text: string;
  readonly policy: Policy;
  readonly compiled: Compiled;
}

/** What either side says of an event. Clauses are `rule:index`. */
export interface Answer {
  readonly verdict: Verdict;
  readonly clauses: readonly string[];
  readonly labels: readonly string[];
  readonly gates: readonly string[];
}

export interface Pair {
  readonly event: TraceEvent;
  readonly model: Answer;
  readonly simulation: Answer;
}

export type Roots = Pick<Places, "workspace" | "home">;

export function prepare(text: string, roots: Roots): Subject {
  const loaded = loadPolicy({ name: "test.policy", text });
  complain(
    text,
    loaded.diagnostics
      .filter((diagnostic) => diagnostic.severity === "error")
      .map((d) => d.message),
  );
  const compiled = compile(loaded.value, roots);
  if (hasErrors(compiled.diagnostics))
    complain(
      text,
      compiled.diagnostics.map((d) => d.message),
    );
  return { text, policy: loaded.value, compiled: compiled.value };
}

function complain(text: string, messages: readonly string[]): void {
  if (messages.length > 0) throw new Error(`${messages.join("\n")}\n\n${text}`);
}

/** Both sides, one event at a time; null where nothing can happen. */
export class Duel {
  readonly #compiled: Compiled;
  readonly #model: Semantics;
  readonly #simulation: Simulation;
  readonly #clauseNames: readonly string[];
  readonly #gateTexts: ReadonlyMap<number, string>;
  /** A limit of the kernel half was met, which the model does not have: no more can be said. */
  overLimit = false;

  constructor(subject: Subject, roots: Roots) {
    this.#compiled = subject.compiled;
    this.#model = new Semantics(subject.policy, { ...roots, commands: commandTable });
    this.#simulation = new Simulation(subject.compiled.image);
    this.#gateTexts = new Map(
      subject.compiled.gates.map((gate) => [gate.id, writtenAs(gate, subject.policy)]),
    );
    this.#clauseNames = subject.compiled.clauses.map(
      ({ rule, clause }) => `${rule.name.text}:${rule.clauses.indexOf(clause)}`,
    );
  }

  approve(name: string, open: boolean): void {
    this.#model.approve(name, open);
    for (const approval of this.#compiled.approvals)
      if (approval.name === name) this.#simulation.approve(approval.gate, open);
  }

  step(event: TraceEvent): Pair | null {
    const model = this.#model.step(event);
    const simulation = this.#simulation.step(event);
    if (model === null && simulation === null) return null;
    if (model === null || simulation === null) throw new Error("one side says the process is dead");
    this.overLimit ||= simulation.overLimit;
    return { event, model: this.#ofModel(model), simulation: this.#ofSimulation(simulation) };
  }

  /** None for an approval: the model has no gate for it. */
  #gateText(gate: number): string[] {
    if (this.#compiled.approvals.some((approval) => approval.gate === gate)) return [];
    return [this.#gateTexts.get(gate) ?? `gate ${gate}`];
  }

  #ofModel(step: Step): Answer {
    const unsupported = new Set(
      this.#compiled.clauses.flatMap(({ id, unsupported }) =>
        unsupported ? [this.#clauseNames[id]] : [],
      ),
    );
    const matches = step.matches.filter(
      (match) => !unsupported.has(`${match.rule}:${match.clauseIndex}`),
    );
    const labels = new Set(this.#compiled.labels.map((label) => label.name));
    return {
      verdict: step.verdict,
      clauses: matches.map((match) => `${match.rule}:${match.clauseIndex}`).sort(),
      labels: step.labels.filter((label) => labels.has(label)),
      gates: step.gates.filter((gate) => [...this.#gateTexts.values()].includes(gate)),
    };
  }

  #ofSimulation(decision: Decision): Answer {
    const labels = this.#compiled.labels.filter(
      ({ bit, hidden }) => !hidden && (((decision.labels[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1,
    );
    const effect = Object.entries(effectNumbers).find(([, number]) => number === decision.effect);
    return {
      verdict: (effect?.[0] ?? "allow") as Verdict,
      clauses: [...decision.clauses].map((id) => this.#clauseNames[id] ?? `clause ${id}`).sort(),
      labels: labels.map((label) => label.name).sort(),
      gates: decision.gates.flatMap((gate) => this.#gateText(gate)).sort(),
    };
  }
}

/** The compiler joins gates that mean the same; its gate is called by the condition it was made from. */
export function writtenAs(gate: CompiledGate, policy: Policy): string {
  const conditions = policy.rules.flatMap((rule) =>
    rule.clauses.flatMap((clause) => clause.unless),
  );
  const own = conditions.find(
    (condition) => condition.kind === "after" && condition.event === gate.event,
  );
  if (own?.kind !== "after") throw new Error("a gate that no condition has");
  return gateText(own);
}

/** Runs the commands in a world where what was refused did not happen. */
export function* play(subject: Subject, roots: Roots, commandList: readonly Command[]) {
  const duel = new Duel(subject, roots);
  const world = new World();
  for (const command of commandList) {
    if (command[0] === "approve" || command[0] === "disapprove") {
      duel.approve(command[1] ?? "", command[0] === "approve");
      continue;
    }
    const event = world.event(command);
    if (!world.isPossible(event)) continue;
    const pair = duel.step(event);
    if (pair === null || duel.overLimit) return;
    yield { command, ...pair };
    const verdict = pair.model.verdict;
    if (verdict === "kill" && event.type !== "wait") world.killed(event.process);
    if (verdict === "allow" || verdict === "notify") world.happened(event);
  }
}

export function same(a: Answer, b: Answer): boolean {
  return printAnswer(a) === printAnswer(b);
}

export function printAnswer(answer: Answer): string {
  const parts = [answer.verdict, ...answer.clauses, `{${answer.labels.join(" ")}}`];
  return [...parts, ...answer.gates.map((gate) => `[${gate}]`)].join(" ");
}

/** Null where both sides agree to the end; otherwise the policy, the trace so far and both answers. */
export function disagreement(
  text: string,
  roots: Roots,
  commandList: readonly Command[],
): string | null {
  const lines = [text, ""];
  for (const { command, model, simulation } of play(prepare(text, roots), roots, commandList)) {
    lines.push(printCommand(command));
    if (same(model, simulation)) continue;
    return [
      ...lines,
      `  model:      ${printAnswer(model)}`,
      `  simulation: ${printAnswer(simulation)}`,
    ].join("\n");
  }
  return null;
}
