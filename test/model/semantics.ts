// The independent model: what LANGUAGE.md section 4 says, evaluated on the tree of a policy, with
// sets of names where the kernel has bits and with histories where it has hidden labels.
// It never sees an image and imports nothing that makes one.
//
// Of section 4 it leaves out: pipes, sockets as objects, later reads and writes (test/e2e/cases hold them in the kernel,
// marked `late`), and attaching. A gate is about the run that satisfied it last.

import type {
  Clause,
  Condition,
  Effect,
  Expr,
  GateEvent,
  Policy,
  Rule,
} from "../../src/dsl/ast.ts";
import { endpointOperations, fileOperations } from "../../src/dsl/ast.ts";
import {
  type ExecEvent,
  type ExecStep,
  execSteps,
  type FileTouch,
  fileTouches,
  type Peer,
  type TraceEvent,
} from "../../src/ir/trace.ts";
import { execMatches, fileMatches, type Places, peerMatches, programMatches } from "./match.ts";

export interface Match {
  readonly rule: string;
  /** Its place among the clauses of the rule. */
  readonly clauseIndex: number;
  readonly effect: Effect;
}

export type Verdict = "allow" | Effect;

/** What became of one event. */
export interface Step {
  readonly verdict: Verdict;
  readonly matches: readonly Match[];
  /** Of the process, after the event; sorted. */
  readonly labels: readonly string[];
  /** As `gateText` names them, after the event; sorted. */
  readonly gates: readonly string[];
}

interface Process {
  readonly id: number;
  domain: string;
  labels: Set<string>;
  /** What its program declassifies, and which of that it would have. */
  cleans: ReadonlySet<string>;
  held: Set<string>;
  readonly parent: Process | null;
  /** How many of the parent's execs came before this process was forked. */
  readonly inherited: number;
  readonly execs: Done[];
}

/** An exec, and the policy under which it was done: what that does not ask about is not remembered. */
interface Done {
  readonly steps: readonly ExecStep[];
  readonly policy: Policy;
}

interface Run {
  readonly gate: Gate;
  readonly root: Process | null;
  readonly members: Set<Process>;
  readonly startMs: number;
  /** Somebody outside of it has since done what makes the gate stale. */
  stale: boolean;
}

type After = Condition & { readonly kind: "after" };

interface Gate {
  readonly text: string;
  readonly condition: After;
  satisfiedBy: Run | null;
}

/** One thing an event does: a name, and operations on it. */
type Touch =
  | { readonly kind: "file"; readonly file: FileTouch }
  | { readonly kind: "exec"; readonly step: ExecStep }
  | { readonly kind: "peer"; readonly peer: Peer; readonly operation: string }
  /** Something is done to a process that runs this program. */
  | { readonly kind: "process"; readonly program: string; readonly operation: string };

/** The words that a clause's word covers. */
const covered: Readonly<Record<string, readonly string[]>> = {
  write: ["write", "truncate", "create", "unlink", "rename", "link"],
};

const strength: readonly Verdict[] = ["allow", "notify", "block", "kill"];

/** The domain that a session begins with. */
export const rootDomain = "root";

export class Semantics {
  readonly #policies = new Map<string, Policy>();
  readonly #places: Places;
  readonly #processes = new Map<number, Process>();
  readonly #objects = new Map<number, Set<string>>();
  readonly #gates = new Map<string, Gate>();
  /** When what waits for an approval, as `approvalText`, got it. */
  readonly #approvals = new Map<string, number>();
  #runs: Run[] = [];
  #nowMs = 0;

  /** Process 1 is there and has nothing. */
  constructor(policy: Policy, places: Omit<Places, "sets">) {
    const sets = new Map(policy.definitions.map(({ name, patterns }) => [name.text, patterns]));
    this.#places = { ...places, sets };
    this.#processes.set(1, newProcess(1, null));
    this.govern(rootDomain, policy);
  }

  /** From now on the policy is that of the domain: of a new one, or instead of what it had. Sets are those of the first. */
  govern(domain: string, policy: Policy): void {
    this.#policies.set(domain, policy);
    for (const condition of conditionsOf(policy)) {
      if (condition.kind !== "after") continue;
      const text = gateText(condition);
      if (!this.#gates.has(text)) this.#gates.set(text, { text, condition, satisfiedBy: null });
    }
    const waiting = new Set(this.#awaited().map(approvalText));
    for (const text of this.#approvals.keys()) if (!waiting.has(text)) this.#approvals.delete(text);
  }

  /** The process, and what it forks from now on, is in the domain. */
  move(process: number, domain: string): void {
    const moved = this.#processes.get(process);
    if (moved !== undefined) moved.domain = domain;
  }

  domainOf(process: number): string {
    return this.#processes.get(process)?.domain ?? rootDomain;
  }

  #policyOf(process: Process | null): Policy {
    const policy = this.#policies.get(process?.domain ?? rootDomain);
    if (policy === undefined) throw new Error("a domain without a policy");
    return policy;
  }

  /** Conditions that mean the same in other words are several here. */
  get gateCount(): number {
    return this.#gates.size;
  }

  /** Process 1 begins as a question may have it: with labels, and after what satisfies these gates. */
  suppose(labels: readonly string[], gates: readonly string[]): void {
    this.#processes.get(1)!.labels = new Set(labels);
    for (const gate of this.#gates.values()) {
      if (!gates.includes(gate.text)) continue;
      const run = { gate, root: null, members: new Set<Process>(), startMs: 0, stale: false };
      gate.satisfiedBy = run;
    }
  }

  /** Null: the event cannot happen, because its process is not alive. */
  step(event: TraceEvent): Step | null {
    if (event.type === "wait") {
      this.#nowMs += event.ms;
      return this.#outcome("allow", [], null);
    }
    const process = this.#processes.get(event.process);
    if (process === undefined) return null;
    const touches = touchesOf(event);
    const policy = this.#policyOf(process);
    const cleans = event.type === "exec" ? this.#cleanedBy(event, policy) : process.cleans;
    const all = process.labels.union(process.held).union(this.#gained(event, touches, policy));
    const seen = all.difference(cleans);
    const visible = seen.union(this.#approvedLabels(policy));
    const matches = this.#matches(process, touches, visible, earnsGates(event));
    const verdict = strongest(matches);
    if (verdict === "kill") this.#ends(process, null);
    if (verdict === "allow" || verdict === "notify") {
      process.labels = seen;
      process.held = all.intersection(cleans);
      process.cleans = cleans;
      this.#flow(process, event);
      this.#gatesSee(process, touches, earnsGates(event));
      if (event.type === "exec" && earnsGates(event))
        process.execs.push({ steps: execSteps(event), policy });
      if (event.type === "fork") this.#fork(process, event.child);
      if (event.type === "exit") this.#ends(process, "code" in event.end ? event.end.code : null);
    }
    return this.#outcome(verdict, matches, process);
  }

  // ---- labels ----

  #gained(event: TraceEvent, touches: readonly Touch[], policy: Policy): Set<string> {
    const gained = new Set<string>();
    if (event.type === "open" && event.read)
      this.#addObject(gained, event.file.object, event.file.path, policy);
    for (const touch of touches) {
      if (touch.kind !== "exec") continue;
      this.#addObject(gained, touch.step.file.object, touch.step.file.path, policy);
      for (const source of policy.sources) {
        if (source.origin.kind !== "exec") continue;
        if (this.#isExec(source.origin.exec, touch.step)) gained.add(source.label.text);
      }
    }
    if (event.type === "exec") {
      for (const label of this.#transformed(event, "endorse", policy)) gained.add(label);
    }
    // What a connection answers is not told apart from the connection yet.
    if (event.type === "recv" || event.type === "connect") {
      for (const source of policy.sources) {
        if (source.origin.kind !== "endpoint") continue;
        if (peerMatches([source.origin.endpoint], event.peer, this.#places))
          gained.add(source.label.text);
      }
    }
    return gained;
  }

  #cleanedBy(event: ExecEvent, policy: Policy): ReadonlySet<string> {
    return this.#transformed(event, "declassify", policy);
  }

  /** Labels that an exec takes or gives: by its files, not by names that lead to them, and by their own code. */
  #transformed(
    event: ExecEvent,
    kind: "declassify" | "endorse",
    policy: Policy,
  ): ReadonlySet<string> {
    if (event.steered !== null) return new Set();
    const done = policy.transforms.filter(
      (transform) =>
        transform.kind === kind &&
        execSteps(event).some((step) =>
          this.#isExec(transform.gate, { ...step, names: [step.file.path] }),
        ),
    );
    return new Set(done.map(({ label }) => label.text));
  }

  /** What an object carries: what was written into it, and what its name is a source of. */
  #addObject(labels: Set<string>, object: number, path: string, policy: Policy): void {
    for (const label of this.#objects.get(object) ?? []) labels.add(label);
    for (const source of policy.sources) {
      if (source.origin.kind !== "file") continue;
      if (fileMatches(source.origin.pattern, path, this.#places)) labels.add(source.label.text);
    }
  }

  #flow(process: Process, event: TraceEvent): void {
    switch (event.type) {
      case "open":
        if (event.create) this.#objects.delete(event.file.object);
        if (event.write || event.create || event.truncate)
          this.#give(event.file.object, process.labels);
        break;
      case "truncate":
        this.#give(event.file.object, process.labels);
        break;
      case "unlink":
        if (event.last) this.#objects.delete(event.file.object);
        break;
      case "rename":
        if (event.replaces?.last) this.#objects.delete(event.replaces.object);
        this.#nameIsKept(event.from.object, event.from.path, this.#policyOf(process));
        break;
      case "link":
        this.#nameIsKept(event.from.object, event.from.path, this.#policyOf(process));
        break;
    }
  }

  /** The labels that an object has through its old name stay with it under another. */
  #nameIsKept(object: number, path: string, policy: Policy): void {
    const labels = new Set<string>();
    this.#addObject(labels, object, path, policy);
    this.#give(object, labels);
  }

  #give(object: number, labels: ReadonlySet<string>): void {
    this.#objects.set(object, (this.#objects.get(object) ?? new Set<string>()).union(labels));
  }

  // ---- rules ----

  #matches(
    process: Process,
    touches: readonly Touch[],
    seen: ReadonlySet<string>,
    earns: boolean,
  ): Match[] {
    return this.#policyOf(process).rules.flatMap((rule: Rule) =>
      rule.clauses.flatMap((clause, clauseIndex) =>
        (clause.condition === null || holds(clause.condition, seen)) &&
        touches.some((touch) => this.#clauseMatches(clause, process, touch, earns ? touches : []))
          ? [{ rule: rule.name.text, clauseIndex, effect: clause.effect }]
          : [],
      ),
    );
  }

  #clauseMatches(
    clause: Clause,
    process: Process,
    touch: Touch,
    touches: readonly Touch[],
  ): boolean {
    if (!this.#isAbout(clause.operation, touch)) return false;
    return !clause.unless.some((condition) => this.#excepts(condition, process, touch, touches));
  }

  #isAbout(operation: Clause["operation"] | GateEvent, touch: Touch): boolean {
    if (touch.kind === "exec")
      return operation.kind === "exec" && this.#isExec(operation.exec, touch.step);
    if (touch.kind === "process") return this.#isDoneTo(operation, touch);
    if (operation.kind === "exec" || operation.kind === "signal" || operation.kind === "ptrace")
      return false;
    const words = covered[operation.kind] ?? [operation.kind];
    if (touch.kind === "file") {
      if (!isOneOf(fileOperations, operation.kind)) return false;
      const patterns = (operation as GateEvent & { kind: "read" }).target.patterns;
      const done = touch.file.operations.some((word) => words.includes(word));
      return (
        done &&
        (patterns === null || patterns.some((p) => fileMatches(p, touch.file.path, this.#places)))
      );
    }
    if (!isOneOf(endpointOperations, operation.kind) || !words.includes(touch.operation))
      return false;
    return peerMatches(
      (operation as Clause["operation"] & { kind: "connect" }).target.patterns,
      touch.peer,
      this.#places,
    );
  }

  /** The arguments of a running program are not matched. */
  #isDoneTo(
    operation: Clause["operation"] | GateEvent,
    touch: Touch & { kind: "process" },
  ): boolean {
    if (operation.kind !== touch.operation || !("exec" in operation)) return false;
    const { program, args } = operation.exec;
    return (
      args.length === 0 &&
      (program === null || programMatches(program, touch.program, this.#places))
    );
  }

  #excepts(
    condition: Condition,
    process: Process,
    touch: Touch,
    touches: readonly Touch[],
  ): boolean {
    switch (condition.kind) {
      case "target":
        return this.#isTarget(condition, touch) !== condition.negated;
      case "lineage-includes":
        return (
          lineage(process).some(
            ({ steps, policy }) =>
              asksForLineage(policy, condition) &&
              steps.some((step) => this.#isExec(condition.exec, step)),
          ) || touches.some((now) => now.kind === "exec" && this.#isExec(condition.exec, now.step))
        );
      case "after":
        return this.#isOpen(this.#gate(condition));
      case "approved":
        return this.#isApproved(condition.name, condition.withinMs);
    }
  }

  #isTarget(condition: Condition & { kind: "target" }, touch: Touch): boolean {
    const patterns = condition.target.patterns;
    if (patterns === null) return true;
    if (touch.kind === "peer") {
      return peerMatches(
        patterns.filter((p) => "endpoint" in p),
        touch.peer,
        this.#places,
      );
    }
    const isMatch = touch.kind === "file" ? fileMatches : programMatches;
    const path =
      touch.kind === "file"
        ? touch.file.path
        : touch.kind === "exec"
          ? touch.step.file.path
          : touch.program;
    return patterns.some((p) => "glob" in p && isMatch(p, path, this.#places));
  }

  #isExec(exec: Parameters<typeof execMatches>[0], step: ExecStep): boolean {
    return execMatches(exec, step.names, step.argv, this.#places);
  }

  // ---- gates ----

  /** First what makes gates stale, then what opens them: an event that does both opens. */
  #gatesSee(process: Process, touches: readonly Touch[], earns: boolean): void {
    for (const gate of this.#gatesOf(process)) {
      const { event, exits, since } = gate.condition;
      if (touches.some((touch) => since.some((later) => this.#isAbout(later, touch))))
        this.#staled(gate, process);
      if (!earns || !touches.some((touch) => this.#isAbout(event, touch))) continue;
      const root = event.kind === "exec" ? process : null;
      const run: Run = {
        gate,
        root,
        members: new Set(root ? [root] : []),
        startMs: this.#nowMs,
        stale: false,
      };
      this.#runs.push(run);
      if (exits === null) gate.satisfiedBy = run;
    }
  }

  /** Those that the process's policy asks about: no others see what it does. */
  #gatesOf(process: Process | null): Gate[] {
    const after = conditionsOf(this.#policyOf(process)).filter(({ kind }) => kind === "after");
    const texts = new Set(after.map((condition) => gateText(condition as After)));
    return [...this.#gates.values()].filter(({ text }) => texts.has(text));
  }

  #staled(gate: Gate, by: Process): void {
    for (const run of this.#runs) if (run.gate === gate && !run.members.has(by)) run.stale = true;
  }

  #isOpen(gate: Gate): boolean {
    const run = gate.satisfiedBy;
    if (run === null || run.stale) return false;
    const withinMs = gate.condition.withinMs;
    return withinMs === null || this.#nowMs - run.startMs <= withinMs;
  }

  #gate(condition: After): Gate {
    const gate = this.#gates.get(gateText(condition));
    if (gate === undefined) throw new Error("a condition that the policy does not have");
    return gate;
  }

  /** An operator's word, for what waits for it and for as long as anything does; `open` false takes it back. */
  approve(name: string, open: boolean): void {
    for (const one of this.#awaited().filter((each) => each.name === name)) {
      if (open) this.#approvals.set(approvalText(one), this.#nowMs);
      else this.#approvals.delete(approvalText(one));
    }
  }

  #awaited(): Awaited[] {
    return [...this.#policies.values()].flatMap(approvalsIn);
  }

  #isApproved(name: string, withinMs: number | null): boolean {
    const atMs = this.#approvals.get(approvalText({ name, withinMs }));
    return atMs !== undefined && (withinMs === null || this.#nowMs - atMs <= withinMs);
  }

  /** Labels that approvals give to everybody for as long as they stand. */
  #approvedLabels(policy: Policy): Set<string> {
    const given = policy.sources.filter(
      ({ origin }) => origin.kind === "approval" && this.#isApproved(origin.name, null),
    );
    return new Set(given.map(({ label }) => label.text));
  }

  // ---- processes ----

  #fork(parent: Process, id: number): void {
    const child = newProcess(id, parent);
    this.#processes.set(id, child);
    for (const run of this.#runs) if (run.members.has(parent)) run.members.add(child);
  }

  /** `code` is null where a signal ended it. */
  #ends(process: Process, code: number | null): void {
    this.#processes.delete(process.id);
    for (const run of this.#runs) {
      if (run.root !== process || code === null) continue;
      if (run.gate.condition.exits === code) run.gate.satisfiedBy = run;
    }
  }

  #outcome(verdict: Verdict, matches: readonly Match[], process: Process | null): Step {
    const gates = this.#gatesOf(process)
      .filter((gate) => this.#isOpen(gate))
      .map((gate) => gate.text);
    return { verdict, matches, labels: [...(process?.labels ?? [])].sort(), gates: gates.sort() };
  }
}

function newProcess(id: number, parent: Process | null): Process {
  return {
    id,
    domain: parent?.domain ?? rootDomain,
    parent,
    labels: new Set(parent?.labels),
    cleans: new Set(parent?.cleans),
    held: new Set(parent?.held),
    inherited: parent?.execs.length ?? 0,
    execs: [],
  };
}

/** Every exec of the process and, up to where each was forked, of its ancestors. */
function lineage(process: Process): Done[] {
  const all = [...process.execs];
  for (let child = process; child.parent !== null; child = child.parent) {
    all.push(...child.parent.execs.slice(0, child.inherited));
  }
  return all;
}

function conditionsOf(policy: Policy): Condition[] {
  return policy.rules.flatMap((rule) => rule.clauses.flatMap((clause) => clause.unless));
}

type Lineage = Condition & { readonly kind: "lineage-includes" };

function asksForLineage(policy: Policy, { exec }: Lineage): boolean {
  return conditionsOf(policy).some(
    (condition) =>
      condition.kind === "lineage-includes" && execText(condition.exec) === execText(exec),
  );
}

/** What a program does counts for gates and lineages unless its caller could put other code in. */
function earnsGates(event: TraceEvent): boolean {
  return event.type !== "exec" || event.steered !== "loader";
}

function touchesOf(event: TraceEvent): readonly Touch[] {
  const touches: Touch[] = fileTouches(event).map((file) => ({ kind: "file", file }));
  if (event.type === "exec")
    for (const step of execSteps(event)) touches.push({ kind: "exec", step });
  if ("peer" in event) touches.push({ kind: "peer", peer: event.peer, operation: event.type });
  if (event.type === "signal" || event.type === "ptrace") {
    touches.push({ kind: "process", program: event.program.path, operation: event.type });
  }
  return touches;
}

function holds(expr: Expr, labels: ReadonlySet<string>): boolean {
  switch (expr.kind) {
    case "true":
      return true;
    case "label":
      return labels.has(expr.label);
    case "not":
      return !holds(expr.operand, labels);
    case "and":
      return holds(expr.left, labels) && holds(expr.right, labels);
    case "or":
      return holds(expr.left, labels) || holds(expr.right, labels);
  }
}

function strongest(matches: readonly Match[]): Verdict {
  return (
    strength[Math.max(0, ...matches.map((match) => strength.indexOf(match.effect)))] ?? "allow"
  );
}

function isOneOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}

/** What waits for an operator's word. */
interface Awaited {
  readonly name: string;
  readonly withinMs: number | null;
}

function approvalsIn(policy: Policy): Awaited[] {
  const labels = policy.sources.flatMap(({ origin }) =>
    origin.kind === "approval" ? [{ name: origin.name, withinMs: null }] : [],
  );
  const conditions = conditionsOf(policy).filter((each) => each.kind === "approved");
  return [...labels, ...conditions];
}

function approvalText({ name, withinMs }: Awaited): string {
  return JSON.stringify([name, withinMs]);
}

/** One text for gates that are written alike, in the author's words. */
export function gateText(gate: Pick<After, "event" | "exits" | "since" | "withinMs">): string {
  const parts = [`after ${eventText(gate.event)}`];
  if (gate.exits !== null) parts.push(`exits ${gate.exits}`);
  const since = new Set(gate.since.map(eventText));
  if (since.size > 0) parts.push(`since ${[...since].join(" or ")}`);
  if (gate.withinMs !== null) parts.push(`within ${gate.withinMs}ms`);
  return parts.join(" ");
}

function eventText(event: GateEvent): string {
  if (event.kind !== "exec") {
    const patterns = event.target.patterns
      ?.map((pattern) => JSON.stringify(pattern.text))
      .join(",");
    return `${event.kind} ${patterns ?? "any"}`;
  }
  return execText(event.exec);
}

export function execText(exec: Lineage["exec"]): string {
  const words = [exec.program?.text ?? null, ...exec.args.map((arg) => arg.text)];
  return `exec ${words.map((word) => (word === null ? "any" : JSON.stringify(word))).join(" ")}`;
}
