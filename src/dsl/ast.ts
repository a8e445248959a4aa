// The tree of a policy: the parser's output, the checker's and the compiler's input.
// Every node knows its place. Patterns are kept both as written and as parsed globs,
// so no later stage parses text. INVARIANT: a tree without error diagnostics is complete:
// every name in it is resolved (`@NAME` is expanded by the checker into `patterns`).

import type { Span } from "../base/source.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Glob } from "./glob.ts";

export type Effect = "notify" | "block" | "kill";

export const fileOperations = [
  "open",
  "read",
  "write",
  "create",
  "unlink",
  "rename",
  "link",
  "metadata",
  "truncate",
  "mount",
] as const;
export const endpointOperations = ["connect", "bind", "send", "recv"] as const;
export const processOperations = ["signal", "ptrace"] as const;
export type FileOperation = (typeof fileOperations)[number];
export type EndpointOperation = (typeof endpointOperations)[number];
export type ProcessOperation = (typeof processOperations)[number];

export interface Name {
  readonly text: string;
  readonly span: Span;
}

/** A quoted pattern as written, and its meaning. */
export interface Pattern {
  readonly text: string;
  readonly span: Span;
  readonly glob: Glob;
  /** Written as `@NAME`: `glob` is empty until the checker puts the set's members in its place. */
  readonly set?: Name;
}

/** `"git" "push"`, or `any` (then `program` is null). */
export interface ExecPattern {
  readonly span: Span;
  readonly program: Pattern | null;
  readonly args: readonly Pattern[];
}

/** `"/etc/**"`, `any` (`patterns` null), or `@NAME` (`set` names it, `patterns` is its expansion: any of them). */
export interface Target {
  readonly span: Span;
  readonly set: Name | null;
  readonly patterns: readonly Pattern[] | null;
}

/** As Target, for addresses. `patterns` null is `any` or `"*"`. */
export interface EndpointTarget {
  readonly span: Span;
  readonly set: Name | null;
  readonly patterns: readonly EndpointPattern[] | null;
}

export interface EndpointPattern {
  readonly text: string;
  readonly span: Span;
  readonly endpoint: Endpoint;
  /** As in Pattern. */
  readonly set?: Name;
}

export type Operation =
  | { readonly kind: "exec"; readonly span: Span; readonly exec: ExecPattern }
  | { readonly kind: FileOperation; readonly span: Span; readonly target: Target }
  | { readonly kind: EndpointOperation; readonly span: Span; readonly target: EndpointTarget }
  | { readonly kind: ProcessOperation; readonly span: Span; readonly exec: ExecPattern };

export type Expr =
  | { readonly kind: "true"; readonly span: Span }
  | { readonly kind: "label"; readonly span: Span; readonly label: string }
  | { readonly kind: "not"; readonly span: Span; readonly operand: Expr }
  | { readonly kind: "and" | "or"; readonly span: Span; readonly left: Expr; readonly right: Expr };

export type GateEvent =
  | { readonly kind: "exec"; readonly span: Span; readonly exec: ExecPattern }
  | {
      readonly kind: "read" | "write" | "open" | "create" | "unlink" | "rename";
      readonly span: Span;
      readonly target: Target;
    };

export type Condition =
  /** On a connect/bind/send/recv clause the target holds endpoints. */
  | {
      readonly kind: "target";
      readonly span: Span;
      readonly negated: boolean;
      readonly target: Target | EndpointTarget;
    }
  | { readonly kind: "lineage-includes"; readonly span: Span; readonly exec: ExecPattern }
  | {
      readonly kind: "after";
      readonly span: Span;
      readonly event: GateEvent;
      /** Null where `exits` was not written: satisfied from the event on. */
      readonly exits: number | null;
      readonly since: readonly GateEvent[];
      /** Null: never expires. */
      readonly withinMs: number | null;
    }
  | {
      readonly kind: "approved";
      readonly span: Span;
      readonly name: string;
      readonly withinMs: number | null;
    };

export interface Clause {
  readonly span: Span;
  readonly effect: Effect;
  readonly operation: Operation;
  readonly condition: Expr | null;
  /** Any of them lets the operation pass. */
  readonly unless: readonly Condition[];
}

export interface Rule {
  readonly span: Span;
  readonly name: Name;
  readonly clauses: readonly Clause[];
  readonly because: string | null;
  readonly fix: string | null;
  readonly severity: string | null;
}

export type SourceOrigin =
  | { readonly kind: "exec"; readonly exec: ExecPattern }
  | { readonly kind: "file"; readonly pattern: Pattern }
  | { readonly kind: "endpoint"; readonly endpoint: EndpointPattern }
  | { readonly kind: "approval"; readonly name: string };

export interface LabelSource {
  readonly span: Span;
  readonly label: Name;
  readonly origin: SourceOrigin;
}

export interface Transform {
  readonly span: Span;
  readonly kind: "declassify" | "endorse";
  readonly label: Name;
  readonly gate: ExecPattern;
}

export interface Definition {
  readonly span: Span;
  readonly name: Name;
  readonly patterns: readonly Pattern[];
}

/** One policy text. A document of many texts gives one Policy each; `mergePolicies` in check.ts joins them. */
export interface Policy {
  readonly sources: readonly LabelSource[];
  readonly transforms: readonly Transform[];
  readonly definitions: readonly Definition[];
  readonly rules: readonly Rule[];
}
