// Numbers of a session: equal meanings share them, new ones follow, and none is given twice.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasErrors } from "../../src/base/diagnostic.ts";
import { header } from "../../src/ir/abi.ts";
import { compile } from "../../src/ir/compile.ts";
import { clauseOf, gateOf, labelOf } from "../../src/ir/find.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { type Numbering, noNumbers } from "../../src/ir/numbering.ts";
import { randomPolicy } from "../dsl/random-policy.ts";
import { compilerCodes, compileText, places } from "./support.ts";

const numbered = (text: string, numbering: Numbering, workspace = "/w"): Compiled =>
  compileText(text, { ...places, workspace, numbering });
const ids = ({ clauses }: Compiled): number[] => clauses.map(({ id }) => id);
const numberingOf = ({ numbering }: Compiled): Numbering => numbering as Numbering;

const parentText = `
  source AGENT = exec "claude"
  rule push: block exec "git" "push" if AGENT because "x"
  rule src: block write "src/**" unless lineage-includes exec "make" because "x"
             block exec "git" "commit" unless after exec "make" "test" exits 0 since write "src/**"`;
const childText = `
  rule own: block read "**/.env" if SECRET because "x"
            block exec "npm" "publish" unless approved "release" within 5m
  source SECRET = file "**/.env"
  ${parentText}`;

test("a child's policy keeps its parent's numbers and goes on behind them", () => {
  const parent = numbered(parentText, noNumbers);
  const child = numbered(childText, numberingOf(parent));
  expect(ids(parent)).toEqual([0, 1, 2]);
  expect(ids(child)).toEqual([3, 4, 0, 1, 2]);
  expect(child.labels.map(({ bit, name }) => [bit, name])).toEqual([
    [2, "SECRET"],
    [0, "AGENT"],
    [1, 'lineage:"make"'],
  ]);
  expect(child.gates.map(({ id }) => id)).toEqual([0]);
  expect(child.approvals).toEqual([{ gate: 1, name: "release", withinMs: 300_000 }]);
  expect([clauseOf(child, 4)?.rule.name.text, clauseOf(child, 2)?.rule.name.text]).toEqual([
    "own",
    "src",
  ]);
  expect([labelOf(child, 2)?.name, gateOf(child, 0)?.exits, gateOf(child, 9)]).toEqual([
    "SECRET",
    0,
    undefined,
  ]);
});

test("an image says which clauses it has, and of every gate of the session", () => {
  const child = numbered(childText, numberingOf(numbered(parentText, noNumbers)));
  const sibling = numbered('rule other: block exec "x" because "x"', numberingOf(child));
  const setOf = ({ image }: Compiled) => image[image[header.clauseSetAt] as number];
  expect([setOf(child), child.image[header.clauses]]).toEqual([0b11111, 5]);
  expect([setOf(sibling), sibling.image[header.clauses]]).toEqual([0b100000, 6]);
  expect(sibling.image[header.gates]).toBe(2);
  // The hidden label 1 of its sibling does not flow.
  expect(sibling.image[header.flowing]).toBe(0xfffffffd);
});

test("the same words in another workspace are another clause, absolute ones are not", () => {
  const text = 'rule r: block write "src/**" because "x"\n block write "/etc/**"';
  const one = numbered(text, noNumbers);
  expect(ids(numbered(text, numberingOf(one)))).toEqual([0, 1]);
  expect(ids(numbered(text, numberingOf(one), "/elsewhere"))).toEqual([2, 1]);
});

test("a clause is its rule's: the same words under another name are another one, and so is a second time", () => {
  const one = numbered('rule r: block exec "x" because "x"', noNumbers);
  const other = numbered('rule s: block exec "x" because "x"', numberingOf(one));
  expect(ids(other)).toEqual([1]);
  const twice = numbered('rule r: block exec "x" because "x"\n block exec "x"', numberingOf(one));
  expect(ids(twice)).toEqual([0, 1]);
});

test("a numbering survives being kept as JSON", () => {
  const parent = numbered(parentText, noNumbers);
  const kept = JSON.parse(JSON.stringify(numberingOf(parent))) as Numbering;
  expect(numbered(childText, kept).image).toEqual(numbered(childText, numberingOf(parent)).image);
});

test("a session's labels end where its space does", () => {
  const labels = Array.from({ length: 256 }, (_, i) => ({
    key: `L${i}`,
    name: `L${i}`,
    hidden: false,
  }));
  const source = { name: "test.policy", text: "" };
  const policy = numbered('source ONE = exec "x"', noNumbers).policy;
  const full = compile(policy, { ...places, source, numbering: { ...noNumbers, labels } });
  expect(full.diagnostics.map(({ code, message }) => [code, message])).toEqual([
    [
      "X001",
      "the session needs 257 labels (0 of them for `lineage-includes`), and 256 is the most",
    ],
  ]);
  expect(compilerCodes('source ONE = exec "x"')).toEqual([]);
});

test("an empty numbering changes no word, and compiling again adds nothing", () => {
  fc.assert(
    fc.property(randomPolicy, (policy) => {
      const alone = compile(policy, places);
      const first = compile(policy, { ...places, numbering: noNumbers });
      if (hasErrors(first.diagnostics)) return;
      // In a session such a label may come from elsewhere.
      const isApproved = policy.sources.some(({ origin }) => origin.kind === "approval");
      if (!isApproved) expect(first.value.image).toEqual(alone.value.image);
      const numbering = numberingOf(first.value);
      const again = compile(policy, { ...places, numbering });
      expect(again.value.numbering).toEqual(numbering);
      expect(again.value.image).toEqual(first.value.image);
    }),
    { numRuns: 200 },
  );
});
