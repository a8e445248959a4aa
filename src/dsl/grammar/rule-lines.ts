// The word that starts a line of a rule, also one that is misspelt or from another language.

import type { Token } from "../token.ts";
import {
  declarationWords,
  didYouMean,
  effectWords,
  formerWords,
  isOneOf,
  nearest,
  operationWords,
  tailWords,
} from "../vocabulary.ts";
import { describe, type Reader } from "./reader.ts";
import { skipToLine } from "./recovery.ts";

const clauseHelp = "a clause starts with `notify`, `block` or `kill`";

/**
 * The word that starts the next line of a rule, consumed, or null where the rule ends. A misspelt word is reported
 * and taken for what it is most like, so that the rest of its line is read too.
 */
export function parseRuleWord(reader: Reader, hasLines: boolean): string | null {
  for (;;) {
    const token = reader.peek();
    if (token.kind === "end") return null;
    if (token.kind !== "word") {
      const message = hasLines ? `${describe(token)} does not belong here` : "expected a clause";
      reader.unexpected("P001", token, message, clauseHelp);
      reader.take();
      skipToLine(reader);
      continue;
    }
    if (isOneOf(declarationWords, token.text)) return null;
    if (isOneOf(effectWords, token.text) || isOneOf(tailWords, token.text)) {
      reader.take();
      return token.text;
    }
    const word = guessRuleWord(reader, token);
    if (word === "declaration") return null;
    if (word !== null) return word;
    reader.take();
    skipToLine(reader);
  }
}

/** Reports the unknown word at the start of a line; yields what it stands for, or null. */
function guessRuleWord(reader: Reader, token: Token): string | null {
  const next = reader.peek(1);
  const former = formerWords.get(token.text);
  const isClause = next.kind === "word" && isOneOf(operationWords, next.text);
  if (former !== undefined) {
    reader.fault("P012", token, `\`${token.text}\` is not a word of this language`, {
      help: former,
    });
    if (isClause) return taken(reader, "block");
    if (token.text === "reason") return taken(reader, "because");
    if (token.text === "remediation") return taken(reader, "fix");
    // `effect kill`: the effect is no clause of its own.
    if (next.kind === "word" && isOneOf(effectWords, next.text)) reader.take();
    return null;
  }
  if (isClause) {
    const near = nearest(token.text, effectWords);
    const help =
      near === null ? "an effect is `notify`, `block` or `kill`" : `did you mean \`${near}\`?`;
    reader.fault("P010", token, `unknown effect \`${token.text}\``, { help });
    return taken(reader, near ?? "block");
  }
  const isDeclaration = next.kind === "word" && nearest(token.text, declarationWords) !== null;
  if (isDeclaration && nearest(token.text, [...effectWords, ...tailWords]) === null) {
    return "declaration";
  }
  const operation = nearest(token.text, operationWords);
  if (operation !== null && startsTarget(next) && nearest(token.text, tailWords) === null) {
    reader.fault("P010", token, "the clause has no effect", {
      help: `write \`notify\`, \`block\` or \`kill\` in front: \`block ${operation} ...\``,
    });
    return "block";
  }
  const help = didYouMean(token.text, [...effectWords, ...tailWords]) ?? clauseHelp;
  reader.unexpected("P011", token, `\`${token.text}\` does not belong in a rule`, help);
  if (next.kind !== "string") return null;
  const near = nearest(token.text, tailWords);
  return near === null ? null : taken(reader, near);
}

function taken(reader: Reader, word: string): string {
  reader.take();
  return word;
}

/** Whether `token` may stand behind an operation. */
function startsTarget(token: Token): boolean {
  if (token.kind === "string" || token.kind === "@") return true;
  return token.kind === "word" && isOneOf(["exec", "file", "endpoint", "any"], token.text);
}
