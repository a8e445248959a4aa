// Ten thousand rules, and that nothing but their text decides the words. No clock is read here: times
// are in bench/compile.bench.ts.

import { expect, setDefaultTimeout, test } from "bun:test";
import { pathRules, samplePaths } from "../../bench/policies.ts";
import { parseGlob } from "../../src/dsl/glob.ts";
import { header } from "../../src/ir/abi.ts";
import { anchorPath } from "../../src/ir/anchor.ts";
import { clausesOf, compileText, encode, globMatches, places } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

const rulesCount = 10_000;
/** Bytes of tables a byte of pattern: 16 of a state, 8 a cell, and what the entries and lists add. */
const bytesPerPatternByteMax = { folders: 40, files: 40, floating: 90, stars: 60 };

for (const shape of ["folders", "files", "floating", "stars"] as const) {
  test(`ten thousand ${shape} stay within their size and match`, () => {
    const rules = pathRules(shape, rulesCount);
    const compiled = compileText(rules.text);
    const patternBytes = rules.patterns.reduce((sum, pattern) => sum + pattern.length, 0);
    expect(compiled.image.length * 4).toBeLessThan(patternBytes * bytesPerPatternByteMax[shape]);
    expect(compiled.image[header.clauses]).toBe(rulesCount);

    const globs = rules.patterns.map((pattern) => anchorPath(parseGlob(pattern).glob, places));
    for (const path of samplePaths(rules, 15)) {
      const bytes = encode(path);
      const expected = globs.flatMap((own, i) =>
        own.some((glob) => globMatches(glob, bytes)) ? [i] : [],
      );
      expect([path, ...clausesOf(compiled, "path", path)]).toEqual([path, ...expected]);
    }
  });
}

test("equal texts give equal words", () => {
  const text = `
    source A = exec "{npm,yarn}" "publish"
    define D = "a/**", "b/**"
    rule r: block write @D if A unless target "a/x" or after exec "make" exits 0 since write "**" because "y"
    rule s: block exec any "*x*" "-f" unless target "/usr/**" or lineage-includes exec "ci" because "y"
    rule t: block connect "10.0.0.0/8:1-600" because "y"`;
  const first = compileText(text).image;
  const second = compileText(text).image;
  expect(first).toEqual(second);
  expect(first.length).toBe(first[header.words] as number);
});

test("spans and source names do not reach the words", () => {
  const text = 'rule r: block write "a/**" because "y"';
  expect(compileText(`# a comment\n\n  ${text}`).image).toEqual(compileText(text).image);
});
