// Globs over bytes: their shape, and the parser of the notation. What a glob matches is defined by
// LANGUAGE.md section 3 and compiled in src/ir; glob-language.ts answers questions about two globs.

/** A set of byte values; index is the byte. INVARIANT: 256 entries. */
export type ByteSet = readonly boolean[];

export type GlobPart =
  /** Exactly this byte. */
  | { readonly kind: "byte"; readonly byte: number }
  /** One byte of the set; `?` is the set of all but `/`. */
  | { readonly kind: "class"; readonly set: ByteSet }
  /** `*`: any run of bytes but `/`, also none. In an argument or name pattern `/` is an ordinary byte (see compile). */
  | { readonly kind: "star" }
  /**
   * `**`: any run of bytes. With `slashAfter` the following `/` belongs to it and the whole may also be nothing,
   * so that `a/**` + `/b` also matches `a/b` and a leading `**` + `/x` matches `x` itself.
   */
  | { readonly kind: "globstar"; readonly slashAfter: boolean }
  /** `{a,b}`. */
  | { readonly kind: "alternatives"; readonly branches: readonly Glob[] };

export type Glob = readonly GlobPart[];

/** What is wrong with a quoted pattern; offsets are in UTF-16 code units of its text. */
export interface PatternProblem {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly start: number;
  readonly end: number;
  readonly help?: string;
}

export interface ParsedGlob {
  readonly glob: Glob;
  readonly problems: readonly PatternProblem[];
}

/** No path is longer (PATH_MAX), so no longer pattern says anything. */
const patternBytesMax = 4096;
/** Braces in braces; real patterns use one or two levels. The parser's recursion is bounded by it. */
const braceDepthMax = 16;

export const slash = 0x2f;

/**
 * `text` as a glob.
 *
 *     *       any run within a segment        [a-z]   one byte of a class, [!a-z] one outside it
 *     **      any run across segments         {a,b}   either
 *     ?       one byte but `/`                \x      x itself
 */
export function parseGlob(text: string): ParsedGlob {
  if (text.length === 0) {
    return {
      glob: [],
      problems: [problem("P040", 0, 0, "the pattern is empty", "write `any` to match everything")],
    };
  }
  // A code point is at most three bytes per code unit, so the cheap test comes first.
  if (text.length > patternBytesMax || Buffer.byteLength(text) > patternBytesMax) {
    return {
      glob: [],
      problems: [
        problem("P045", 0, text.length, `the pattern is longer than ${patternBytesMax} bytes`),
      ],
    };
  }
  const parser = new GlobParser(text);
  const glob = parser.parseSequence(text.length, true);
  return { glob, problems: parser.problems };
}

/**
 * `text` as a glob over canonical paths: `/./` and `//` inside are dropped because a canonical path never holds them;
 * `..` cannot be dropped and never matches, so it is reported. A `./` in front stays: it says that what follows is
 * below the workspace (`./**` does not float) and that a program is a path and no name. `belowWorkspace` drops it.
 */
export function parsePathGlob(text: string): ParsedGlob {
  const { glob, problems } = parseGlob(text);
  return { glob: canonical(glob), problems: [...problems, ...pathProblems(text)] };
}

/** `{a,b}` of globs that are already parsed: how a set stands in for one pattern. */
export function alternatives(branches: readonly Glob[]): Glob {
  const [only, ...others] = branches;
  return only !== undefined && others.length === 0 ? only : [{ kind: "alternatives", branches }];
}

/** The UTF-8 bytes of `text` as parts, none of them special. */
export function literalGlob(text: string): Glob {
  return [...new TextEncoder().encode(text)].map((byte) => ({ kind: "byte", byte }));
}

function problem(
  code: string,
  start: number,
  end: number,
  message: string,
  help?: string,
): PatternProblem {
  return { severity: "error", code, start, end, message, ...(help === undefined ? {} : { help }) };
}

// ---------------------------------------------------------------------------------------- parsing

class GlobParser {
  readonly problems: PatternProblem[] = [];
  readonly #text: string;
  readonly #braces: ReadonlyMap<number, Brace>;
  #index = 0;
  #depth = 0;
  /** Once one `[` has no `]`, no later one has: they are literal and not searched again. */
  #classesEnded = false;

  constructor(text: string) {
    this.#text = text;
    this.#braces = this.#matchBraces();
  }

  /** Parts up to `end`. `segmentStart`: a `/` or nothing stands before, so `**` + `/` may be none. */
  parseSequence(end: number, segmentStart: boolean): GlobPart[] {
    const parts: GlobPart[] = [];
    let atSegmentStart = segmentStart;
    while (this.#index < end) {
      const start = this.#index;
      this.#parsePart(end, atSegmentStart, parts);
      const last = parts.at(-1);
      atSegmentStart =
        (last?.kind === "byte" && last.byte === slash) ||
        (last?.kind === "globstar" && last.slashAfter);
      if (this.#index === start) break; // INVARIANT: every part consumes; never loop on a mistake of ours.
    }
    return parts;
  }

  #parsePart(end: number, atSegmentStart: boolean, parts: GlobPart[]): void {
    switch (this.#text[this.#index]) {
      case "*":
        parts.push(this.#parseStar(end, atSegmentStart));
        return;
      case "?":
        this.#index += 1;
        parts.push({ kind: "class", set: anyButSlash });
        return;
      case "[":
        this.#parseClass(end, parts);
        return;
      case "{":
        this.#parseBrace(atSegmentStart, parts);
        return;
      case "\\":
        this.#parseEscape(end, parts);
        return;
      default:
        this.#parseLiteral(parts);
    }
  }

  #parseStar(end: number, atSegmentStart: boolean): GlobPart {
    const start = this.#index;
    while (this.#index < end && this.#text[this.#index] === "*") this.#index += 1;
    if (this.#index - start === 1) return { kind: "star" };
    const slashAfter = atSegmentStart && this.#index < end && this.#text[this.#index] === "/";
    if (slashAfter) this.#index += 1;
    return { kind: "globstar", slashAfter };
  }

  #parseEscape(end: number, parts: GlobPart[]): void {
    this.#index += 1;
    if (this.#index >= end) {
      const at = this.#index - 1;
      this.problems.push(
        problem("P043", at, at + 1, "nothing follows the `\\`", "write `\\\\\\\\` for a backslash"),
      );
      return;
    }
    this.#parseLiteral(parts);
  }

  #parseLiteral(parts: GlobPart[]): void {
    const codePoint = this.#text.codePointAt(this.#index) as number;
    const start = this.#index;
    this.#index += codePoint > 0xffff ? 2 : 1;
    if (codePoint === 0) {
      this.problems.push(problem("P046", start, this.#index, "no name holds a NUL byte"));
    } else if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      this.problems.push(problem("P046", start, this.#index, "this is half a Unicode character"));
    }
    for (const byte of utf8(codePoint)) parts.push({ kind: "byte", byte });
  }

  #parseBrace(atSegmentStart: boolean, parts: GlobPart[]): void {
    const open = this.#index;
    const brace = this.#braces.get(open);
    if (brace === undefined || brace.commas.length === 0) {
      // `{}` and `{x}` are ordinary characters, as in a shell. An unclosed `{` was reported when braces were matched.
      this.#parseLiteral(parts);
      return;
    }
    if (this.#depth >= braceDepthMax) {
      this.problems.push(
        problem("P044", open, open + 1, `braces are nested deeper than ${braceDepthMax}`),
      );
      this.#index = brace.close + 1;
      return;
    }
    this.#depth += 1;
    const branches: Glob[] = [];
    for (const branchEnd of [...brace.commas, brace.close]) {
      this.#index += 1;
      branches.push(this.parseSequence(branchEnd, atSegmentStart));
      this.#index = branchEnd;
    }
    this.#index = brace.close + 1;
    this.#depth -= 1;
    parts.push({ kind: "alternatives", branches });
  }

  /** Which `{` closes where, and the commas that belong to it. One pass, no recursion. */
  #matchBraces(): Map<number, Brace> {
    const matched = new Map<number, Brace>();
    const open: { at: number; commas: number[] }[] = [];
    const text = this.#text;
    for (let i = 0; i < text.length; i++) {
      const character = text[i];
      if (character === "\\") i += 1;
      else if (character === "[") i = Math.max(i, this.#classEnd(i, text.length));
      else if (character === "{") open.push({ at: i, commas: [] });
      else if (character === ",") open.at(-1)?.commas.push(i);
      else if (character === "}") {
        const last = open.pop();
        if (last !== undefined) matched.set(last.at, { close: i, commas: last.commas });
      }
    }
    const unclosed = open[0];
    if (unclosed !== undefined) {
      this.problems.push(
        problem(
          "P042",
          unclosed.at,
          unclosed.at + 1,
          "`{` is not closed",
          "close it with `}`, or write `\\{` for the character itself",
        ),
      );
    }
    this.#classesEnded = false;
    return matched;
  }

  /** The offset of the `]` that closes the `[` at `start`, or -1. */
  #classEnd(start: number, end: number): number {
    if (this.#classesEnded) return -1;
    let i = start + 1;
    if (this.#text[i] === "!" || this.#text[i] === "^") i += 1;
    if (this.#text[i] === "]") i += 1;
    for (; i < end; i++) {
      if (this.#text[i] === "\\") i += 1;
      else if (this.#text[i] === "]") return i;
    }
    this.#classesEnded = true;
    return -1;
  }

  #parseClass(end: number, parts: GlobPart[]): void {
    const start = this.#index;
    const reported = this.#classesEnded;
    const close = this.#classEnd(start, end);
    if (close === -1) {
      if (!reported) {
        this.problems.push(
          problem(
            "P041",
            start,
            start + 1,
            "`[` is not closed",
            "close it with `]`, or write `\\[` for the character itself",
          ),
        );
      }
      this.#parseLiteral(parts);
      return;
    }
    this.#index = close + 1;
    const negated = this.#text[start + 1] === "!" || this.#text[start + 1] === "^";
    const members = this.#classMembers(start + (negated ? 2 : 1), close);
    parts.push(this.#classPart(members, negated, start, close + 1));
  }

  /** Single characters and ranges, as code points. */
  #classMembers(start: number, end: number): ClassMember[] {
    const characters: { codePoint: number; escaped: boolean; at: number }[] = [];
    for (let i = start; i < end; ) {
      const at = i;
      const escaped = this.#text[i] === "\\" && i + 1 < end;
      if (escaped) i += 1;
      const codePoint = this.#text.codePointAt(i) as number;
      i += codePoint > 0xffff ? 2 : 1;
      characters.push({ codePoint, escaped, at });
    }
    const members: ClassMember[] = [];
    for (let i = 0; i < characters.length; i++) {
      const low = characters[i] as (typeof characters)[0];
      const dash = characters[i + 1];
      const high = characters[i + 2];
      if (dash !== undefined && high !== undefined && dash.codePoint === 0x2d && !dash.escaped) {
        members.push({ low: low.codePoint, high: high.codePoint });
        i += 2;
      } else {
        members.push({ low: low.codePoint, high: low.codePoint });
      }
    }
    return members;
  }

  #classPart(members: ClassMember[], negated: boolean, start: number, end: number): GlobPart {
    const wide = members.filter((member) => member.high > 0x7f);
    if (wide.some((member) => negated || member.low !== member.high)) {
      this.problems.push(
        problem(
          "P047",
          start,
          end,
          "a class with characters outside ASCII cannot be negated or hold a range",
          "patterns match bytes: list the characters, or use `*`",
        ),
      );
      return { kind: "class", set: anyButSlash };
    }
    if (members.some((member) => member.low > member.high)) {
      this.problems.push(problem("P047", start, end, "the range of this class runs backwards"));
    }
    const set = new Array<boolean>(256).fill(negated);
    for (const { low, high } of members) {
      for (let byte = low; byte <= Math.min(high, 0x7f); byte++) set[byte] = !negated;
    }
    if (negated) {
      set[slash] = false;
      set[0] = false;
    }
    const single: GlobPart = { kind: "class", set };
    if (wide.length === 0) return single;
    // One character outside ASCII is several bytes, so the class becomes a choice of byte strings.
    const branches: Glob[] = wide.map(({ low }) =>
      utf8(low).map((byte) => ({ kind: "byte", byte })),
    );
    if (set.includes(true)) branches.push([single]);
    return { kind: "alternatives", branches };
  }
}

interface Brace {
  readonly close: number;
  readonly commas: readonly number[];
}

interface ClassMember {
  readonly low: number;
  readonly high: number;
}

/** `?`: every byte but `/`; a NUL never stands in a name. */
export const anyButSlash: ByteSet = Array.from(
  { length: 256 },
  (_, byte) => byte !== slash && byte !== 0,
);

function utf8(codePoint: number): number[] {
  if (codePoint < 0x80) return [codePoint];
  return [...new TextEncoder().encode(String.fromCodePoint(codePoint))];
}

// ------------------------------------------------------------------------------- canonical paths

const dot = 0x2e;

/** What a relative glob says of names below the workspace: the glob without `./` in front. */
export function belowWorkspace(glob: Glob): Glob {
  let relative = glob;
  while (isByte(relative[0], dot) && isSlash(relative[1])) relative = relative.slice(2);
  return relative.length === 1 && isByte(relative[0], dot) ? [] : relative;
}

/** Drops `.` segments and doubled slashes at the top level of the glob, but for one `./` in front. */
function canonical(glob: Glob): Glob {
  const parts: GlobPart[] = [];
  for (let i = 0; i < glob.length; i++) {
    const part = glob[i] as GlobPart;
    const atSegmentStart = isSlash(parts.at(-1)) || endsInSlash(parts.at(-1));
    if (atSegmentStart && isByte(part, dot) && isSlash(glob[i + 1])) i += 1;
    else if (isSlash(part) && (isSlash(parts.at(-1)) || endsInSlash(parts.at(-1)))) continue;
    else parts.push(part);
  }
  return parts;
}

function isByte(part: GlobPart | undefined, byte: number): boolean {
  return part?.kind === "byte" && part.byte === byte;
}

function isSlash(part: GlobPart | undefined): boolean {
  return isByte(part, slash);
}

function endsInSlash(part: GlobPart | undefined): boolean {
  return part?.kind === "globstar" && part.slashAfter;
}

/** Notations that never match a canonical path. */
function pathProblems(text: string): PatternProblem[] {
  const problems: PatternProblem[] = [];
  const parent = /(?:^|\/)(\.\.)(?=\/|$)/.exec(text);
  if (parent !== null) {
    const start = parent.index + parent[0].length - 2;
    problems.push({
      severity: "warning",
      code: "P048",
      start,
      end: start + 2,
      message: "`..` never matches: paths are compared after `..` is resolved",
      help: "write the path from `/`, from `~/` or from the workspace",
    });
  }
  if (text.length > 1 && text.endsWith("/") && !text.endsWith("\\/")) {
    problems.push({
      severity: "warning",
      code: "P049",
      start: text.length - 1,
      end: text.length,
      message: "no path ends in `/`, so this never matches",
      help: `did you mean \`${text}**\`?`,
    });
  }
  const variable = /\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)/.exec(text);
  if (variable !== null) {
    problems.push({
      severity: "warning",
      code: "P051",
      start: variable.index,
      end: variable.index + variable[0].length,
      message: `\`${variable[0]}\` is not expanded: it matches these characters`,
      help: "write `~` for the home folder; a relative pattern is relative to the workspace",
    });
  }
  const user = /^~[^/]+/.exec(text);
  if (user !== null) {
    problems.push({
      severity: "warning",
      code: "P051",
      start: 0,
      end: user[0].length,
      message: `\`${user[0]}\` is not expanded: only \`~\` alone is the governed user's home`,
      help: "write the home folder in full",
    });
  }
  return problems;
}
