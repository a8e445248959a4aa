// Labels that are asked for and that nothing introduces.

import { test } from "bun:test";
import { findings } from "../support.ts";

const A = 'source AGENT = exec "claude"\n';

test("a label that nothing introduces is warned of, once", () =>
  findings(
    A +
      `rule r: notify exec any if AGNT
rule s: notify open any if AGNT`,
    ["C010"],
    ["2:28 C010 the label `AGNT` is never introduced, so this clause never matches"],
  ));

test("where the clause can still match it says less", () =>
  findings(
    `${A}rule r: notify exec any if AGENT or X`,
    ["C010"],
    ["2:37 C010 the label `X` is never introduced"],
  ));

test("an endorsement introduces its label", () =>
  findings(
    A +
      `endorse OK by exec "review"
rule r: notify exec any if AGENT and not OK`,
    ["C010"],
    [],
  ));

test("a declassification does not", () =>
  findings(
    `declassify X by exec "redact"`,
    ["C010"],
    ["1:12 C010 the label `X` is never introduced, so there is nothing to declassify"],
  ));

test("an approval introduces its label", () =>
  findings(
    `source OK = approval "deploy"
rule r: notify exec any if not OK`,
    ["C010"],
    [],
  ));
