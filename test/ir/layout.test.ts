// Where records lie in an image: aligned to their size, inside the image, and an automaton that fits
// inside one chunk of the table map.

import { expect, test } from "bun:test";
import { pathRules } from "../../bench/policies.ts";
import {
  automaton as automatonAt,
  automatonKinds,
  comb as combAt,
  entry as entryAt,
  gateRecord,
  header,
  state as stateAt,
  TABLE_CHUNK_WORDS,
} from "../../src/ir/abi.ts";
import { automataOf } from "../../src/ir/run.ts";
import { compileText } from "./support.ts";

const text = `
  ${pathRules("mixed", 1500).text}
  rule git: block exec "git" "push" unless after exec "make" exits 0 because "x"
  rule lan: block connect "10.0.0.0/8" because "x"`;
const { image } = compileText(text);

function check(at: number, words: number, alignment: number): void {
  expect(at % alignment).toBe(0);
  expect(at + words).toBeLessThanOrEqual(image.length);
}

test("the image says how long it is", () => expect(image[header.words]).toBe(image.length));

test("entries and gates are aligned to their size", () => {
  const counted = (count: number, size: number) => (image[count] as number) * size;
  check(image[header.entriesAt] as number, counted(header.entries, entryAt.size), entryAt.size);
  check(image[header.gatesAt] as number, counted(header.gates, gateRecord.size), gateRecord.size);
});

for (const kind of automatonKinds) {
  for (const [group, at] of automataOf(image, kind).entries()) {
    const word = (offset: number): number => image[at + offset] as number;
    const states = word(automatonAt.states);
    const end = word(automatonAt.combAt) + word(automatonAt.combs) * combAt.size;

    test(`${kind} ${group}: records are aligned to their size`, () => {
      check(at, automatonAt.size, automatonAt.size);
      check(word(automatonAt.classesAt), 64, 64);
      check(word(automatonAt.statesAt), states * stateAt.size, stateAt.size);
      check(word(automatonAt.combAt), word(automatonAt.combs) * combAt.size, combAt.size);
    });

    test(`${kind} ${group}: every base and class is inside the comb, every target a state`, () => {
      expect(word(automatonAt.start)).toBeLessThan(states);
      for (let state = 0; state < states; state++) {
        const record = word(automatonAt.statesAt) + state * stateAt.size;
        const base = image[record + stateAt.base] as number;
        expect(base + word(automatonAt.classes)).toBeLessThanOrEqual(word(automatonAt.combs));
        expect(image[record + stateAt.otherwise] as number).toBeLessThan(states);
      }
      for (let cell = word(automatonAt.combAt); cell < end; cell += combAt.size) {
        expect(image[cell + combAt.check] as number).toBeLessThan(states);
        expect(image[cell + combAt.next] as number).toBeLessThan(states);
      }
    });

    test(`${kind} ${group}: it lies in one chunk if it fits into one`, () => {
      const chunks = Math.floor((end - 1) / TABLE_CHUNK_WORDS) - Math.floor(at / TABLE_CHUNK_WORDS);
      expect(chunks).toBe(end - at <= TABLE_CHUNK_WORDS - 256 ? 0 : chunks);
    });
  }
}

test("the dead state leads nowhere and says nothing", () => {
  for (const kind of automatonKinds) {
    for (const at of automataOf(image, kind)) {
      const record = image[at + automatonAt.statesAt] as number;
      expect(image[record + stateAt.otherwise]).toBe(0);
      expect(image[record + stateAt.accept]).toBe(0);
      expect(image[record + stateAt.extra]).toBe(0);
    }
  }
});
