// From the tree of a policy to entries and the names that lead to them. No automaton is built here:
// the result says, kind by kind, which languages must be told apart and what each of them means.

import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type {
  Clause,
  Condition,
  EndpointTarget,
  ExecPattern,
  Expr,
  GateEvent,
  Operation,
  Policy,
  Rule,
  Target,
} from "../dsl/ast.ts";
import { printExec, quote } from "../dsl/print.ts";
import { ATOM_WORDS_MAX, GATES_MAX, LABELS_MAX, type OperationName } from "./abi.ts";
import { anchorPath, anyGlob, type Places } from "./anchor.ts";
import type { ArgumentAtom } from "./args.ts";
import { type Command, commandTable } from "./commands.ts";
import { type Conjunction, conjunctionsMax, toDnf } from "./dnf.ts";
import { labelDoubts } from "./doubts.ts";
import { endpointGlobs } from "./endpoints.ts";
import { type Entry, emptyEntry } from "./entries.ts";
import { Gates } from "./gates.ts";
import type { Unit } from "./groups.ts";
import type {
  After,
  CompiledApproval,
  CompiledClause,
  CompiledGate,
  CompiledLabel,
  CompileOptions,
} from "./ir.ts";
import { Languages } from "./languages.ts";
import { Meanings } from "./meaning.ts";
import { type NumberedLabel, type Numbering, Numbers, noNumbers } from "./numbering.ts";
import { Programs } from "./programs.ts";

/** What the language of a unit leads to. */
export interface Payload {
  readonly entries: readonly Entry[];
  /** EXEC: whose start the arguments are read from. */
  readonly command: Command | null;
  /** EXEC: the atom that this language sets. */
  readonly atom: number | null;
}

/** The kinds whose automata decide entries by name. */
export type NameKind = "path" | "exec" | "endpoint";

export interface Lowered {
  readonly units: Readonly<Record<NameKind, readonly Unit<Payload>[]>>;
  readonly languages: Readonly<Record<NameKind, Languages>>;
  /** Everything that changes state comes before every clause; the entries of a clause follow each other. */
  readonly entries: readonly Entry[];
  readonly argumentAtoms: readonly ArgumentAtom[];
  readonly atoms: readonly string[];
  readonly clauses: readonly CompiledClause[];
  readonly labels: readonly CompiledLabel[];
  readonly gates: readonly CompiledGate[];
  readonly approvals: readonly CompiledApproval[];
  /** The session's, with what this policy adds. Of a policy that stands alone no clauses are listed. */
  readonly numbering: Numbering;
  readonly notes: readonly string[];
}

export function lower(policy: Policy, options: CompileOptions, diagnostics: Diagnostic[]): Lowered {
  return new Lowering(policy, options, diagnostics).run();
}

/** The exceptions of one clause, apart by who decides them. */
interface Exceptions {
  /** By label: hidden labels of lineages. */
  none: bigint;
  gates: bigint;
  /** At compile time: the targets of `target` and of `target not`. */
  readonly targets: (Target | EndpointTarget)[];
  readonly targetsNot: (Target | EndpointTarget)[];
}

const writeOperations: readonly OperationName[] = [
  "write",
  "create",
  "unlink",
  "rename",
  "link",
  "truncate",
];

function operationsOf(kind: Operation["kind"] | GateEvent["kind"]): readonly OperationName[] {
  return kind === "write" ? writeOperations : [kind];
}

class Lowering {
  readonly #policy: Policy;
  readonly #places: Places;
  readonly #source: Source;
  readonly #diagnostics: Diagnostic[];
  readonly #languages = { path: new Languages(), exec: new Languages(), endpoint: new Languages() };
  readonly #units = {
    path: [] as Unit<Payload>[],
    exec: [] as Unit<Payload>[],
    endpoint: [] as Unit<Payload>[],
  };
  readonly #programs: Programs;
  readonly #meanings: Meanings;
  readonly #gates: Gates;
  readonly #labelNumbers: Numbers<NumberedLabel>;
  /** Null: the policy stands alone. */
  readonly #clauseNumbers: Numbers<{ readonly key: string }> | null;
  /** How often a clause stands in the policy: each is one of its own. */
  readonly #clauseTimes = new Map<string, number>();
  readonly #labels: CompiledLabel[] = [];
  readonly #labelBits = new Map<string, number>();
  readonly #doubts: ReadonlyMap<string, string>;
  readonly #foreignGates: readonly After[];
  /** Gates, a bit each, by the label that they stand for. */
  readonly #approvals = new Map<string, readonly bigint[]>();
  readonly #clauses: CompiledClause[] = [];
  readonly #notes = new Set<string>();
  readonly #labelEntries: Entry[] = [];
  readonly #gateEntries: Entry[] = [];
  readonly #clauseEntries: Entry[] = [];

  constructor(policy: Policy, options: CompileOptions, diagnostics: Diagnostic[]) {
    this.#policy = policy;
    this.#places = options;
    this.#source = options.source ?? { name: "policy", text: "" };
    this.#diagnostics = diagnostics;
    this.#programs = new Programs(this.#languages.exec, options, options.commands ?? commandTable);
    const { numbering = noNumbers } = options;
    this.#meanings = new Meanings(options, options.commands);
    this.#gates = new Gates(this.#meanings, numbering.gates);
    this.#labelNumbers = new Numbers(numbering.labels);
    this.#clauseNumbers =
      options.numbering === undefined
        ? null
        : new Numbers(numbering.clauses.map((key) => ({ key })));
    this.#doubts = labelDoubts(policy);
    this.#foreignGates = options.foreignGates ?? [];
  }

  run(): Lowered {
    this.#numberLabels();
    this.#numberApprovals();
    this.#lowerSources();
    this.#lowerTransforms();
    for (const rule of this.#policy.rules)
      for (const clause of rule.clauses) this.#lowerClause(rule, clause);
    for (const gate of this.#foreignGates) this.#lowerForeignGate(gate);
    this.#checkLimits();
    return {
      units: this.#units,
      languages: this.#languages,
      entries: [...this.#labelEntries, ...this.#gateEntries, ...this.#clauseEntries],
      argumentAtoms: this.#programs.argumentAtoms,
      atoms: this.#programs.atomTexts,
      clauses: this.#clauses,
      labels: this.#labels,
      gates: this.#gates.own,
      approvals: this.#gates.approvals,
      numbering: {
        labels: this.#labelNumbers.all,
        gates: this.#gates.numbers.all,
        clauses: this.#clauseNumbers?.all.map(({ key }) => key) ?? [],
      },
      notes: [...this.#notes],
    };
  }

  // ---- labels

  #numberLabels(): void {
    for (const { label } of this.#policy.sources) this.#labelBit(label.text);
    for (const { label } of this.#policy.transforms) this.#labelBit(label.text);
    for (const rule of this.#policy.rules) {
      for (const { condition } of rule.clauses) {
        for (const label of labelsIn(condition)) this.#labelBit(label);
      }
    }
  }

  #labelBit(name: string): number {
    return this.#labelNumber({ key: name, name, hidden: false }).bit;
  }

  #labelNumber(label: NumberedLabel): { readonly bit: number; readonly isNew: boolean } {
    const known = this.#labelBits.get(label.key);
    if (known !== undefined) return { bit: known, isNew: false };
    const bit = this.#labelNumbers.of(label);
    this.#labelBits.set(label.key, bit);
    this.#labels.push({ bit, name: label.name, hidden: label.hidden });
    return { bit, isNew: true };
  }

  #numberApprovals(): void {
    for (const { label, origin, span } of this.#policy.sources) {
      if (origin.kind !== "approval") continue;
      const condition = { kind: "approved", name: origin.name, withinMs: null, span } as const;
      const gate = 1n << BigInt(this.#gates.approval(condition));
      this.#approvals.set(label.text, [...(this.#approvals.get(label.text) ?? []), gate]);
    }
  }

  #lowerSources(): void {
    for (const { label, origin } of this.#policy.sources) {
      const all = 1n << BigInt(this.#labelBit(label.text));
      switch (origin.kind) {
        case "exec":
          this.#addExecEntries(
            origin.exec,
            { ...emptyEntry, kind: "label", operations: ["exec"], all },
            this.#labelEntries,
          );
          break;
        case "file": {
          const entry: Entry = { ...emptyEntry, kind: "label", operations: ["read"], all };
          const language = this.#languages.path.intern(
            anchorPath(origin.pattern.glob, this.#places),
          );
          this.#addUnit("path", language, [entry], this.#labelEntries);
          break;
        }
        case "endpoint": {
          const globs = endpointGlobs(origin.endpoint.endpoint);
          if ("unsupported" in globs) break; // A doubt about the label: told where it is used.
          const entry: Entry = {
            ...emptyEntry,
            kind: "label",
            operations: ["connect", "recv"],
            all,
          };
          this.#addUnit(
            "endpoint",
            this.#languages.endpoint.intern(globs),
            [entry],
            this.#labelEntries,
          );
          break;
        }
        case "approval":
          break; // It is nobody's: clauses ask for the approval itself, see #approved.
      }
    }
  }

  #lowerTransforms(): void {
    for (const { kind, label, gate } of this.#policy.transforms) {
      const all = 1n << BigInt(this.#labelBit(label.text));
      const entry: Entry = { ...emptyEntry, kind, operations: ["exec"], all };
      this.#addExecEntries(gate, entry, this.#labelEntries);
    }
  }

  // ---- clauses

  #lowerClause(rule: Rule, clause: Clause): void {
    const conjunctions = this.#conjunctions(clause);
    const id = this.#clauseNumber(rule, clause, conjunctions);
    const operations = operationsOf(clause.operation.kind);
    const unsupported: string[] = [];
    const exceptions = this.#lowerExceptions(clause);
    const approved = conjunctions.flatMap((conjunction) => this.#approved(conjunction));
    const entries = approved.map((conjunction): Entry => {
      unsupported.push(...this.#doubtsOf(conjunction.all));
      return {
        ...emptyEntry,
        kind: "clause",
        operations,
        effect: clause.effect,
        id,
        gates: exceptions.gates | conjunction.gates,
        needs: conjunction.needs,
        all: conjunction.all,
        none: conjunction.none | exceptions.none,
      };
    });
    const before = this.#clauseEntries.length;
    switch (clause.operation.kind) {
      case "exec":
        this.#lowerExecClause(clause.operation.exec, entries, exceptions);
        break;
      case "signal":
      case "ptrace":
        if (clause.operation.exec.args.length > 0)
          unsupported.push("the arguments of a running program are not matched");
        else this.#lowerExecClause(clause.operation.exec, entries, exceptions);
        break;
      case "connect":
      case "bind":
      case "send":
      case "recv":
        this.#lowerEndpointClause(rule, clause.operation.target, entries, exceptions, unsupported);
        break;
      default:
        this.#lowerFileClause(clause.operation.target, entries, exceptions);
    }
    this.#clauses.push({
      id,
      rule,
      clause,
      operations,
      unsupported: unsupported.length === 0 ? null : [...new Set(unsupported)].join("; "),
      entries: this.#clauseEntries.length - before,
    });
  }

  #clauseNumber(rule: Rule, clause: Clause, condition: readonly Conjunction[]): number {
    if (this.#clauseNumbers === null) return this.#clauses.length;
    const meaning = this.#meanings.clause(rule.name.text, clause, condition);
    const time = this.#clauseTimes.get(meaning) ?? 0;
    this.#clauseTimes.set(meaning, time + 1);
    return this.#clauseNumbers.of({ key: time === 0 ? meaning : `${meaning} ${time}` });
  }

  #conjunctions(clause: Clause): Conjunction[] {
    const conjunctions = toDnf(clause.condition, (label) => this.#labelBit(label));
    if (clause.condition === null) return conjunctions ?? [];
    if (conjunctions === null) {
      this.#report(
        "error",
        "X003",
        clause.condition.span,
        `the condition has more than ${conjunctionsMax} alternatives`,
        "divide it among several clauses",
      );
    } else if (conjunctions.length === 0) {
      this.#report("warning", "X010", clause.condition.span, "the condition never holds");
    }
    return conjunctions ?? [];
  }

  /**
   * A label from an approval is there for every process while the approval is: what asks for it waits for the
   * gate, what asks for its absence is excepted by it. It may come from elsewhere too, and is then a bit as well.
   */
  #approved(conjunction: Conjunction): (Conjunction & { gates: bigint; needs: bigint })[] {
    let alternatives = [{ ...conjunction, gates: 0n, needs: 0n }];
    for (const [label, approvals] of this.#approvals) {
      const mask = 1n << BigInt(this.#labelBit(label));
      if ((conjunction.none & mask) !== 0n) {
        const gates = approvals.reduce((sum, gate) => sum | gate, 0n);
        alternatives = alternatives.map((one) => ({ ...one, gates: one.gates | gates }));
      }
      if ((conjunction.all & mask) === 0n) continue;
      const byGate = approvals.flatMap((gate) =>
        alternatives.map((one) => ({ ...one, all: one.all & ~mask, needs: one.needs | gate })),
      );
      alternatives = this.#isOnlyApproved(label) ? byGate : [...alternatives, ...byGate];
    }
    return alternatives;
  }

  /** In a session it may come from another domain at any time. */
  #isOnlyApproved(label: string): boolean {
    const { sources, transforms } = this.#policy;
    return (
      this.#clauseNumbers === null &&
      sources.every((each) => each.label.text !== label || each.origin.kind === "approval") &&
      transforms.every((each) => each.label.text !== label || each.kind !== "endorse")
    );
  }

  /** Why labels that are not carried out as written would make a conjunction match less. */
  #doubtsOf(all: bigint): string[] {
    const reasons: string[] = [];
    for (const { bit, name } of this.#labels) {
      const doubt = this.#doubts.get(name);
      if (doubt !== undefined && (all & (1n << BigInt(bit))) !== 0n)
        reasons.push(`the label \`${name}\` ${doubt}`);
    }
    return reasons;
  }

  #lowerExceptions(clause: Clause): Exceptions {
    const exceptions: Exceptions = { none: 0n, gates: 0n, targets: [], targetsNot: [] };
    for (const condition of clause.unless) {
      switch (condition.kind) {
        case "target":
          (condition.negated ? exceptions.targetsNot : exceptions.targets).push(condition.target);
          break;
        case "lineage-includes":
          exceptions.none |= 1n << BigInt(this.#lineageBit(condition.exec));
          break;
        case "after":
          exceptions.gates |= 1n << BigInt(this.#gate(condition));
          break;
        case "approved":
          exceptions.gates |= 1n << BigInt(this.#gates.approval(condition));
          break;
      }
    }
    return exceptions;
  }

  #lowerFileClause(target: Target, entries: readonly Entry[], exceptions: Exceptions): void {
    const unit = {
      except: exceptions.targets.length === 0 ? null : this.#pathLanguage(exceptions.targets),
      exceptNot: exceptions.targetsNot.map((one) => this.#pathLanguage([one])),
    };
    this.#addUnit("path", this.#pathLanguage([target]), entries, this.#clauseEntries, unit);
  }

  #lowerEndpointClause(
    rule: Rule,
    target: EndpointTarget,
    entries: readonly Entry[],
    exceptions: Exceptions,
    unsupported: string[],
  ): void {
    const missing = (text: string, reason: string) =>
      this.#notes.add(
        `The exception for ${quote(text)} of rule \`${rule.name.text}\` never holds: ${reason}.`,
      );
    const weaker = (_: string, reason: string) => unsupported.push(reason);
    const unit = {
      except:
        exceptions.targets.length === 0
          ? null
          : this.#endpointLanguage(exceptions.targets, missing),
      // Of `target not T` a missing T makes the exception hold, and the clause refuse less.
      exceptNot: exceptions.targetsNot.map((one) => this.#endpointLanguage([one], weaker)),
    };
    this.#addUnit(
      "endpoint",
      this.#endpointLanguage([target], weaker),
      entries,
      this.#clauseEntries,
      unit,
    );
  }

  /** Exceptions of programs go by atoms: they are about the resolved program, the clause also about the invoked path. */
  #lowerExecClause(exec: ExecPattern, entries: readonly Entry[], exceptions: Exceptions): void {
    const except = exceptions.targets.map((target) => this.#targetAtom(target as Target));
    const exceptNot = exceptions.targetsNot.map((target) => this.#targetAtom(target as Target));
    for (const entry of entries)
      this.#addExecEntries(exec, { ...entry, except, exceptNot }, this.#clauseEntries);
  }

  // ---- names

  #addUnit(
    kind: NameKind,
    target: number,
    entries: readonly Entry[],
    to: Entry[],
    exceptions: { readonly except: number | null; readonly exceptNot: readonly number[] } = {
      except: null,
      exceptNot: [],
    },
    command: Command | null = null,
  ): void {
    if (entries.length === 0) return;
    to.push(...entries);
    this.#units[kind].push({ target, ...exceptions, payload: { entries, command, atom: null } });
  }

  #addExecEntries(exec: ExecPattern, entry: Entry, to: Entry[]): void {
    for (const { language, command, args } of this.#programs.lower(exec)) {
      this.#addUnit("exec", language, [{ ...entry, args }], to, undefined, command);
    }
  }

  #pathLanguage(targets: readonly (Target | EndpointTarget)[]): number {
    const globs = targets.flatMap(
      (target) =>
        (target as Target).patterns?.flatMap((pattern) =>
          anchorPath(pattern.glob, this.#places),
        ) ?? [anyGlob],
    );
    return this.#languages.path.intern(globs);
  }

  #endpointLanguage(
    targets: readonly (Target | EndpointTarget)[],
    missing: (text: string, reason: string) => void,
  ): number {
    const globs = targets.flatMap((target) => {
      const patterns = (target as EndpointTarget).patterns;
      if (patterns === null) return [anyGlob];
      return patterns.flatMap((pattern) => {
        const own = endpointGlobs(pattern.endpoint);
        if (!("unsupported" in own)) return own;
        missing(pattern.text, own.unsupported);
        return [];
      });
    });
    return this.#languages.endpoint.intern(globs);
  }

  #targetAtom(target: Target): number {
    const { language, atom, isNew } = this.#programs.targetAtom(target);
    if (isNew) {
      const payload: Payload = { entries: [], command: null, atom };
      this.#units.exec.push({ target: language, except: null, exceptNot: [], payload });
    }
    return atom;
  }

  // ---- history

  #lineageBit(exec: ExecPattern): number {
    // A label's own name has no blank.
    const { bit, isNew } = this.#labelNumber({
      key: `lineage ${this.#meanings.lineage(exec)}`,
      name: `lineage:${printExec(exec)}`,
      hidden: true,
    });
    if (!isNew) return bit;
    const entry: Entry = {
      ...emptyEntry,
      kind: "lineage",
      operations: ["exec"],
      all: 1n << BigInt(bit),
    };
    this.#addExecEntries(exec, entry, this.#labelEntries);
    return bit;
  }

  #gate(condition: Condition & { kind: "after" }): number {
    const { id, isNew } = this.#gates.intern(condition);
    if (!isNew) return id;
    const gate = this.#gates.own.at(-1) as CompiledGate;
    this.#addEvent(gate.event, "open", id);
    for (const event of gate.since) this.#addEvent(event, "stale", id);
    return id;
  }

  /** To shut it only tightens; to open it would let this domain lift another one's clauses. */
  #lowerForeignGate(gate: After): void {
    const id = this.#gates.foreign(gate);
    if (id === null) return;
    for (const event of gate.since) this.#addEvent(event, "stale", id);
  }

  #addEvent(event: GateEvent, kind: "open" | "stale", id: number): void {
    const entry: Entry = { ...emptyEntry, kind, operations: operationsOf(event.kind), id };
    if (event.kind === "exec") this.#addExecEntries(event.exec, entry, this.#gateEntries);
    else this.#addUnit("path", this.#pathLanguage([event.target]), [entry], this.#gateEntries);
  }

  // ---- limits

  #checkLimits(): void {
    const whole: Span = { start: 0, end: 0 };
    const labels = this.#labelNumbers.all;
    const gates = this.#gates.numbers.all;
    const who = this.#clauseNumbers === null ? "policy needs" : "session needs";
    if (labels.length > LABELS_MAX) {
      const hidden = labels.filter((label) => label.hidden).length;
      this.#report(
        "error",
        "X001",
        whole,
        `the ${who} ${labels.length} labels (${hidden} of them for \`lineage-includes\`), and ${LABELS_MAX} is the most`,
      );
    }
    if (gates.length > GATES_MAX) {
      this.#report(
        "error",
        "X002",
        whole,
        `the ${who} ${gates.length} different \`after\` and \`approved\` conditions, and ${GATES_MAX} is the most`,
      );
    }
    const atomsMax = ATOM_WORDS_MAX * 32;
    if (this.#programs.atomTexts.length > atomsMax) {
      this.#report(
        "error",
        "X006",
        whole,
        `the policy needs ${this.#programs.atomTexts.length} different argument patterns and program exceptions, and ${atomsMax} is the most`,
      );
    }
  }

  #report(
    severity: "error" | "warning",
    code: string,
    span: Span,
    message: string,
    help?: string,
  ): void {
    this.#diagnostics.push({
      severity,
      code,
      message,
      source: this.#source,
      span,
      ...(help === undefined ? {} : { help }),
    });
  }
}

/** From left to right. Chains of operators are long, so this does not recurse. */
function labelsIn(condition: Expr | null): string[] {
  const labels: string[] = [];
  const pending = condition === null ? [] : [condition];
  for (let expr = pending.pop(); expr !== undefined; expr = pending.pop()) {
    if (expr.kind === "label") labels.push(expr.label);
    else if (expr.kind === "not") pending.push(expr.operand);
    else if (expr.kind !== "true") pending.push(expr.right, expr.left);
  }
  return labels;
}
