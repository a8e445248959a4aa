// A named text and places in it. Spans are offsets in UTF-16 code units of `text`;
// lines and columns are derived only when a person reads them.

export interface Source {
  /** What a person calls the text: a path as given, or `--rule`, or `request body`. */
  readonly name: string;
  readonly text: string;
}

/** Half-open range `[start, end)` of offsets into a source's text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Position {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in code points, a tab counts as one. */
  readonly column: number;
}

/** The line and column of `offset`; an offset past the end is the end. */
export function positionAt(source: Source, offset: number): Position {
  const index = indexOf(source);
  const bounded = Math.max(0, Math.min(offset, source.text.length));
  const line = lineIndexAt(index, bounded);
  return { line: line + 1, column: columnAt(source, index, line, bounded) };
}

/** Where line `line` (1-based) starts and ends, its line break (`\n` or `\r\n`) left out. */
export function lineSpan(source: Source, line: number): Span {
  const { lineStarts } = indexOf(source);
  const start = lineStarts[line - 1] ?? source.text.length;
  let end = lineStarts[line] ?? source.text.length + 1;
  end -= 1;
  if (end > start && source.text[end - 1] === "\r") end -= 1;
  return { start, end: Math.max(start, end) };
}

/** Line starts of a source, and the last column asked for: many faults of one long line must not each walk it. */
interface LineIndex {
  readonly lineStarts: readonly number[];
  last: { readonly line: number; readonly offset: number; readonly column: number };
}

const lineIndexes = new WeakMap<Source, LineIndex>();

function indexOf(source: Source): LineIndex {
  const known = lineIndexes.get(source);
  if (known !== undefined) return known;
  const lineStarts = [0];
  for (let i = source.text.indexOf("\n"); i !== -1; i = source.text.indexOf("\n", i + 1)) {
    lineStarts.push(i + 1);
  }
  const index: LineIndex = { lineStarts, last: { line: 0, offset: 0, column: 1 } };
  lineIndexes.set(source, index);
  return index;
}

/** The greatest 0-based line that starts at or before `offset`. */
function lineIndexAt(index: LineIndex, offset: number): number {
  let low = 0;
  let high = index.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((index.lineStarts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function columnAt(source: Source, index: LineIndex, line: number, offset: number): number {
  const { last } = index;
  const goesOn = last.line === line && last.offset <= offset;
  let at = goesOn ? last.offset : (index.lineStarts[line] as number);
  let column = goesOn ? last.column : 1;
  while (at < offset) {
    at += isPairAt(source.text, at) ? 2 : 1;
    column += 1;
  }
  index.last = { line, offset: at, column };
  return column;
}

function isPairAt(text: string, at: number): boolean {
  const high = text.charCodeAt(at);
  if (high < 0xd800 || high > 0xdbff) return false;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff;
}
