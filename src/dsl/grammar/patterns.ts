// Patterns, sets in their place, and what has them as its target: files, programs, endpoints.

import type { Span } from "../../base/source.ts";
import type {
  EndpointPattern,
  EndpointTarget,
  ExecPattern,
  Name,
  Pattern,
  Target,
} from "../ast.ts";
import { parseEndpoint } from "../endpoint.ts";
import { type PatternProblem, parseGlob, parsePathGlob } from "../glob.ts";
import { offsetInString } from "../lexer.ts";
import type { Token } from "../token.ts";
import { isReserved } from "../vocabulary.ts";
import { expectName, maybeWord } from "./expecting.ts";
import type { Reader } from "./reader.ts";

/** Paths are compared in canonical form; arguments as they are. */
export type PatternStyle = "path" | "plain";

// execPat = ( PATTERN | "any" ) { STRING }
export function parseExecPattern(reader: Reader): ExecPattern | null {
  const start = reader.peek();
  let program: Pattern | null = null;
  if (!maybeWord(reader, "any")) {
    program = parsePattern(reader, "a program", "path");
    if (program === null) return null;
  }
  const args: Pattern[] = [];
  while (reader.at("string")) {
    const argument = parseQuotedPattern(reader, "an argument", "plain");
    if (argument !== null) args.push(argument);
  }
  return { span: reader.spanFrom(start), program, args };
}

// target = PATTERN | "any" | "@" NAME
export function parseTarget(reader: Reader, style: PatternStyle): Target | null {
  const start = reader.peek();
  if (maybeWord(reader, "any")) return { span: reader.spanFrom(start), set: null, patterns: null };
  const set = maybeSet(reader);
  if (set !== null) return { span: reader.spanFrom(start), set, patterns: null };
  const pattern = parseQuotedPattern(reader, "a pattern", style);
  if (pattern === null) return null;
  return { span: pattern.span, set: null, patterns: [pattern] };
}

export function parseEndpointTarget(reader: Reader): EndpointTarget | null {
  const start = reader.peek();
  if (maybeWord(reader, "any")) return { span: reader.spanFrom(start), set: null, patterns: null };
  const set = maybeSet(reader);
  if (set !== null) return { span: reader.spanFrom(start), set, patterns: null };
  const pattern = parseEndpointPattern(reader);
  if (pattern === null) return null;
  return { span: pattern.span, set: null, patterns: [pattern] };
}

/** A quoted pattern, or a set in its place. */
export function parsePattern(reader: Reader, what: string, style: PatternStyle): Pattern | null {
  const start = reader.peek();
  const set = maybeSet(reader);
  if (set === null) return parseQuotedPattern(reader, what, style);
  return { text: `@${set.text}`, span: reader.spanFrom(start), glob: [], set };
}

export function parseQuotedPattern(
  reader: Reader,
  what: string,
  style: PatternStyle,
): Pattern | null {
  const token = expectPatternString(reader, what);
  if (token === null) return null;
  const { glob, problems } = style === "path" ? parsePathGlob(token.text) : parseGlob(token.text);
  addProblems(reader, token, problems);
  return { text: token.text, span: { start: token.start, end: token.end }, glob };
}

export function parseEndpointPattern(reader: Reader): EndpointPattern | null {
  const start = reader.peek();
  const set = maybeSet(reader);
  if (set !== null) {
    const endpoint = { kind: "any", protocol: null, ports: null } as const;
    return { text: `@${set.text}`, span: reader.spanFrom(start), endpoint, set };
  }
  const token = expectPatternString(reader, "an endpoint");
  if (token === null) return null;
  const { endpoint, problems } = parseEndpoint(token.text);
  addProblems(reader, token, problems);
  return { text: token.text, span: { start: token.start, end: token.end }, endpoint };
}

// "@" NAME
function maybeSet(reader: Reader): Name | null {
  if (!reader.at("@")) return null;
  const at = reader.take();
  const next = reader.peek();
  // A set that has no name is still a set: the pattern is there, only its name is missing.
  if (next.kind !== "word" || next.textStart !== at.textEnd) {
    reader.unexpected(
      "P004",
      next.kind === "word" ? at : next,
      "the set has no name",
      "write `@NAME` without a space",
    );
    return { text: "", span: { start: at.start, end: at.end } };
  }
  return expectName(reader, "the set's name", "@NAME");
}

/** A string where a pattern must stand; an unquoted pattern is reported and read. */
function expectPatternString(reader: Reader, what: string): Token | null {
  const token = reader.peek();
  if (token.kind === "string") return reader.take();
  if (token.kind === "word" && !isReserved(token.text)) {
    reader.fault("P016", token, `${what} is written in quotes`, {
      help: `write \`"${token.text}"\``,
    });
    return reader.take();
  }
  reader.unexpected(
    "P016",
    token,
    `expected ${what}`,
    'a pattern is written in quotes: `"**/.env"`',
  );
  return null;
}

function addProblems(reader: Reader, token: Token, problems: readonly PatternProblem[]): void {
  if (problems.length === 0) return;
  const written = reader.fragment.text.slice(token.textStart, token.textEnd);
  for (const { start, end, ...rest } of problems) {
    reader.add({
      ...rest,
      source: reader.fragment.source,
      span: spanInString(reader, token, written, start, end),
    });
  }
}

function spanInString(
  reader: Reader,
  token: Token,
  written: string,
  start: number,
  end: number,
): Span {
  if (!written.startsWith('"') || end <= start) return { start: token.start, end: token.end };
  const first = token.textStart + offsetInString(written, start);
  const last = token.textStart + offsetInString(written, end) - 1;
  const { place } = reader.fragment;
  return { start: place(first), end: place(Math.max(first, last)) + 1 };
}
