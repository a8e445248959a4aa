// Sets of patterns that compete are divided; what they match stays the same.

import { expect, setDefaultTimeout, test } from "bun:test";
import { GROUPS_MAX, header } from "../../src/ir/abi.ts";
import { walk } from "../../src/ir/run.ts";
import { clausesOf, compilerCodes, compileText, encode } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

const folders = (count: number): string =>
  Array.from({ length: count }, (_, i) => `rule r${i}: notify write "**/folder-${i}/**"`).join(
    "\n",
  );

test("competing patterns get several automata and still all match", () => {
  const compiled = compileText(folders(30));
  const groups = compiled.automata.filter(({ kind }) => kind === "path");
  expect(groups.length).toBeGreaterThan(1);
  expect(groups.length).toBeLessThanOrEqual(GROUPS_MAX);
  expect(compiled.image[header.automata + groups.length - 1]).not.toBe(0);
  expect(groups.flatMap(({ clauses }) => clauses).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 30 }, (_, i) => i),
  );
  expect(clausesOf(compiled, "path", "/a/folder-3/b/folder-29/folder-17/x")).toEqual([3, 17, 29]);
  expect(clausesOf(compiled, "path", "/a/folder-3")).toEqual([]);
});

test("patterns of one clause do not compete: they mean the same", () => {
  const set = Array.from({ length: 200 }, (_, i) => `"**/folder-${i}/**"`).join(", ");
  const compiled = compileText(`define ALL = ${set}\nrule r: notify write @ALL`);
  const [only, ...others] = compiled.automata.filter(({ kind }) => kind === "path");
  expect(others).toEqual([]);
  expect(only?.states).toBeLessThan(3000);
  expect(clausesOf(compiled, "path", "/x/folder-199/y")).toEqual([0]);
});

test("a set that no division helps is an error with its sizes", () => {
  expect(compilerCodes(folders(300))).toEqual(["X004"]);
});

test("what only exceptions could still decide is dead, and the walk ends there", () => {
  const compiled = compileText('rule r: block write "/a/**" unless target "/a/b/**" because "y"');
  const [walked] = walk(compiled.image, "path", encode("/a/b/c"));
  expect(walked?.state).toBe(0);
  expect(clausesOf(compiled, "path", "/a/b")).toEqual([0]);
});

test("a target that is all exception has no state at all", () => {
  const compiled = compileText('rule r: block write "/a/**" unless target "/**" because "y"');
  expect(compiled.automata.map(({ states }) => states)).toEqual([1]);
  expect(walk(compiled.image, "path", encode("/a/b"))[0]?.accepts).toEqual([]);
});

test("patterns that are all choice compile at once", () => {
  for (const piece of ["{,}", "{,{,}}", "{a,}", "*{,}", "{,a}{a,}", "{*,{,?}}"]) {
    const pattern = piece.repeat(16);
    const compiled = compileText(`
      rule r: notify write "${pattern}"
      rule s: notify exec "git" "${pattern}"
      rule t: notify exec "${pattern}z"`);
    expect(compiled.image.length).toBeGreaterThan(0);
  }
});

test("a pattern of more braces than anyone writes is an error", () => {
  expect(compilerCodes(`rule r: notify write "${"{a,}".repeat(33)}"`)).toEqual(["X009"]);
  expect(compilerCodes(`rule r: notify exec "x" "${"{a,}".repeat(900)}"`)).toEqual(["X009"]);
});

test("patterns that remember without end are an error and not an endless wait", () => {
  const words = Array.from(
    { length: 400 },
    (_, i) => `rule r${i}: notify exec "x" "*w${i}v*"`,
  ).join("\n");
  expect(compilerCodes(words)).toEqual(["X005"]);
  expect(compilerCodes(`rule r: notify write "/**a${"?".repeat(40)}"`)).toEqual(["X004"]);
});
