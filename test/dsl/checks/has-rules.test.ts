// Policies that refuse nothing.

import { expect, test } from "bun:test";
import { checkHasRules } from "../../../src/dsl/checks/has-rules.ts";
import { brief, source, tree } from "../support.ts";

const check = (texts: readonly string[], expected: readonly string[]) =>
  expect(brief(checkHasRules(texts.map(tree), source(texts.join(""))))).toEqual([...expected]);
const told = ["1:1 C062 the policy has no rules, so nothing is refused"];

test("an empty text", () => check([""], told));

test("a comment", () => check(["# rule r: block exec any"], told));

test("labels alone", () => check(['source A = exec "a"'], told));

test("one rule of one domain is enough", () => check(["", 'rule r: notify exec "a"'], []));
