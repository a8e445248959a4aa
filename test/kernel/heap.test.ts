// Room in the table: what is given out never overlaps, lies inside one chunk where it fits into one, and comes back whole.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { TABLE_CHUNK_WORDS as chunk } from "../../src/ir/abi.ts";
import { TableHeap } from "../../src/kernel/engine/heap.ts";

test("the first image lies at word 0, whatever its size", () => {
  expect(new TableHeap(chunk).allocate(100)).toBe(0);
  expect(new TableHeap(chunk * 3).allocate(chunk * 3)).toBe(0);
});

test("small images share a chunk, and one that would straddle begins in the next", () => {
  const heap = new TableHeap(chunk * 2);
  expect([heap.allocate(65), heap.allocate(64)]).toEqual([0, 128]);
  expect(heap.allocate(chunk - 64)).toBe(chunk);
  expect(heap.allocate(chunk - 192)).toBe(192);
  expect(heap.allocate(64)).toBe(chunk * 2 - 64);
  expect(heap.allocate(1)).toBeNull();
});

test("a large image begins where a chunk does", () => {
  const heap = new TableHeap(chunk * 4);
  heap.allocate(64);
  expect(heap.allocate(chunk * 2)).toBe(chunk);
  expect(heap.allocate(chunk * 2)).toBeNull();
});

test("what an earlier process took is not given out again", () => {
  const heap = new TableHeap(chunk);
  heap.occupy(64, 100);
  expect([heap.allocate(64), heap.allocate(64)]).toEqual([0, 192]);
  expect(() => heap.occupy(64, 1)).toThrow();
  expect(() => heap.release(chunk, 64)).not.toThrow();
});

test("any sequence of taking and giving back keeps images apart", () => {
  const sizes = fc.oneof(
    fc.integer({ min: 1, max: 2000 }),
    fc.integer({ min: chunk - 100, max: chunk * 2 }),
  );
  const step = fc.oneof(fc.record({ take: sizes }), fc.record({ give: fc.nat() })) as fc.Arbitrary<{
    take?: number;
    give?: number;
  }>;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const words = chunk * 4;
      const heap = new TableHeap(words);
      let taken: { at: number; words: number }[] = [];
      for (const { take, give } of steps) {
        if (take !== undefined) {
          const at = heap.allocate(take);
          if (at === null) continue;
          expect(at % 64).toBe(0);
          expect(at + take).toBeLessThanOrEqual(words);
          expect(take > chunk ? at % chunk : (at % chunk) + take <= chunk ? 0 : 1).toBe(0);
          for (const one of taken)
            expect(at >= one.at + one.words || one.at >= at + take).toBe(true);
          taken.push({ at, words: take });
        } else if (taken.length > 0) {
          const one = taken[(give ?? 0) % taken.length] as { at: number; words: number };
          heap.release(one.at, one.words);
          taken = taken.filter((other) => other !== one);
        }
      }
      for (const one of taken) heap.release(one.at, one.words);
      expect(heap.freeWords).toBe(words);
      expect(heap.allocate(words)).toBe(0);
    }),
  );
});
