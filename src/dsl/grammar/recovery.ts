// Where to go on after a fault: the next word that starts a clause, a line of a rule, or a declaration.

import type { Token } from "../token.ts";
import {
  declarationWords,
  effectWords,
  formerWords,
  isOneOf,
  nearest,
  operationWords,
  tailWords,
} from "../vocabulary.ts";
import type { Reader } from "./reader.ts";

/** Gives the declaration up and goes on at the next. */
export function abandon(reader: Reader): null {
  skipUntil(reader, (token) => looksLikeDeclaration(reader, token));
  return null;
}

/** Gives the clause up and goes on at the next line of the rule. */
export function abandonLine(reader: Reader): null {
  skipToLine(reader);
  return null;
}

export function skipToDeclaration(reader: Reader): void {
  reader.take();
  skipUntil(reader, (token) => looksLikeDeclaration(reader, token));
}

export function skipToLine(reader: Reader): void {
  skipUntil(reader, (token) => startsLine(token.text) || looksLikeLine(reader, token));
}

export function skipUntil(reader: Reader, stops: (token: Token) => boolean): void {
  for (;;) {
    const token = reader.peek();
    if (token.kind === "end" || (token.kind === "word" && stops(token))) return;
    reader.take();
  }
}

/** A declaration, or a word at the very start of a line that may be a misspelt one. */
function looksLikeDeclaration(reader: Reader, token: Token): boolean {
  if (isOneOf(declarationWords, token.text)) return true;
  const before = token.textStart === 0 ? "\n" : reader.fragment.text[token.textStart - 1];
  return before === "\n" && nearest(token.text, declarationWords) !== null;
}

/** A word at the start of a line that may be a misspelt effect: an operation follows. */
function looksLikeLine(reader: Reader, token: Token): boolean {
  if (!isFirstOnLine(reader, token)) return false;
  const next = reader.peek(1);
  return next.kind === "word" && isOneOf(operationWords, next.text);
}

/** Whether `word` starts a line of a rule or a declaration. */
export function startsLine(word: string): boolean {
  return isOneOf(effectWords, word) || isOneOf(tailWords, word) || isOneOf(declarationWords, word);
}

export function atRuleWord(reader: Reader): boolean {
  const token = reader.peek();
  return token.kind === "word" && (startsLine(token.text) || formerWords.has(token.text));
}

/** Whether a clause may end before the next token. */
export function atLineEnd(reader: Reader): boolean {
  const token = reader.peek();
  if (token.kind === "end") return true;
  if (token.kind !== "word") return false;
  if (startsLine(token.text) || formerWords.has(token.text)) return true;
  // A misspelt effect, tail or declaration is reported by the one who reads the next line.
  const next = reader.peek(1);
  const isFirst = isFirstOnLine(reader, token);
  return isFirst && (next.kind === "word" || next.kind === "string");
}

function isFirstOnLine(reader: Reader, token: Token): boolean {
  const before = reader.fragment.text.slice(Math.max(0, token.textStart - 200), token.textStart);
  return /(?:^|\n)[^\S\n]*$/.test(before);
}
