// How the tests of the front end call it, and nothing else.

import { expect } from "bun:test";
import type { Diagnostic } from "../../src/base/diagnostic.ts";
import { positionAt, type Source } from "../../src/base/source.ts";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { parsePolicy } from "../../src/dsl/parser.ts";

export function source(text: string, name = "test.policy"): Source {
  return { name, text };
}

/** The tree of a text that must have no errors. */
export function tree(text: string): Policy {
  const { value, diagnostics } = parsePolicy(source(text));
  expect(brief(diagnostics.filter(({ severity }) => severity === "error"))).toEqual([]);
  return value;
}

/** `text` is loaded, and of what is said of it the findings of `codes` are exactly `expected`. */
export function findings(
  text: string,
  codes: readonly string[],
  expected: readonly string[],
): void {
  const { diagnostics } = loadPolicy(source(text));
  expect(brief(diagnostics.filter(({ code }) => codes.includes(code)))).toEqual([...expected]);
}

/** `LINE:COLUMN CODE MESSAGE`. */
export function brief(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map((diagnostic) => {
    const { line, column } = positionAt(diagnostic.source, diagnostic.span.start);
    return `${line}:${column} ${diagnostic.code} ${diagnostic.message}`;
  });
}

/** A tree without the places in it, to compare two texts. */
export function withoutPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key === "span" ? undefined : inner)));
}
