// Sets: defined once, used, known, and of the right kind.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("a set is defined once", () =>
  findings(
    `define A = "a"
define A = "a"
rule r: notify open @A`,
    ["C003"],
    ["2:8 C003 the set `A` is defined twice"],
  ));

test("a set that is not used is hinted at", () =>
  findings(
    `define A = "a"
rule r: notify open "x"`,
    ["C004"],
    ["1:8 C004 the set `A` is not used"],
  ));

test("a use in a source counts", () =>
  findings(
    `define A = "a"
source L = file @A
rule r: notify open any if L`,
    ["C002", "C004"],
    [],
  ));

test("a use in a program counts", () =>
  findings(
    `define A = "a"
rule r: notify exec @A "x"`,
    ["C002", "C004"],
    [],
  ));

test("a use in a gate counts", () =>
  findings(
    `define A = "a"
rule r: notify exec any unless after write @A since exec @A`,
    ["C002", "C004"],
    [],
  ));

test("a use in an exception counts", () =>
  findings(
    `define A = "10."
rule r: notify connect any unless target @A`,
    ["C002", "C004", "C005"],
    [],
  ));

test("a use before the definition is fine", () =>
  findings(
    `rule r: notify open @A
define A = "a"`,
    ["C002", "C004"],
    [],
  ));

test("an unknown set is an error", () =>
  findings(`rule r: notify open @A`, ["C002"], ["1:22 C002 the set `@A` is not defined"]));

test("a set used for endpoints holds endpoints", () =>
  findings(
    `define A = "10.", "10.0.0.0/99"
rule r: notify connect @A`,
    ["C005"],
    [
      "2:25 C005 `@A` is used for endpoints, but its member `10.0.0.0/99` is none: `/99` is not a prefix length",
    ],
  ));
