// A name that a program chose, for a line of text: one line, nothing invisible, not endless.

import { printable } from "./printable.ts";

/** Characters; the record has the whole. */
const textMax = 300;

export function shown(text: string): string {
  const safe = printable(text);
  return safe.length <= textMax ? safe : `${safe.slice(0, textMax)}... (${safe.length} characters)`;
}

/** A rule's own words, which may run over lines, as a sentence. */
export function onOneLine(words: string): string {
  return words.trim().replace(/\s*\n\s*/g, " ");
}
