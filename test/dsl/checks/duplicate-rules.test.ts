// Two rules of one name.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("two rules of one name are an error", () =>
  findings(
    `rule a: notify exec any
rule a: notify exec any`,
    ["C001"],
    ["2:6 C001 the rule `a` is defined twice"],
  ));

test("rules of different names are fine", () =>
  findings(
    `rule a: notify exec any
rule b: notify exec any`,
    ["C001"],
    [],
  ));

test("each further rule is told", () =>
  findings(
    `rule a: notify exec any
rule a: notify exec any
rule a: notify exec "x"`,
    ["C001"],
    ["2:6 C001 the rule `a` is defined twice", "3:6 C001 the rule `a` is defined twice"],
  ));
