// A bucket empties, refills with time, and is one key's alone.

import { expect, test } from "bun:test";
import { Buckets } from "../../src/runtime/buckets.ts";

test("a burst is let through, then so many a second", () => {
  let nowMs = 0;
  const buckets = new Buckets({ perSecond: 10, burst: 3 }, () => nowMs);
  const take = (times: number) => Array.from({ length: times }, () => buckets.take("a"));
  expect(take(4)).toEqual([true, true, true, false]);
  nowMs = 100;
  expect(take(2)).toEqual([true, false]);
  nowMs = 60_000;
  expect(take(4)).toEqual([true, true, true, false]);
});

test("being turned away does not put the refill off", () => {
  let nowMs = 0;
  const buckets = new Buckets({ perSecond: 10, burst: 1 }, () => nowMs);
  buckets.take("a");
  for (nowMs = 10; nowMs < 100; nowMs += 10) expect(buckets.take("a")).toBe(false);
  nowMs = 101;
  expect(buckets.take("a")).toBe(true);
});

test("one key's flood is not another's", () => {
  const buckets = new Buckets({ perSecond: 1, burst: 1 }, () => 0);
  expect([buckets.take("a"), buckets.take("a"), buckets.take("b")]).toEqual([true, false, true]);
});
