// Compiling a policy text and asking its image, for the tests of src/ir. What a glob matches is decided
// here a second time, by backtracking and from the notation's definition alone.

import { expect } from "bun:test";
import fc from "fast-check";
import type { Glob, GlobPart } from "../../src/dsl/glob.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { type AutomatonKind, entry as entryAt } from "../../src/ir/abi.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled, CompileOptions } from "../../src/ir/ir.ts";
import { argumentBytes, entryOffset, walk, walkArguments } from "../../src/ir/run.ts";

export const places = { workspace: "/w", home: "/h" };

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The compiled policy; any error fails the test. */
export function compileText(text: string, options: CompileOptions = places): Compiled {
  const source = { name: "test.policy", text };
  const loaded = loadPolicy(source);
  const compiled = compile(loaded.value, { ...options, source });
  const errors = [...loaded.diagnostics, ...compiled.diagnostics].filter(
    (diagnostic) => diagnostic.severity === "error",
  );
  expect(errors.map((diagnostic) => diagnostic.message)).toEqual([]);
  return compiled.value;
}

/** The codes of what the compiler, not the front end, says. */
export function compilerCodes(text: string): string[] {
  const source = { name: "test.policy", text };
  return compile(loadPolicy(source).value, { ...places, source }).diagnostics.map(
    ({ code }) => code,
  );
}

/** Ids of the clauses that a name is accepted by, whatever their condition. */
export function clausesOf(
  compiled: Compiled,
  kind: AutomatonKind,
  name: string | Uint8Array,
): number[] {
  const bytes = typeof name === "string" ? encode(name) : name;
  return idsOf(
    compiled,
    walk(compiled.image, kind, bytes).flatMap(({ accepts }) => accepts),
  );
}

/** Ids of the clauses that hold for running `program` with `argv`, conditions and exceptions aside. */
export function execClausesOf(
  compiled: Compiled,
  program: string,
  argv: readonly string[],
): number[] {
  const walked = walk(compiled.image, "exec", encode(program));
  const start = walked.find(({ argsStart }) => argsStart !== 0)?.argsStart ?? 0;
  const atoms = walkArguments(compiled.image, argumentBytes(argv), start);
  const holding = walked
    .flatMap(({ accepts }) => accepts)
    .filter((number) => {
      const at = compiled.image[entryOffset(compiled.image, number) + entryAt.argsAt] as number;
      const wanted =
        at === 0 ? [] : compiled.image.subarray(at + 1, at + 1 + (compiled.image[at] as number));
      return [...wanted].every((atom) => atoms.has(atom));
    });
  return idsOf(compiled, holding);
}

function idsOf(compiled: Compiled, entries: readonly number[]): number[] {
  const ids = entries
    .map((number) => entryOffset(compiled.image, number))
    .filter((at) => compiled.image[at + entryAt.kind] === 1)
    .map((at) => compiled.image[at + entryAt.id] as number);
  return [...new Set(ids)].sort((a, b) => a - b);
}

// ---- globs, the naive way

/** `ordinary`: `*` and `?` run over `/`, as in arguments. */
export function globMatches(
  glob: Glob,
  bytes: Uint8Array,
  slash: "stops" | "ordinary" = "stops",
): boolean {
  return matchesFrom(glob, bytes, 0, slash);
}

function matchesFrom(
  glob: Glob,
  bytes: Uint8Array,
  at: number,
  slash: "stops" | "ordinary",
): boolean {
  const [part, ...rest] = glob;
  if (part === undefined) return at === bytes.length;
  return endsOf(part, bytes, at, slash).some((end) => matchesFrom(rest, bytes, end, slash));
}

/** Where `part` may end that begins at `at`. */
function endsOf(
  part: GlobPart,
  bytes: Uint8Array,
  at: number,
  slash: "stops" | "ordinary",
): number[] {
  const byte = bytes[at];
  const upTo = (stops: (byte: number) => boolean): number[] => {
    const ends = [at];
    for (let i = at; i < bytes.length && !stops(bytes[i] as number); i++) ends.push(i + 1);
    return ends;
  };
  switch (part.kind) {
    case "byte":
      return byte === part.byte ? [at + 1] : [];
    case "class": {
      const isAnyByte =
        slash === "ordinary" && part.set.every((member, i) => member || i === 0x2f || i === 0);
      return byte !== undefined && (isAnyByte || part.set[byte] === true) ? [at + 1] : [];
    }
    case "star":
      return upTo((next) => slash === "stops" && next === 0x2f);
    case "globstar":
      if (!part.slashAfter) return upTo(() => false);
      return [at, ...upTo(() => false).filter((end) => end > at && bytes[end - 1] === 0x2f)];
    case "alternatives":
      return part.branches.flatMap((branch) => prefixesOf(branch, bytes, at, slash));
  }
}

function prefixesOf(
  glob: Glob,
  bytes: Uint8Array,
  at: number,
  slash: "stops" | "ordinary",
): number[] {
  let ends = [at];
  for (const part of glob)
    ends = [...new Set(ends.flatMap((end) => endsOf(part, bytes, end, slash)))];
  return ends;
}

// ---- random globs over few letters, so that they often match

const letters = "ab/";

export const randomName = fc.string({ unit: fc.constantFrom(..."aabb/."), maxLength: 12 });

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...letters, "/", "a", ".") },
  { weight: 2, arbitrary: fc.constant("*") },
  { weight: 2, arbitrary: fc.constant("**") },
  { weight: 2, arbitrary: fc.constantFrom("**/", "/**", "/**/") },
  { weight: 1, arbitrary: fc.constant("?") },
  { weight: 1, arbitrary: fc.constantFrom("[a]", "[!a]", "[a-b.]") },
  { weight: 1, arbitrary: fc.constantFrom("{a,b}", "{a/,**/b}", "{,/a}", "{a,{b,*}/**}") },
);
export const randomGlobText = fc
  .array(piece, { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.join(""));
