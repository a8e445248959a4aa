// Rules: a name, clauses, and the texts for who is refused.

import type { Clause, Name, Rule } from "../ast.ts";
import { effectWords, isOneOf, tailWords } from "../vocabulary.ts";
import { parseClause } from "./clauses.ts";
import { expectName, expectString } from "./expecting.ts";
import type { Layout, Reader } from "./reader.ts";
import { abandon, atRuleWord, skipToLine } from "./recovery.ts";
import { parseRuleWord } from "./rule-lines.ts";

// rule = "rule" NAME ":" clause { clause } [ "because" STRING ] [ "fix" STRING ] [ "severity" WORD ]
export function parseRule(reader: Reader): Rule | null {
  const start = reader.lastToken();
  const name = parseRuleName(reader);
  if (name === null) return abandon(reader);
  if (reader.at(":")) reader.take();
  else {
    const missing = "expected `:` after the rule's name";
    // A rule without a name was told already.
    if (name.text !== "") reader.unexpected("P001", reader.peek(), missing, "write `rule NAME:`");
    if (!atRuleWord(reader)) return abandon(reader);
  }
  const headEnd = reader.lastToken().textEnd;
  const clauses: Clause[] = [];
  const tails = new Map<string, Layout>();
  const texts = new Map<string, string>();
  for (;;) {
    const word = parseRuleWord(reader, clauses.length > 0 || tails.size > 0);
    if (word === null) break;
    if (isOneOf(effectWords, word)) {
      const clause = parseClause(reader, word);
      if (clause !== null) clauses.push(clause);
    } else if (isOneOf(tailWords, word)) parseTail(reader, word, tails, texts);
  }
  if (clauses.length === 0 && !reader.ruleHadFaults(start)) {
    reader.add({
      severity: "error",
      code: "P005",
      message: `the rule \`${name.text}\` has no clauses`,
      source: reader.fragment.source,
      span: name.span,
      help: 'a rule refuses something: `block exec "git" "push"`',
    });
  }
  const rule: Rule = {
    span: reader.spanFrom(start),
    name,
    clauses,
    because: texts.get("because") ?? null,
    fix: texts.get("fix") ?? null,
    severity: texts.get("severity") ?? null,
  };
  const textEnd = reader.lastToken().textEnd;
  reader.layouts.set(rule, { textStart: start.textStart, textEnd, headEnd, tails });
  return rule;
}

function parseRuleName(reader: Reader): Name | null {
  const token = reader.peek();
  const isKeyword = token.kind === "word" && isOneOf(effectWords, token.text);
  if (isKeyword && reader.peek(1).kind !== ":") {
    reader.fault("P004", token, "the rule has no name", { help: "write `rule NAME:`" });
    return { text: "", span: { start: token.start, end: token.start } };
  }
  return expectName(reader, "the rule's name", "rule NAME:");
}

function parseTail(
  reader: Reader,
  word: (typeof tailWords)[number],
  tails: Map<string, Layout>,
  texts: Map<string, string>,
): void {
  const start = reader.lastToken();
  if (texts.has(word)) {
    reader.fault("P006", start, `the rule already has a \`${word}\``, {
      help: "join the two in one, or make two rules",
    });
  }
  const token =
    word === "severity"
      ? expectName(reader, "a severity", "severity high")
      : expectString(reader, "a text", `${word} "..."`);
  if (token === null) {
    skipToLine(reader);
    return;
  }
  texts.set(word, token.text);
  tails.set(word, { textStart: start.textStart, textEnd: reader.lastToken().textEnd });
}
