// Diagnostics for a person at a terminal and for programs. The look:
//
//     error[P014]: unknown operation `conect`
//       deploy.policy:7:9
//     7 |   block conect "10.0.0.0/8"
//       |         ^^^^^^ help: did you mean `connect`?

import type { Diagnostic, Severity } from "../../base/diagnostic.ts";
import { lineSpan, positionAt, type Source, type Span } from "../../base/source.ts";
import { printable } from "./printable.ts";

export interface RenderOptions {
  readonly color?: boolean;
}

/** Columns of source shown of one line, and the widest line with a help behind the carets. */
const excerptWidthMax = 96;
const tabWidth = 4;

/** All of them, a blank line between, and the summary at the end. Empty where there are none. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: RenderOptions = {},
): string {
  if (diagnostics.length === 0) return "";
  const blocks = diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, options));
  return `${blocks.join("\n")}\n${summaryOf(diagnostics)}\n`;
}

export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const paint = painter(options.color === true);
  const { severity, code, message, source, span, help } = diagnostic;
  const head = `${paint(severity, `${severity}[${code}]`)}${paint("strong", `: ${printable(message)}`)}`;
  const lines = [head, ...picture(source, span, help, (text) => paint(severity, text), paint)];
  for (const related of diagnostic.related ?? []) {
    lines.push(`  ${printable(related.message)}`);
    lines.push(
      ...picture(related.source, related.span, undefined, (text) => paint("quiet", text), paint),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** `2 errors, 1 warning`, or `no faults`. */
export function summaryOf(diagnostics: readonly Diagnostic[]): string {
  const counts = (["error", "warning", "hint"] as const).map((severity) => {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return count === 0 ? "" : `${count} ${severity}${count === 1 ? "" : "s"}`;
  });
  return counts.filter((count) => count !== "").join(", ") || "no faults";
}

/** Whether words may be coloured: on a terminal, and where nobody said no. */
export function wantsColor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

// ------------------------------------------------------------------------------------------- json

export interface PlaceJson {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

export interface RelatedJson {
  readonly message: string;
  readonly file: string;
  readonly start: PlaceJson;
  readonly end: PlaceJson;
}

export interface DiagnosticJson extends RelatedJson {
  readonly severity: Severity;
  readonly code: string;
  readonly help: string | null;
  readonly related: readonly RelatedJson[];
}

export interface DiagnosticsJson {
  readonly schema_version: 1;
  readonly diagnostics: readonly DiagnosticJson[];
}

export function diagnosticsJson(diagnostics: readonly Diagnostic[]): DiagnosticsJson {
  return { schema_version: 1, diagnostics: diagnostics.map(diagnosticJson) };
}

function diagnosticJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, code, help, related } = diagnostic;
  return {
    severity,
    code,
    ...relatedJson(diagnostic),
    help: help ?? null,
    related: (related ?? []).map(relatedJson),
  };
}

function relatedJson(place: { message: string; source: Source; span: Span }): RelatedJson {
  const { message, source, span } = place;
  return {
    message,
    file: source.name,
    start: placeJson(source, span.start),
    end: placeJson(source, span.end),
  };
}

function placeJson(source: Source, offset: number): PlaceJson {
  const { line, column } = positionAt(source, offset);
  return { line, column, offset };
}

// ---------------------------------------------------------------------------------------- picture

type Paint = (as: Severity | "strong" | "quiet", text: string) => string;

/** The place, the line, and the carets under it. A source without text has only a place. */
function picture(
  source: Source,
  span: Span,
  help: string | undefined,
  paintCarets: (text: string) => string,
  paint: Paint,
): string[] {
  const { line, column } = positionAt(source, span.start);
  const name = printable(source.name);
  const told = help === undefined ? undefined : `help: ${printable(help)}`;
  if (source.text === "") return [`  ${name}`, ...(told === undefined ? [] : [`  ${told}`])];
  const number = String(line);
  const margin = " ".repeat(number.length);
  const { text, start, width } = excerpt(source, span, line);
  const bar = paint("quiet", "|");
  const caretLine = `${" ".repeat(start)}${paintCarets("^".repeat(width))}`;
  const lines = [
    `  ${name}:${line}:${column}`,
    `${paint("quiet", number)} ${bar} ${text}`.trimEnd(),
  ];
  if (told === undefined) return [...lines, `${margin} ${bar} ${caretLine}`];
  if (start + width + 1 + told.length <= excerptWidthMax) {
    return [...lines, `${margin} ${bar} ${caretLine} ${told}`];
  }
  return [...lines, `${margin} ${bar} ${caretLine}`, `${margin} ${paint("quiet", "=")} ${told}`];
}

/** What is shown of a line, and where in it the carets stand, in terminal columns. */
interface Excerpt {
  readonly text: string;
  readonly start: number;
  readonly width: number;
}

function excerpt(source: Source, span: Span, line: number): Excerpt {
  const whole = lineSpan(source, line);
  const spanStart = Math.min(span.start, whole.end);
  // A span over several lines is marked up to the end of its first.
  const spanEnd = Math.max(spanStart, Math.min(span.end, whole.end));
  const from = Math.max(whole.start, spanStart - excerptWidthMax);
  const before = shown(source.text.slice(from, spanStart), 0);
  const marked = shown(
    source.text.slice(spanStart, Math.min(spanEnd, spanStart + excerptWidthMax)),
    before.width,
  );
  const after = shown(
    source.text.slice(spanEnd, Math.min(whole.end, spanEnd + excerptWidthMax)),
    before.width + marked.width,
  );
  return cropped(before, marked, after, from > whole.start);
}

interface Shown {
  readonly text: string;
  readonly width: number;
}

/** Characters as they are shown: tabs as spaces, invisible ones as escapes. */
function shown(text: string, column: number): Shown {
  let result = "";
  let width = 0;
  for (const character of text) {
    const piece =
      character === "\t"
        ? " ".repeat(tabWidth - ((column + width) % tabWidth))
        : printable(character);
    result += piece;
    width += Bun.stringWidth(piece);
  }
  return { text: result, width };
}

function cropped(before: Shown, marked: Shown, after: Shown, wasCut: boolean): Excerpt {
  const markedWidth = Math.min(marked.width, excerptWidthMax);
  const markedText =
    marked.width > excerptWidthMax ? columns(marked.text, excerptWidthMax) : marked.text;
  const room = Math.max(0, excerptWidthMax - markedWidth);
  const fits = !wasCut && before.width + markedWidth + after.width <= excerptWidthMax;
  if (fits || (!wasCut && before.width <= room)) {
    const rest = columns(after.text, room - before.width);
    const end = rest.length < after.text.length || markedWidth < marked.width ? "..." : "";
    return {
      text: before.text + markedText + rest + end,
      start: before.width,
      width: Math.max(1, markedWidth),
    };
  }
  // The line is long: a third of the room goes to what stands before the carets.
  const head = lastColumns(before.text, Math.floor(room / 3));
  const headWidth = Bun.stringWidth(head);
  const rest = columns(after.text, room - headWidth);
  const end = rest.length < after.text.length || markedWidth < marked.width ? "..." : "";
  return {
    text: `...${head}${markedText}${rest}${end}`,
    start: 3 + headWidth,
    width: Math.max(1, markedWidth),
  };
}

/** As many characters from the start as fit into `width` columns. */
function columns(text: string, width: number): string {
  let used = 0;
  let result = "";
  for (const character of text) {
    used += Bun.stringWidth(character);
    if (used > width) break;
    result += character;
  }
  return result;
}

function lastColumns(text: string, width: number): string {
  return [...columns([...text].reverse().join(""), width)].reverse().join("");
}

const colors = {
  error: "\x1b[1;31m",
  warning: "\x1b[1;33m",
  hint: "\x1b[1;36m",
  strong: "\x1b[1m",
  quiet: "\x1b[34m",
} as const;

function painter(color: boolean): Paint {
  return (as, text) => (color && text !== "" ? `${colors[as]}${text}\x1b[0m` : text);
}
