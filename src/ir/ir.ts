// What the compiler makes of a policy: the image for the kernel and, beside it, what user space
// needs to explain it (which clause is which, which hook carries it, what it costs).

import type { Source } from "../base/source.ts";
import type { Clause, Condition, GateEvent, Policy, Rule } from "../dsl/ast.ts";
import type { Glob } from "../dsl/glob.ts";
import type { AutomatonKind, OperationName } from "./abi.ts";
import type { Command } from "./commands.ts";
import type { Numbering } from "./numbering.ts";

export type After = Condition & { readonly kind: "after" };

/** What a policy is compiled against: the places its relative names mean. */
export interface CompileOptions {
  /** Absolute, no slash at the end but for `/`: base of relative file patterns. */
  readonly workspace: string;
  /** Absolute: what a leading `~` means. */
  readonly home: string;
  /** Programs with subcommands; default: the shipped table. */
  readonly commands?: readonly Command[];
  /** Where diagnostics point; the tree has only offsets. Default: a nameless source. */
  readonly source?: Source;
  /** What the session has numbered so far. Without it the policy stands alone and its clauses count from 0. */
  readonly numbering?: Numbering;
  /** Gates of the session's other domains: what happens here shuts them, and opens none of them. */
  readonly foreignGates?: readonly After[];
}

export interface CompiledClause {
  /** As in `clauses[]` of a kernel event. Found by `clauseOf`: only without a numbering it is the index. */
  readonly id: number;
  readonly rule: Rule;
  readonly clause: Clause;
  /** The operations it covers, as names: `write` covers six. */
  readonly operations: readonly OperationName[];
  /** Set where no tier carries the clause as written: the reason, for the verdict `unenforceable`. */
  readonly unsupported: string | null;
  /** Entries of the image it became: one a conjunction of its condition, for each way its program is written. */
  readonly entries: number;
}

export interface CompiledLabel {
  /** The session's number of it. Found by `labelOf`. */
  readonly bit: number;
  /** The author's name; a lineage condition's hidden label is `lineage:` and its text. */
  readonly name: string;
  readonly hidden: boolean;
}

export interface CompiledGate {
  /** The session's number of it. Found by `gateOf`. */
  readonly id: number;
  readonly event: GateEvent;
  readonly exits: number | null;
  readonly since: readonly GateEvent[];
  readonly withinMs: number | null;
}

/** `unless approved NAME`: a gate that nothing but an operator's word opens. */
export interface CompiledApproval {
  readonly gate: number;
  readonly name: string;
  readonly withinMs: number | null;
}

/** Sizes of one automaton, for `compile --explain`. */
export interface AutomatonReport {
  readonly kind: AutomatonKind;
  readonly group: number;
  readonly patterns: number;
  readonly states: number;
  readonly classes: number;
  readonly combs: number;
  /** Of its tables; lists of entries are shared and not counted. */
  readonly words: number;
  /** The clauses it decides. */
  readonly clauses: readonly number[];
}

export interface Compiled {
  readonly policy: Policy;
  readonly options: CompileOptions;
  /** Equal policies and options give equal words. Empty when the diagnostics hold an error. */
  readonly image: Uint32Array;
  readonly clauses: readonly CompiledClause[];
  readonly labels: readonly CompiledLabel[];
  readonly gates: readonly CompiledGate[];
  readonly approvals: readonly CompiledApproval[];
  /** The options' numbering with what this policy adds; null without one. */
  readonly numbering: Numbering | null;
  /** What file patterns match, as globs of absolute paths. */
  readonly files: readonly Glob[];
  readonly automata: readonly AutomatonReport[];
  /** Patterns of arguments and `target` patterns of exec clauses, as text, by atom. */
  readonly atoms: readonly string[];
  /** Parts of the policy that are not carried out but are on the strict side, each a sentence: a declassify that is ignored. */
  readonly notes: readonly string[];
}
