// The same clause twice in one rule.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("the second is warned of", () =>
  findings(
    `rule r:
 notify exec "git"
 notify exec "git"`,
    ["C031"],
    ["3:2 C031 the rule already has this clause"],
  ));

test("a noise word makes no difference", () =>
  findings(
    `rule r:
 notify open file "x"
 notify open "x"`,
    ["C031"],
    ["3:2 C031 the rule already has this clause"],
  ));

test("another effect does", () =>
  findings(
    `rule r:
 notify exec "git"
 kill exec "git"`,
    ["C031"],
    [],
  ));

test("another rule does", () =>
  findings(
    `rule r:
 notify exec "git"
rule s:
 notify exec "git"`,
    ["C031"],
    [],
  ));
