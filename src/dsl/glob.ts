// The shape of a glob: a sequence of parts over bytes. The parser of the notation is below;
// what a glob matches is defined by LANGUAGE.md section 3 and compiled in src/ir.

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
   * `**`: any run of bytes. With `slashAfter` the following `/` belongs to it and the whole is `(.*/)?`,
   * so that `a/**` + `/b` also matches `a/b` and a leading `**` + `/x` matches `x` itself.
   */
  | { readonly kind: "globstar"; readonly slashAfter: boolean }
  /** `{a,b}`. */
  | { readonly kind: "alternatives"; readonly branches: readonly Glob[] };

export type Glob = readonly GlobPart[];
