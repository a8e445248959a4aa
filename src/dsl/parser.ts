// Tokens to a tree: recursive descent, one function a production, the production quoted above it; they are in grammar/.
// `parseX` always yields a node or a diagnostic, `maybeX` may yield nothing, `expectX` demands.
//
// The parser never throws and never overflows the stack: parentheses nest to a limit, chains of
// `and` and `or` have a length limit, and after a fault it goes on at the next word that starts a
// clause or a declaration, so that one run reports every fault.

import type { Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy } from "./ast.ts";
import { type Fragment, wholeSource } from "./fragment.ts";
import { parseDeclarations } from "./grammar/declarations.ts";
import { type Layout, Reader } from "./grammar/reader.ts";
import type { Comment } from "./token.ts";

/** The tree of one text and its faults. */
export function parsePolicy(source: Source): Outcome<Policy> {
  return parseFragment(wholeSource(source));
}

/** What the printer needs beside the tree. */
export interface ParsedText extends Outcome<Policy> {
  readonly comments: readonly Comment[];
  readonly layouts: ReadonlyMap<object, Layout>;
}

export function parseFragment(fragment: Fragment): ParsedText {
  const reader = new Reader(fragment);
  const value = parseDeclarations(reader);
  const { diagnostics, comments, layouts } = reader;
  return { value, diagnostics, comments, layouts };
}
