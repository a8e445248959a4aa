// The packed comb against the table it stands for.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { packComb } from "../../src/ir/comb.ts";
import type { Dfa } from "../../src/ir/determinise.ts";

const classesMax = 9;
/** Row by row: the classes it names and where they lead. State 0 names none. */
const rows = fc.array(
  fc.uniqueArray(fc.tuple(fc.nat({ max: classesMax - 1 }), fc.nat({ max: 20 })), {
    selector: ([number]) => number,
    maxLength: classesMax,
  }),
  { maxLength: 60 },
);

function dfaOf(cells: readonly (readonly (readonly [number, number])[])[]): Dfa {
  const sorted = [[], ...cells.map((row) => [...row].sort(([a], [b]) => a - b))];
  const rowStart = [0];
  for (const row of sorted) rowStart.push((rowStart.at(-1) as number) + row.length);
  return {
    classes: { classOf: new Uint8Array(256), count: classesMax },
    states: sorted.length,
    starts: [1],
    otherwise: new Uint32Array(sorted.length).fill(99),
    rowStart: Uint32Array.from(rowStart),
    rowClass: Uint8Array.from(sorted.flatMap((row) => row.map(([number]) => number))),
    rowNext: Uint32Array.from(sorted.flatMap((row) => row.map(([, next]) => next))),
    outcome: new Uint32Array(sorted.length),
    outcomes: [[]],
  };
}

test("every cell of every row is found, and no cell of another", () => {
  fc.assert(
    fc.property(rows, (cells) => {
      const dfa = dfaOf(cells);
      const comb = packComb(dfa);
      for (const [i, row] of [[], ...cells].entries()) {
        for (let number = 0; number < classesMax; number++) {
          const at = (comb.base[i] as number) + number;
          expect(at).toBeLessThan(comb.check.length);
          const found = comb.check[at] === i && i !== 0 ? comb.next[at] : undefined;
          expect(found).toBe(row.find(([one]) => one === number)?.[1]);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("many short rows leave hardly a gap", () => {
  const cells = Array.from({ length: 5000 }, (_, i): [number, number][] => {
    const first = (i * 7) % classesMax;
    return i % 3 === 0
      ? [[first, 1]]
      : ([
          [first, 1],
          [(first + 1 + (i % 7)) % classesMax, 2],
        ].filter(([a], k, all) => k === 0 || a !== all[0]?.[0]) as [number, number][]);
  });
  const dfa = dfaOf(cells);
  const comb = packComb(dfa);
  expect(comb.check.length).toBeLessThan(dfa.rowClass.length * 1.02 + 2 * classesMax);
});
