// Subsets against stepping the nondeterministic automaton itself.

import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { determinise } from "../../src/ir/determinise.ts";
import { Nfa } from "../../src/ir/nfa.ts";
import { stateAfter } from "./dfa.ts";
import { encode } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

const nodesMax = 6;
const node = fc.nat({ max: nodesMax - 1 });
const byteSets = ["ab", "abc", "", "/"].map((members) => {
  const set = new Array<boolean>(256).fill(members.length === 0);
  for (const byte of encode(members)) set[byte] = true;
  return set;
});

const edge = fc.oneof(
  fc.record({
    kind: fc.constant("byte" as const),
    from: node,
    to: node,
    byte: fc.constantFrom(..."abc/"),
  }),
  fc.record({
    kind: fc.constant("set" as const),
    from: node,
    to: node,
    set: fc.constantFrom(...byteSets),
  }),
  fc.record({ kind: fc.constant("empty" as const), from: node, to: node }),
);
const accepts = fc.array(fc.tuple(node, fc.nat({ max: 3 })), { maxLength: 5 });
const text = fc.string({ unit: fc.constantFrom(..."abcx/"), maxLength: 10 });

type Edge = typeof edge extends fc.Arbitrary<infer T> ? T : never;

/** The outcomes of every node that `bytes` leads to, by following all edges at once. */
function simulate(
  edges: readonly Edge[],
  accepting: readonly (readonly [number, number])[],
  bytes: Uint8Array,
): number[] {
  const close = (nodes: Set<number>): Set<number> => {
    for (const at of nodes) {
      for (const one of edges) if (one.kind === "empty" && one.from === at) nodes.add(one.to);
    }
    return nodes;
  };
  let current = close(new Set([0]));
  for (const byte of bytes) {
    const next = edges.filter((one) => {
      if (!current.has(one.from)) return false;
      if (one.kind === "byte") return one.byte.charCodeAt(0) === byte;
      return one.kind === "set" && one.set[byte] === true;
    });
    current = close(new Set(next.map(({ to }) => to)));
  }
  const outcomes = accepting.filter(([at]) => current.has(at)).map(([, outcome]) => outcome);
  return [...new Set(outcomes)].sort((a, b) => a - b);
}

test("a random automaton and its subsets give the same outcomes", () => {
  fc.assert(
    fc.property(
      fc.array(edge, { maxLength: 12 }),
      accepts,
      fc.array(text, { minLength: 1, maxLength: 15 }),
      (edges, accepting, texts) => {
        const nfa = new Nfa();
        for (let i = 0; i < nodesMax; i++) nfa.node();
        for (const one of edges) {
          if (one.kind === "byte") nfa.addByte(one.from, one.byte.charCodeAt(0), one.to);
          else if (one.kind === "set") nfa.addSet(one.from, one.set, one.to);
          else nfa.addEmpty(one.from, one.to);
        }
        for (const [at, outcome] of accepting) nfa.accept(at, outcome);
        const dfa = determinise(nfa, [0], 1000);
        if (dfa === null)
          throw new Error(`${nodesMax} nodes have at most ${2 ** nodesMax} subsets`);
        for (const one of texts) {
          const state = stateAfter(dfa, encode(one));
          expect(dfa.outcomes[dfa.outcome[state] as number]).toEqual(
            simulate(edges, accepting, encode(one)),
          );
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("state 0 is dead: it accepts nothing and leads nowhere else", () => {
  const nfa = new Nfa();
  const start = nfa.node();
  nfa.accept(
    nfa.insert(start, [{ kind: "byte", byte: 0x61 }], {
      star: [],
      globstar: [],
      classSet: (set) => set,
    }),
    7,
  );
  const dfa = determinise(nfa, [start], 10);
  expect(dfa?.outcome[0]).toBe(0);
  expect(dfa?.otherwise[0]).toBe(0);
  expect(dfa?.rowStart[1]).toBe(0);
  expect(dfa?.starts).toEqual([1]);
});

test("more states than the budget is null and no half automaton", () => {
  const nfa = new Nfa();
  const start = nfa.node();
  let at = start;
  for (const byte of encode("abcdef"))
    at = nfa.insert(at, [{ kind: "byte", byte }], {
      star: [],
      globstar: [],
      classSet: (set) => set,
    });
  expect(determinise(nfa, [start], 3)).toBeNull();
});
