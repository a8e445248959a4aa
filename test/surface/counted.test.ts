// How numbers of things are written.

import { expect, test } from "bun:test";
import { assert, nat, property } from "fast-check";
import { counted, grouped } from "../../src/surface/text/counted.ts";

test("digits are grouped as in English", () => {
  expect([0, 999, 1000, 65_536, 1_000_000].map(grouped)).toEqual([
    "0",
    "999",
    "1,000",
    "65,536",
    "1,000,000",
  ]);
  assert(property(nat(), (count) => grouped(count) === count.toLocaleString("en")));
});

test("one thing is in the singular", () => {
  expect([0, 1, 2].map((count) => counted(count, "rule", "rules"))).toEqual([
    "0 rules",
    "1 rule",
    "2 rules",
  ]);
});
