// The quick form leaves cases out, and no operation of the language.

import { expect, test } from "bun:test";
import { files } from "./cases/files.ts";
import { flows } from "./cases/flows.ts";
import { gates } from "./cases/gates.ts";
import { network } from "./cases/network.ts";
import { processes } from "./cases/processes.ts";
import { programs } from "./cases/programs.ts";
import { transforms } from "./cases/transforms.ts";
import { joined } from "./matrix.ts";
import { quick } from "./quick.ts";

const all = [files, flows, gates, network, processes, programs, transforms];
const asked = joined(all.map(quick));
const rules = new Map(
  asked.policy.split(/^(?=rule )/m).map((text) => [/^rule ([\w-]+):/.exec(text)?.[1] ?? "", text]),
);
/** Of the rules that a case expects something of. */
const held = asked.cases
  .filter(({ expected }) => expected !== null)
  .flatMap(({ rule }) => [rule ?? []].flat())
  .map((name) => rules.get(name))
  .join("");

test.each([
  ...["exec", "open", "read", "write", "create", "unlink", "rename", "link", "metadata"],
  ...["truncate", "mount", "connect", "bind", "signal", "ptrace"],
])("%s is refused", (word) => {
  expect(held).toMatch(new RegExp(`block ${word} `));
});

test.each([
  ...["kill exec", "kill read", "kill write", "kill connect", "notify exec", "notify write"],
  ...[
    "unless target",
    "unless lineage-includes",
    "unless after",
    " exits 0",
    " since ",
    " within ",
  ],
  ...[" and ", " or ", " not "],
])("%s is asked", (words) => {
  expect(held).toContain(words);
});

test("a rule is there for each case that expects one, and no other", () => {
  const expected = asked.cases.flatMap(({ rule }) => [rule ?? []].flat());
  const there = [...rules.keys()].filter((name) => name !== "");
  expect(there.sort()).toEqual([...new Set(expected)].sort());
});

test("it is a good deal less than everything", () => {
  expect(asked.cases.length).toBeLessThan(joined(all).cases.length / 4);
});
