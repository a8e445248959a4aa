// A policy text and where it stands in its file. A policy inside a YAML document is lexed from the
// scalar's value, but every span must point into the file a person edits: `place` maps the one to
// the other, and nothing after the lexer knows the difference.

import type { Source } from "../base/source.ts";

export interface Fragment {
  /** The file. */
  readonly source: Source;
  /** The policy text itself. */
  readonly text: string;
  /** Where the character at an offset of `text` stands in the file. Monotonic. */
  readonly place: (offset: number) => number;
}

/** A file that holds nothing but the policy. */
export function wholeSource(source: Source): Fragment {
  return { source, text: source.text, place: (offset) => offset };
}
