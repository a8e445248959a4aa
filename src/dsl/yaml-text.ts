// YAML to nodes with positions, and the way back from a scalar's value to its place in the file.
// What the `yaml` package would take minutes or a deep stack for is refused before it sees it.

import { type Document, Lexer, type Node, parseDocument, type Scalar } from "yaml";
import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type { Fragment } from "./fragment.ts";

/** A policy's text is one scalar, one lexeme or two; a catalogue of a thousand rules has some ten thousand. */
const lexemesMax = 100_000;
/** The shape of a document is four deep. */
const flowDepthMax = 32;
/** Further faults of the notation follow from the first ones. */
const faultsMax = 20;

export interface YamlText {
  readonly document: Document | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function parseYaml(source: Source): YamlText {
  const refused = refusal(source);
  if (refused !== null) return { document: null, diagnostics: [refused] };
  const document = parseDocument(source.text, {
    prettyErrors: false,
    // "silent" would also take the first of several documents without a word.
    logLevel: "error",
    keepSourceTokens: false,
    // Keys are compared where the shape is read: the package compares each with each.
    uniqueKeys: false,
    version: "1.2",
  });
  const diagnostics = document.errors.slice(0, faultsMax).map((error): Diagnostic => {
    const [start, end] = error.pos;
    const help = helps.get(error.code);
    return {
      severity: "error",
      code: error.code === "MULTIPLE_DOCS" ? "D021" : "D001",
      message:
        messages.get(error.code) ?? lowerFirst(error.message.split("\n")[0] ?? "this is not YAML"),
      source,
      span: { start, end: Math.max(start, Math.min(end, source.text.length)) },
      ...(help === undefined ? {} : { help }),
    };
  });
  return { document: diagnostics.length > 0 ? null : document, diagnostics };
}

const messages: ReadonlyMap<string, string> = new Map([
  ["MULTIPLE_DOCS", "the file holds several YAML documents"],
  ["TAB_AS_INDENT", "a tab is used for indentation"],
]);

const helps: ReadonlyMap<string, string> = new Map([
  ["MULTIPLE_DOCS", "keep one, or put the others in files of their own"],
  ["TAB_AS_INDENT", "YAML is indented with spaces"],
  ["BAD_INDENT", "indent the lines of one section alike"],
  ["MISSING_CHAR", "close what was opened"],
  ["UNEXPECTED_TOKEN", "text that is not simple stands in quotes or in a `|` block"],
]);

/** Whether the file is too large or too deep to be a policy. Stops reading as soon as it is known. */
function refusal(source: Source): Diagnostic | null {
  let offset = 0;
  let count = 0;
  let depth = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    count += 1;
    if (lexeme === "{" || lexeme === "[") depth += 1;
    else if (lexeme === "}" || lexeme === "]") depth -= 1;
    if (count > lexemesMax || depth > flowDepthMax) {
      return {
        severity: "error",
        code: "D022",
        message:
          depth > flowDepthMax
            ? "the document is nested too deeply"
            : "the document has too many parts",
        source,
        span: { start: offset, end: Math.min(source.text.length, offset + 1) },
        help: "a policy document is a few sections with policy text in them",
      };
    }
    // Three control characters mark documents and scalars in the stream and stand for no text.
    if (lexeme !== "\x02" && lexeme !== "\x18" && lexeme !== "\x1f") offset += lexeme.length;
  }
  return null;
}

export function spanOf(node: unknown): Span {
  const range = (node as Partial<Node> | null | undefined)?.range;
  return range === null || range === undefined
    ? { start: 0, end: 0 }
    : { start: range[0], end: range[1] };
}

// ---------------------------------------------------------------------------------------- scalars

/** A scalar's text as a policy text whose places are those of the file. */
export function fragmentOf(scalar: Scalar<string>, source: Source): Fragment {
  const [start, end] = scalar.range ?? [0, 0];
  const text = scalar.value;
  const offsets = alignment(scalar, source.text, start, end);
  // Where the notation could not be followed, everything is at the start of the scalar.
  if (offsets === null) return { source, text, place: () => start };
  return {
    source,
    text,
    place: (offset) => offsets[Math.max(0, Math.min(offset, text.length))] as number,
  };
}

/** Where each character of the value stands in the file, and behind the last one the end; null where that is unknown. */
function alignment(
  scalar: Scalar<string>,
  file: string,
  start: number,
  end: number,
): Uint32Array | null {
  switch (scalar.type) {
    case "BLOCK_LITERAL":
    case "BLOCK_FOLDED": {
      const headerEnd = file.indexOf("\n", start);
      return headerEnd === -1 ? null : alignWords(scalar.value, file, headerEnd + 1, end);
    }
    case "QUOTE_DOUBLE":
      return alignDoubleQuoted(scalar.value, file, start + 1, end - 1);
    case "QUOTE_SINGLE":
      return alignSingleQuoted(scalar.value, file, start + 1, end - 1);
    default:
      return alignWords(scalar.value, file, start, end);
  }
}

/** Block and plain scalars differ from their value in white space only, so all else is met in order. */
function alignWords(value: string, file: string, start: number, end: number): Uint32Array | null {
  const offsets = new Uint32Array(value.length + 1);
  let at = start;
  for (let i = 0; i < value.length; i++) {
    const character = value.charCodeAt(i);
    if (isSpace(character)) {
      offsets[i] = Math.min(at, end);
      if (file.charCodeAt(at) === character) at += 1;
      else if (character === 0x0a && file.startsWith("\r\n", at)) at += 2;
      continue;
    }
    while (at < end && isSpace(file.charCodeAt(at)) && file.charCodeAt(at) !== character) at += 1;
    if (at >= end || file.charCodeAt(at) !== character) return null;
    offsets[i] = at;
    at += 1;
  }
  offsets[value.length] = Math.min(at, end);
  return offsets;
}

function alignSingleQuoted(
  value: string,
  file: string,
  start: number,
  end: number,
): Uint32Array | null {
  const offsets = new Uint32Array(value.length + 1);
  let at = start;
  for (let i = 0; i < value.length; i++) {
    const character = value.charCodeAt(i);
    if (isSpace(character)) {
      offsets[i] = Math.min(at, end);
      if (isSpace(file.charCodeAt(at))) at += 1;
      continue;
    }
    while (at < end && isSpace(file.charCodeAt(at))) at += 1;
    if (at >= end || file.charCodeAt(at) !== character) return null;
    offsets[i] = at;
    at += file.startsWith("''", at) ? 2 : 1;
  }
  offsets[value.length] = Math.min(at, end);
  return offsets;
}

function alignDoubleQuoted(
  value: string,
  file: string,
  start: number,
  end: number,
): Uint32Array | null {
  const offsets = new Uint32Array(value.length + 1);
  let at = start;
  for (let i = 0; i < value.length; ) {
    if (at >= end) return null;
    if (file[at] === "\\") {
      const length = escapeLength(file, at);
      if (length === 0) {
        // `\` before a line break joins the lines and stands for nothing.
        at += 1;
        while (at < end && isSpace(file.charCodeAt(at))) at += 1;
        continue;
      }
      // An escape above U+FFFF is one place and two code units of the value.
      const units = isHighSurrogate(value.charCodeAt(i)) && file[at + 1] === "U" ? 2 : 1;
      for (let unit = 0; unit < units; unit++) offsets[i + unit] = at;
      i += units;
      at += length;
      continue;
    }
    const character = value.charCodeAt(i);
    if (isSpace(character) || isSpace(file.charCodeAt(at))) {
      offsets[i] = at;
      if (isSpace(file.charCodeAt(at))) at += 1;
      if (isSpace(character)) i += 1;
      continue;
    }
    if (file.charCodeAt(at) !== character) return null;
    offsets[i] = at;
    i += 1;
    at += 1;
  }
  offsets[value.length] = Math.min(at, end);
  return offsets;
}

/** How long the escape at `at` is; 0 for one that stands for nothing. */
function escapeLength(file: string, at: number): number {
  switch (file[at + 1]) {
    case "x":
      return 4;
    case "u":
      return 6;
    case "U":
      return 10;
    case "\n":
    case "\r":
      return 0;
    default:
      return 2;
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}
