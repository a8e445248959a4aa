// What must stand next, or may: a word, a sign, a name, a string. A misspelt word is reported and taken for what it is most
// like, so that the rest is read too.

import type { Name } from "../ast.ts";
import type { Token, TokenKind } from "../token.ts";
import { formerWords, isOneOf, isReserved, nearest } from "../vocabulary.ts";
import type { Reader } from "./reader.ts";

/** NAME_MAX: names appear in file names and records. */
const nameLengthMax = 255;

const namePattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;

export function expect(reader: Reader, kind: TokenKind, where: string): boolean {
  const token = reader.peek();
  if (token.kind === kind) {
    reader.take();
    return true;
  }
  reader.unexpected("P001", token, `expected \`${kind}\` ${where}`);
  return false;
}

export function expectWord(reader: Reader, word: string): boolean {
  const token = reader.peek();
  if (maybeWord(reader, word)) return true;
  reader.unexpected("P001", token, `expected \`${word}\``);
  // A string is what would have followed the word, so the reading can go on.
  if (token.kind === "string") return true;
  if (token.kind !== "word" || nearest(token.text, [word]) === null) return false;
  reader.take();
  return true;
}

/** One of `words`, consumed. A misspelt one is reported and taken for the word it is most like. */
export function expectWordOf<T extends string>(
  reader: Reader,
  words: readonly T[],
  code: string,
  message: string,
  [help]: readonly [string],
): T | null {
  const token = reader.peek();
  if (token.kind === "word" && isOneOf(words, token.text)) {
    reader.take();
    return token.text;
  }
  if (token.kind !== "word" || isReserved(token.text)) {
    const wanted = message.replace("unknown ", "");
    const article = /^[aeiou]/.test(wanted) ? "an" : "a";
    reader.unexpected(code, token, `expected ${article} ${wanted}`, help);
    return null;
  }
  const near = nearest(token.text, words) as T | null;
  const former = formerWords.get(token.text);
  const guess = near === null ? help : `did you mean \`${near}\`?`;
  reader.fault(code, token, `${message} \`${token.text}\``, { help: former ?? guess });
  if (near === null) return null;
  reader.take();
  return near;
}

export function expectString(reader: Reader, what: string, example: string): Token | null {
  const token = reader.peek();
  if (token.kind === "string" && token.text !== "") return reader.take();
  if (token.kind === "string") {
    reader.fault("P040", token, `${what} is empty`, { help: `write \`${example}\`` });
    return reader.take();
  }
  reader.unexpected("P013", token, `expected ${what} in quotes`, `write \`${example}\``);
  return null;
}

export function expectName(reader: Reader, what: string, example: string): Name | null {
  const token = reader.peek();
  if (token.kind !== "word") {
    const help =
      token.kind === "string" ? "names are written without quotes" : `write \`${example}\``;
    reader.unexpected("P004", token, `expected ${what}`, help);
    return null;
  }
  reader.take();
  if (token.text.length > nameLengthMax) {
    reader.fault("P009", token, `the name is longer than ${nameLengthMax} characters`, {});
  } else if (!namePattern.test(token.text)) {
    // ActPlane takes nearly everything for a name, so this is no error.
    reader.fault(
      "P009",
      token,
      `the name \`${token.text}\` has characters that a name should not have`,
      {
        severity: "warning",
        help: "a name is letters, digits, `_` and `-`, and starts with a letter or `_`",
      },
    );
  }
  return { text: token.text, span: { start: token.start, end: token.end } };
}

export function maybeWord(reader: Reader, word: string): boolean {
  if (!reader.atWord(word)) return false;
  reader.take();
  return true;
}
