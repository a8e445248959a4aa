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
  const before = source.text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let i = before.indexOf("\n"); i !== -1; i = before.indexOf("\n", i + 1)) line++;
  return { line, column: [...before.slice(lineStart)].length + 1 };
}
