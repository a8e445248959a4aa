// The tokens of the policy language.

export type TokenKind =
  /** A name, a keyword, a number or a duration: the parser knows which is wanted. */
  "word" | "string" | ":" | "=" | "," | "@" | "(" | ")" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** A word as written, a string's value, else the character itself. */
  readonly text: string;
  /** Place in the file. */
  readonly start: number;
  readonly end: number;
  /** Place in the fragment's text: where comments and line breaks are looked up. */
  readonly textStart: number;
  readonly textEnd: number;
}

export interface Comment {
  /** With its `#`, without the line break. */
  readonly text: string;
  readonly textStart: number;
  readonly textEnd: number;
  /** Nothing but white space stands before it on its line. */
  readonly ownLine: boolean;
}
