// The tokens of a fragment, as many ahead as a production wants to see, and the faults that are found in them.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Span } from "../../base/source.ts";
import type { Fragment } from "../fragment.ts";
import { Lexer } from "../lexer.ts";
import type { Comment, Token, TokenKind } from "../token.ts";

/** Where a printed unit stands in the fragment's text: a declaration, a clause, or the end of a rule. */
export interface Layout {
  readonly textStart: number;
  readonly textEnd: number;
  /** Of a rule: its `NAME:` ends here, and these are its last lines. */
  readonly headEnd?: number;
  readonly tails?: ReadonlyMap<string, Layout>;
}

/** More faults than this are one: the file is not a policy. */
const diagnosticsMax = 200;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Reader {
  readonly fragment: Fragment;
  readonly diagnostics: Diagnostic[] = [];
  readonly layouts = new Map<object, Layout>();
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];
  #last: Token | null = null;
  #gaveUp = false;

  constructor(fragment: Fragment) {
    this.fragment = fragment;
    this.#lexer = new Lexer(fragment, (diagnostic) => this.add(diagnostic));
  }

  get comments(): readonly Comment[] {
    return this.#lexer.comments;
  }

  peek(distance = 0): Token {
    while (this.#ahead.length <= distance) this.#ahead.push(this.#nextToken());
    return this.#ahead[distance] as Token;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#ahead.shift();
    this.#last = token;
    return token;
  }

  #nextToken(): Token {
    if (!this.#gaveUp) return this.#lexer.next();
    const at = this.fragment.text.length;
    const start = this.fragment.place(at);
    return { kind: "end", text: "", start, end: start, textStart: at, textEnd: at };
  }

  lastToken(): Token {
    return this.#last ?? this.peek();
  }

  at(kind: TokenKind): boolean {
    return this.peek().kind === kind;
  }

  atWord(word: string): boolean {
    const token = this.peek();
    return token.kind === "word" && token.text === word;
  }

  /** From `start` to the last token that was taken; empty at `start` where none was. */
  spanFrom(start: Token): Span {
    const last = this.lastToken();
    return { start: start.start, end: Math.max(last.end, start.start) };
  }

  laidOut<T extends object>(node: T, start: Token): T {
    this.layouts.set(node, { textStart: start.textStart, textEnd: this.lastToken().textEnd });
    return node;
  }

  ruleHadFaults(start: Token): boolean {
    return this.diagnostics.some(
      ({ severity, span }) => severity === "error" && span.start >= start.start,
    );
  }

  /**
   * A fault at a token that should not be there. `message` says what was expected; where the line ends before it, the
   * end of the line is shown, for there something is missing.
   */
  unexpected(code: string, token: Token, message: string, help?: string): void {
    const last = this.#last;
    const isMissing = message.startsWith("expected ");
    if (!isMissing || last === null || !this.#isLineEndBetween(last, token)) {
      const found = isMissing ? `, found ${describe(token)}` : "";
      this.fault(code, token, `${message}${found}`, help === undefined ? {} : { help });
      return;
    }
    const found = token.kind === "end" ? describe(token) : "the end of the line";
    this.add({
      severity: "error",
      code,
      message: `${message}, found ${found}`,
      source: this.fragment.source,
      span: { start: last.end, end: last.end },
      ...(help === undefined ? {} : { help }),
    });
  }

  #isLineEndBetween(last: Token, next: Token): boolean {
    if (next.kind === "end") return true;
    return this.fragment.text.slice(last.textEnd, next.textStart).includes("\n");
  }

  fault(
    code: string,
    token: Token,
    message: string,
    more: { help?: string; severity?: Diagnostic["severity"]; end?: Token },
  ): void {
    this.add({
      severity: more.severity ?? "error",
      code,
      message,
      source: this.fragment.source,
      span: { start: token.start, end: (more.end ?? token).end },
      ...(more.help === undefined ? {} : { help: more.help }),
    });
  }

  add(diagnostic: Mutable<Diagnostic>): void {
    if (this.#gaveUp) return;
    this.diagnostics.push(diagnostic);
    if (this.diagnostics.length < diagnosticsMax) return;
    // What follows is most likely no policy; each further fault would be noise and cost time.
    this.#gaveUp = true;
    this.#ahead.length = 0;
    this.diagnostics.push({
      severity: "error",
      code: "P060",
      message: `more than ${diagnosticsMax} faults: the rest of the text was not read`,
      source: this.fragment.source,
      span: diagnostic.span,
    });
  }
}

/** A token as a fault names it. */
export function describe(token: Token): string {
  if (token.kind === "end") return "the end of the text";
  if (token.kind === "string") return "a string";
  const text = token.text.length > 40 ? `${token.text.slice(0, 40)}...` : token.text;
  return `\`${text}\``;
}
