// Conditions over labels. `and` binds tighter than `or`; nesting and length are limited, because every later stage
// recurses over the tree.

import type { Span } from "../../base/source.ts";
import type { Expr } from "../ast.ts";
import { isReserved } from "../vocabulary.ts";
import { expectName, maybeWord } from "./expecting.ts";
import type { Reader } from "./reader.ts";
import { skipUntil, startsLine } from "./recovery.ts";

/** Deeper parentheses are no condition a person reads; the recursion of every later stage is bounded by it. */
const nestingMax = 64;
/** Labels in one condition: the tree of `A or B or ...` leans to one side and is as deep as the chain is long. */
const expressionTermsMax = 256;

/** How many there are in this condition so far. */
interface Terms {
  count: number;
}

// expr = or-expression over LABEL, "not", "and", "or", "true", parentheses ("and" binds tighter)
export function parseCondition(reader: Reader): Expr | null {
  const expression = parseOr(reader, { count: 0 }, 0);
  if (expression === null) {
    skipUntil(reader, (token) => token.text === "unless" || startsLine(token.text));
    return null;
  }
  if (reader.at(")")) {
    reader.fault("P023", reader.peek(), "`)` closes nothing", {});
    while (reader.at(")")) reader.take();
  }
  return expression;
}

// or-expression = and-expression { "or" and-expression }
function parseOr(reader: Reader, terms: Terms, depth: number): Expr | null {
  let left = parseAnd(reader, terms, depth);
  while (left !== null && maybeWord(reader, "or")) {
    const right = parseAnd(reader, terms, depth);
    if (right === null) return null;
    left = { kind: "or", span: joined(left, right), left, right };
  }
  return left;
}

// and-expression = term { "and" term }
function parseAnd(reader: Reader, terms: Terms, depth: number): Expr | null {
  let left = parseTerm(reader, terms, depth);
  while (left !== null && maybeWord(reader, "and")) {
    const right = parseTerm(reader, terms, depth);
    if (right === null) return null;
    left = { kind: "and", span: joined(left, right), left, right };
  }
  return left;
}

// term = "not" term | "true" | LABEL | "(" or-expression ")"
function parseTerm(reader: Reader, terms: Terms, depth: number): Expr | null {
  const token = reader.peek();
  if (depth >= nestingMax) {
    reader.fault("P021", token, `the condition is nested deeper than ${nestingMax}`, {
      help: "split the clause in two, or drop parentheses",
    });
    return null;
  }
  if (maybeWord(reader, "not")) {
    const operand = parseTerm(reader, terms, depth + 1);
    return operand && { kind: "not", span: reader.spanFrom(token), operand };
  }
  if (token.kind === "(") return parseParenthesis(reader, terms, depth);
  terms.count += 1;
  if (terms.count > expressionTermsMax) {
    reader.fault("P022", token, `the condition has more than ${expressionTermsMax} labels`, {
      help: "split the clause in two",
    });
    return null;
  }
  if (maybeWord(reader, "true")) return { kind: "true", span: reader.spanFrom(token) };
  if (token.kind !== "word" || isReserved(token.text)) {
    const help =
      token.kind === "string"
        ? "labels are written without quotes"
        : "write a label, `not`, `true` or `(`";
    reader.unexpected("P020", token, `expected a label`, help);
    return null;
  }
  const label = expectName(reader, "a label", "if LABEL");
  return label && { kind: "label", span: label.span, label: label.text };
}

// "(" or-expression ")"
function parseParenthesis(reader: Reader, terms: Terms, depth: number): Expr | null {
  const open = reader.take();
  const inner = parseOr(reader, terms, depth + 1);
  if (inner === null) return null;
  if (!reader.at(")")) {
    reader.fault("P023", open, "the parenthesis is not closed", { help: "close it with `)`" });
    return inner;
  }
  reader.take();
  return { ...inner, span: reader.spanFrom(open) };
}

function joined(left: Expr, right: Expr): Span {
  return { start: left.span.start, end: right.span.end };
}
