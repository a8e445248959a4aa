// Labels that are introduced and that no rule asks for.

import { test } from "bun:test";
import { findings } from "../support.ts";

const A = 'source AGENT = exec "claude"\n';

test("a label that no rule asks for is hinted at", () =>
  findings(
    `${A}rule r: notify exec any`,
    ["C011"],
    ["1:8 C011 no rule asks for the label `AGENT`"],
  ));

test("several sources of one label are one hint", () =>
  findings(
    `${A + A}rule r: notify exec any`,
    ["C011"],
    ["1:8 C011 no rule asks for the label `AGENT`"],
  ));

test("a label in a condition is used", () =>
  findings(`${A}rule r: notify exec any if not AGENT`, ["C011"], []));
