// What is told of the counters of the kernel half.

import { expect, test } from "bun:test";
import { type Counters, counterNames } from "../../src/kernel/kernel.ts";
import { lossesOf, lossLines } from "../../src/surface/text/losses.ts";

const none = Object.fromEntries(
  [...counterNames, "skipped"].map((name) => [name, 0]),
) as unknown as Counters;

test("what is meant to happen is no loss", () => {
  expect(lossLines(lossesOf({ ...none, checks: 9, matches: 3, refused: 2, killed: 1 }))).toEqual(
    [],
  );
});

test("every other counter is told in a sentence", () => {
  const usual = ["events", "checks", "matches", "refused", "killed"];
  for (const name of Object.keys(none).filter((each) => !usual.includes(each)))
    expect(lossLines(lossesOf({ ...none, [name]: 2 }))).toEqual([
      expect.stringMatching(/^2 [a-z][^.]{20,}[^.]$/),
    ]);
});

test("what was told already is not told again", () => {
  const before = lossesOf({ ...none, slipped: 2, untold: 5 });
  expect(lossesOf({ ...none, slipped: 3, untold: 5 }, before)).toEqual({ slipped: 1 });
});
