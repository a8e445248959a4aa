// What every stage says about a policy author's text: one shape for the terminal, JSON and HTTP.
// Rendering lives beside its reader (src/surface/text); this file is only the value.
//
//     error[P014]: unknown operation `conect`
//       deploy.policy:7:9
//     7 |   block conect "10.0.0.0/8"
//       |         ^^^^^^ help: did you mean `connect`?

import type { Source, Span } from "./source.ts";

export type Severity = "error" | "warning" | "hint";

export interface Diagnostic {
  readonly severity: Severity;
  /** Stable: a letter for the stage (`L` lexer, `P` parser, `C` checker, `D` document, `X` compiler) and three digits. */
  readonly code: string;
  /** A lower-case sentence without a full stop; the author's words stand in backticks. */
  readonly message: string;
  readonly source: Source;
  readonly span: Span;
  /** What to do about it, a lower-case phrase: "did you mean `connect`?". */
  readonly help?: string;
  /** Other places that matter: "first defined here". */
  readonly related?: readonly Related[];
}

export interface Related {
  readonly source: Source;
  readonly span: Span;
  readonly message: string;
}

/** A value and everything that was found wrong on the way to it; a value is there even when errors are. */
export interface Outcome<T> {
  readonly value: T;
  readonly diagnostics: readonly Diagnostic[];
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}
