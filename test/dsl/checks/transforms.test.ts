// Gates of declassify and endorse that every program passes.

import { test } from "bun:test";
import { findings } from "../support.ts";

const S = 'source SECRET = file "**/.env"\n';

test("any program declassifies", () =>
  findings(
    S +
      `declassify SECRET by exec any
rule r: notify exec any if SECRET`,
    ["C061"],
    ["2:27 C061 every program is a gate, so no program ever carries `SECRET`"],
  ));

test("any program endorses", () =>
  findings(
    `endorse OK by exec "*"
rule r: notify exec any if not OK`,
    ["C061"],
    ["1:20 C061 every program is a gate, so every program carries `OK`"],
  ));

test("a named program is fine", () =>
  findings(
    S +
      `declassify SECRET by exec "redact"
rule r: notify exec any if SECRET`,
    ["C061"],
    [],
  ));
