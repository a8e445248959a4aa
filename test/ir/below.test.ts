// Which gates go stale when a folder moves: those that some name below it would make stale.

import { expect, test } from "bun:test";
import { automaton as automatonAt, state as stateAt } from "../../src/ir/abi.ts";
import { automataOf, step, walk } from "../../src/ir/run.ts";
import { compileText, encode } from "./support.ts";

const { image } = compileText(`
  rule r:
    block exec "a" unless after exec "t" since write "src/**"
    block exec "b" unless after exec "t" since write "src/**/*.py"
    block exec "c" unless after exec "t" since write "**/deep/x"
    block exec "d" unless after exec "t" since read "src/**"
    because "y"`);

/** Gates by number, of the folder at that path. */
function gatesBelow(path: string): number[] {
  const gates = new Set<number>();
  for (const [group, at] of automataOf(image, "path").entries()) {
    const { state } = walk(image, "path", encode(path))[group] as { state: number };
    const behind = state === 0 ? 0 : step(image, at, state, 0x2f);
    const states = image[at + automatonAt.statesAt] as number;
    const extra = image[states + behind * stateAt.size + stateAt.extra] as number;
    if (behind === 0 || extra === 0) continue;
    for (let bit = 0; bit < 32; bit++) if (((image[extra] as number) >>> bit) & 1) gates.add(bit);
  }
  return [...gates].sort();
}

test("the watched folder, and what is above it", () => {
  expect(gatesBelow("/w/src")).toEqual([0, 1, 2]);
  expect(gatesBelow("/w")).toEqual([0, 1, 2]);
});

test("a folder in it", () => expect(gatesBelow("/w/src/in/deep")).toEqual([0, 1, 2]));

test("a folder elsewhere: what floats", () => expect(gatesBelow("/tmp/x")).toEqual([2]));
