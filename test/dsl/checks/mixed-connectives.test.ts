// `and` and `or` side by side without parentheses.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("an `and` beside an `or` is hinted at", () =>
  findings(
    `rule r: notify exec any if A and B or C`,
    ["C023"],
    ["1:28 C023 `and` binds tighter than `or` here; ActPlane reads them from left to right"],
  ));

test("parentheses make it clear", () =>
  findings(`rule r: notify exec any if (A and B) or C`, ["C023"], []));

test("parentheses around the `or` too", () =>
  findings(`rule r: notify exec any if A and (B or C)`, ["C023"], []));

test("one connective alone is clear", () =>
  findings(`rule r: notify exec any if A and B and C`, ["C023"], []));

test("inside parentheses it is looked at", () =>
  findings(
    `rule r: notify exec any if D and (A or B and C)`,
    ["C023"],
    ["1:34 C023 `and` binds tighter than `or` here; ActPlane reads them from left to right"],
  ));
