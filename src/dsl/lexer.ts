// Text to tokens, one at a time, so that ten megabytes of parentheses cost no memory. White space
// is anything Unicode calls so; comments are set aside for the printer.

import type { Diagnostic } from "../base/diagnostic.ts";
import type { Fragment } from "./fragment.ts";
import type { Comment, Token, TokenKind } from "./token.ts";

const punctuation: ReadonlySet<string> = new Set([":", "=", ",", "@", "(", ")"]);
const whiteSpace = /[\s\u0085\ufeff]/;
/** Typographic quotes that word processors and chat windows make of `"`, and the quotes of other languages. */
const otherQuotes: ReadonlyMap<string, string> = new Map([
  ["'", "'"],
  ["`", "`"],
  ["\u201c", "\u201d"],
  ["\u201d", "\u201d"],
  ["\u201e", "\u201c"],
  ["\u2018", "\u2019"],
  ["\u00ab", "\u00bb"],
]);
/** A line that starts like this belongs to the policy, not to a string that somebody forgot to close. */
const looksLikePolicy =
  /^[ \t]*(?:(?:source|define)[ \t]+\S+[ \t]*=|(?:declassify|endorse)[ \t]+\S+[ \t]+by\b|rule[ \t]+[^\s:"]+[ \t]*:|(?:notify|block|kill)[ \t]+[a-z]+\b|(?:because|fix)[ \t]+"|severity[ \t]+\w+[ \t]*$)/;

export class Lexer {
  readonly comments: Comment[] = [];
  readonly #fragment: Fragment;
  readonly #text: string;
  readonly #report: (diagnostic: Diagnostic) => void;
  /** Some string is not closed: a line break in one is then suspect. */
  readonly #quotesAreOdd: boolean;
  #index = 0;
  #lineHasToken = false;
  #knownLine = { start: 0, end: -1 };

  constructor(fragment: Fragment, report: (diagnostic: Diagnostic) => void) {
    this.#fragment = fragment;
    this.#text = fragment.text;
    this.#report = report;
    this.#quotesAreOdd = quotesAreOdd(fragment.text);
  }

  /** The next token; `end` again and again at the end. */
  next(): Token {
    for (;;) {
      this.#skipBlank();
      const start = this.#index;
      const character = this.#text[start];
      if (character === undefined) return this.#token("end", "", start);
      this.#lineHasToken = true;
      if (isWordCharacter(character)) return this.#readWord(start);
      if (punctuation.has(character)) {
        this.#index += 1;
        return this.#token(character as TokenKind, character, start);
      }
      if (character === '"') return this.#readString(start);
      const closing = otherQuotes.get(character);
      if (closing !== undefined) return this.#readOtherQuote(start, closing);
      this.#refuseCharacter(start);
    }
  }

  #skipBlank(): void {
    for (;;) {
      const character = this.#text[this.#index];
      if (character === undefined) return;
      if (character === "\n") this.#lineHasToken = false;
      else if (character === "#") {
        this.#readComment();
        continue;
      } else if (character !== " " && !isBlank(character)) return;
      this.#index += 1;
    }
  }

  #readComment(): void {
    const textStart = this.#index;
    let textEnd = this.#text.indexOf("\n", textStart);
    if (textEnd === -1) textEnd = this.#text.length;
    this.#index = textEnd;
    const text = this.#text.slice(textStart, textEnd).trimEnd();
    this.comments.push({ text, textStart, textEnd, ownLine: !this.#lineHasToken });
  }

  #readWord(start: number): Token {
    let end = start + 1;
    while (end < this.#text.length && isWordCharacter(this.#text[end] as string)) end += 1;
    this.#index = end;
    return this.#token("word", this.#text.slice(start, end), start);
  }

  // STRING: `"` characters `"`, where `\"` and `\\` stand for `"` and `\`. Any other `\` is left for the pattern.
  #readString(start: number): Token {
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '"') {
      if (this.#text[end] === "\\") end += 1;
      end += 1;
    }
    const closed = end < this.#text.length;
    const cut = this.#suspectLineEnd(start, Math.min(end, this.#text.length), closed);
    if (cut !== null) return this.#readUnclosed(start, cut);
    if (!closed) return this.#readUnclosed(start, this.#lineEnd(start));
    this.#index = end + 1;
    return this.#token("string", unescaped(this.#text.slice(start + 1, end)), start);
  }

  /** Where a string that some quote is missing for should have ended, if it swallowed lines of policy. */
  #suspectLineEnd(start: number, end: number, closed: boolean): number | null {
    // A quote that closes a string in front of a word has more likely opened one.
    const next = this.#text[end + 1];
    const isSuspect = this.#quotesAreOdd || (next !== undefined && isWordCharacter(next));
    if ((closed && !isSuspect) || this.#lineEnd(start) >= end) return null;
    for (let at = this.#text.indexOf("\n", start); at !== -1 && at < end; ) {
      const next = this.#text.indexOf("\n", at + 1);
      // Only the start of a line matters; a long line is not copied whole.
      const line = this.#text.slice(at + 1, Math.min(next === -1 ? end : next, at + 400));
      if (looksLikePolicy.test(line)) return this.#lineEnd(start);
      at = next;
    }
    return null;
  }

  #readUnclosed(start: number, end: number): Token {
    this.#index = end;
    this.#fault(
      "L003",
      start,
      Math.max(start + 1, end),
      "the string is not closed",
      'close it with `"`; write `\\"` for a quote inside it',
    );
    return this.#token("string", unescaped(this.#text.slice(start + 1, end)), start);
  }

  /** `'git'` and `“git”` are read as if the quotes were right, so that the fault is told once and in its place. */
  #readOtherQuote(start: number, closing: string): Token {
    const lineEnd = this.#lineEnd(start);
    const length = this.#text.slice(start + 1, lineEnd).indexOf(closing);
    const textEnd = length === -1 ? lineEnd : start + 1 + length;
    const end = Math.min(lineEnd, textEnd + 1);
    this.#index = end;
    const opening = this.#text[start] as string;
    this.#fault(
      "L004",
      start,
      end,
      `\`${opening}\` does not quote a string`.replaceAll("```", "a backtick"),
      'strings stand in straight double quotes: `"..."`',
    );
    return this.#token("string", this.#text.slice(start + 1, textEnd), start);
  }

  /** A run of characters that no token holds is one fault. */
  #refuseCharacter(start: number): void {
    let end = start + 1;
    while (end < this.#text.length && this.#isStray(this.#text[end] as string)) end += 1;
    this.#index = end;
    const shown = this.#text.slice(start, Math.min(end, start + 16));
    this.#fault("L005", start, end, `\`${shown}\` does not belong in a policy`);
  }

  #isStray(character: string): boolean {
    return !(
      isWordCharacter(character) ||
      punctuation.has(character) ||
      otherQuotes.has(character) ||
      character === '"' ||
      character === "#" ||
      whiteSpace.test(character)
    );
  }

  #lineEnd(start: number): number {
    // Kept, because many strings of one long line ask for the same end.
    if (start < this.#knownLine.start || start > this.#knownLine.end) {
      const lineBreak = this.#text.indexOf("\n", start);
      this.#knownLine = { start, end: lineBreak === -1 ? this.#text.length : lineBreak };
    }
    const { end } = this.#knownLine;
    return this.#text[end - 1] === "\r" && end - 1 > start ? end - 1 : end;
  }

  #token(kind: TokenKind, text: string, textStart: number): Token {
    const { place } = this.#fragment;
    const textEnd = this.#index;
    const start = place(textStart);
    // The end is the place behind the last character: what follows it in the text may stand lines below in the file.
    const end = textEnd > textStart ? place(textEnd - 1) + 1 : start;
    return { kind, text, start, end, textStart, textEnd };
  }

  #fault(code: string, textStart: number, textEnd: number, message: string, help?: string): void {
    const { source, place } = this.#fragment;
    this.#report({
      severity: "error",
      code,
      message,
      source,
      span: { start: place(textStart), end: place(textEnd - 1) + 1 },
      ...(help === undefined ? {} : { help }),
    });
  }
}

/** Letters, digits, `_`, `-`, and what ActPlane let stand in a name; the parser warns of the latter. */
function isWordCharacter(character: string): boolean {
  const code = character.charCodeAt(0);
  if (code < 0x80) return asciiWord[code] === true;
  return code >= 0xa1 && !otherQuotes.has(character) && !whiteSpace.test(character);
}

const asciiWord: readonly boolean[] = Array.from({ length: 0x80 }, (_, code) =>
  /[A-Za-z0-9_\-./*+~%&$!?<>|^;[\]{}\\]/.test(String.fromCharCode(code)),
);

function isBlank(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x80 ? code === 0x20 || (code >= 0x09 && code <= 0x0d) : whiteSpace.test(character);
}

function unescaped(written: string): string {
  const text = written.includes("\r") ? written.replaceAll("\r\n", "\n") : written;
  return text.includes("\\") ? text.replace(/\\(["\\])/g, "$1") : text;
}

/** Where character `index` of a string's value stands, counted from its opening quote, given the string as written. */
export function offsetInString(written: string, index: number): number {
  let at = 1;
  for (let i = 0; i < index && at < written.length; i++) {
    const pair = written.slice(at, at + 2);
    at += pair === "\\\\" || pair === '\\"' || pair === "\r\n" ? 2 : 1;
  }
  return at;
}

/** Whether one string is left open at the end of the text. */
function quotesAreOdd(text: string): boolean {
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) inString = !inString;
    else if (inString && code === 0x5c) i += 1;
    else if (!inString && code === 0x23) {
      const lineBreak = text.indexOf("\n", i);
      if (lineBreak === -1) return false;
      i = lineBreak;
    }
  }
  return inString;
}
