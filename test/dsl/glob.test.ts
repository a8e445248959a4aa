// The notation of globs: what it is parsed to, said by what it matches, and its faults.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { literalGlob, parseGlob, parsePathGlob } from "../../src/dsl/glob.ts";
import { covers, disjoint, matchesGlob, type SlashRule } from "../../src/dsl/glob-language.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function matches(
  pattern: string,
  yes: readonly string[],
  no: readonly string[],
  rule: SlashRule = "stops",
): void {
  const { glob, problems } = parsePathGlob(pattern);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const all = [...yes, ...no];
  expect(all.filter((text) => matchesGlob(glob, bytes(text), rule))).toEqual([...yes]);
}

function problem(pattern: string, code: string, start: number, end: number): void {
  const { problems } = parseGlob(pattern);
  expect(problems.map((found) => [found.code, found.start, found.end])).toEqual([
    [code, start, end],
  ]);
}

describe("matching", () => {
  test("a star stays within its segment", () =>
    matches("src/*.ts", ["src/a.ts", "src/.ts"], ["src/a/b.ts", "a.ts"]));
  test("a star in an argument runs over slashes", () =>
    matches("--out=*", ["--out=a/b", "--out="], ["--ou"], "ordinary"));
  test("two stars run across segments", () =>
    matches("src/**", ["src/a", "src/a/b/c", "src/"], ["src", "x/src/a"]));
  test("two stars between slashes may be nothing", () =>
    matches("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a/b/c"]));
  test("two stars in front float", () =>
    matches("**/.env", [".env", "a/.env", "/a/b/.env"], ["x.env", "a/.env/b"]));
  test("two stars inside a name run over all", () =>
    matches("a**b", ["ab", "a/x/b", "axb"], ["a", "b"]));
  test("three stars are two", () => matches("***/x", ["x", "a/x"], ["ax"]));
  test("a question mark is one byte but a slash", () =>
    matches("a?c", ["abc", "a?c"], ["ac", "a/c", "aéc"]));
  test("a class is one of its bytes", () =>
    matches("[a-cx]1", ["a1", "c1", "x1"], ["d1", "1", "ab1"]));
  test("a negated class is one byte outside it", () =>
    matches("[!a-c]1", ["d1", "]1"], ["a1", "/1"]));
  test("a bracket first in a class is itself", () => matches("[]a]", ["]", "a"], ["[", "b"]));
  test("a caret negates too", () => matches("[^a]", ["b"], ["a", "^"].slice(0, 1)));
  test("a class holds characters outside ASCII", () =>
    matches("[éa]x", ["éx", "ax"], ["x", "e\u0301x"]));
  test("braces are alternatives", () =>
    matches("*.{ts,tsx}", ["a.ts", "a.tsx"], ["a.t", "a.{ts,tsx}"]));
  test("braces nest and may be empty", () =>
    matches("a{,b{c,d}}", ["a", "abc", "abd"], ["ab", "abcd"]));
  test("braces without a comma are characters", () =>
    matches("find-{}-{x}", ["find-{}-{x}"], ["find--x"]));
  test("two stars at the start of an alternative float", () =>
    matches("{**/a,b}", ["a", "x/a", "b"], ["x/b"]));
  test("a backslash takes the meaning away", () =>
    matches("\\*\\[\\{a\\\\", ["*[{a\\"], ["x[{a\\"]));
  test("a class holds an escaped bracket", () => matches("[\\]]", ["]"], ["\\"]));
  test("names are bytes of UTF-8", () => matches("日本*", ["日本", "日本語"], ["日"]));
  test("a dot segment and a doubled slash are dropped", () =>
    matches("./a/./b//c", ["./a/b/c"], ["./a/./b//c"]));
});

describe("faults", () => {
  test("an empty pattern", () => problem("", "P040", 0, 0));
  test("a class that is not closed", () => problem("a[bc", "P041", 1, 2));
  test("a class with an escaped end", () => problem("a[b\\]", "P041", 1, 2));
  test("a brace that is not closed", () => problem("a{b,c", "P042", 1, 2));
  test("a backslash at the end", () => problem("ab\\", "P043", 2, 3));
  test("braces in braces without end", () =>
    problem("{a,".repeat(20) + "}".repeat(20), "P044", 48, 49));
  test("a pattern longer than a path", () => problem("a".repeat(5000), "P045", 0, 5000));
  test("a NUL byte", () => problem("a\0b", "P046", 1, 2));
  test("half a character", () => problem("a\ud800b", "P046", 1, 2));
  test("a range outside ASCII", () => problem("[à-ü]", "P047", 0, 5));
  test("a range that runs backwards", () => problem("[z-a]", "P047", 0, 5));
  test("many open brackets cost little", () =>
    expect(parseGlob("[".repeat(4000)).problems.length).toBe(1));
});

describe("languages", () => {
  const covered: [string, string, boolean][] = [
    ["**", "a/b", true],
    ["/work/**", "/work/src/*.ts", true],
    ["/work/**", "/work", false],
    ["**/git", "/usr/bin/git", true],
    ["**/git", "**/bin/git", true],
    ["*.ts", "a*.ts", true],
    ["*.ts", "a/*.ts", false],
    ["a?c", "abc", true],
    ["a?c", "a*c", false],
    ["{a,b}", "a", true],
    ["a", "{a,b}", false],
    ["[a-z]x", "[b-d]x", true],
    ["a/**/b", "a/b", true],
  ];
  for (const [general, special, expected] of covered) {
    test(`${general} ${expected ? "covers" : "does not cover"} ${special}`, () =>
      expect(covers(parseGlob(general).glob, parseGlob(special).glob)).toBe(expected));
  }

  test("what is covered is matched", () => {
    const piece = fc.constantFrom("a", "b", "/", "*", "**", "?", "[ab]", "{a,b/a}", "**/");
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 5 })
      .map((pieces) => pieces.join(""));
    const name = fc
      .array(fc.constantFrom("a", "b", "/", "c"), { maxLength: 6 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(pattern, pattern, fc.array(name, { maxLength: 20 }), (x, y, names) => {
        const a = parseGlob(x).glob;
        const b = parseGlob(y).glob;
        const isCovered = covers(a, b);
        const isDisjoint = disjoint(a, b);
        for (const text of names) {
          const inA = matchesGlob(a, bytes(text));
          const inB = matchesGlob(b, bytes(text));
          if (isCovered && inB) expect(inA).toBe(true);
          if (isDisjoint) expect(inA && inB).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("an escaped text matches itself alone", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), (text) => {
        fc.pre(!text.includes("\0") && text.isWellFormed());
        const escaped = text.replace(/[\\*?[{},\]]/g, "\\$&");
        const { glob, problems } = parseGlob(escaped);
        expect(problems).toEqual([]);
        expect(glob).toEqual(literalGlob(text));
      }),
    );
  });
});
