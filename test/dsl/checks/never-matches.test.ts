// Clauses and rules that no event can match.

import { test } from "bun:test";
import { findings } from "../support.ts";

const A = 'source AGENT = exec "claude"\n';
const S = 'source SECRET = file "**/.env"\n';

test("labels that contradict each other", () =>
  findings(
    A +
      S +
      `rule r:
 notify exec any if AGENT and not (AGENT or SECRET)
 notify exec "x" if AGENT`,
    ["C020", "C021"],
    ["4:21 C020 this clause never matches: `AGENT and not (AGENT or SECRET)` is always false"],
  ));

test("a rule of such clauses alone", () =>
  findings(
    `${A}rule r: notify exec any if not true`,
    ["C020", "C021"],
    ["2:28 C021 the rule `r` never matches: `not true` is always false"],
  ));

test("an exception that covers the clause", () =>
  findings(
    `rule r: notify write "/a/b/**" unless target "/a/**"`,
    ["C021"],
    [
      "1:39 C021 the rule `r` never matches: the exception holds for everything that the clause is about",
    ],
  ));

test("an exception that covers a part is fine", () =>
  findings(`rule r: notify write "/a/**" unless target "/a/b/**"`, ["C021"], []));

test("a negated exception that never holds for the clause is fine", () =>
  findings(`rule r: notify write "/a/b" unless target not "/a/**"`, ["C021"], []));

test("a negated exception outside the clause", () =>
  findings(
    `rule r: notify write "/a/**" unless target not "/b/**"`,
    ["C021"],
    [
      "1:37 C021 the rule `r` never matches: the exception holds for everything that the clause is about",
    ],
  ));

test("a workspace pattern may lie anywhere", () =>
  findings(`rule r: notify write "a/**" unless target not "/b/**"`, ["C021"], []));

test("a network within a network", () =>
  findings(
    `rule r: notify connect "10.1.0.0/16" unless target "10."`,
    ["C021"],
    [
      "1:45 C021 the rule `r` never matches: the exception holds for everything that the clause is about",
    ],
  ));

test("a port out of a network is fine", () =>
  findings(`rule r: notify connect "10.1.0.0/16" unless target "10.0.0.0/8:443"`, ["C021"], []));

test("a program in a folder", () =>
  findings(
    `rule r: notify exec "/usr/bin/git" unless target "/usr/**"`,
    ["C021"],
    [
      "1:43 C021 the rule `r` never matches: the exception holds for everything that the clause is about",
    ],
  ));

test("a condition that is always true is hinted at", () =>
  findings(
    `${A}rule r: notify exec any if AGENT or not AGENT`,
    ["C022"],
    ["2:28 C022 `AGENT or not AGENT` is always true"],
  ));

test("a plain `true` is not", () => findings(`rule r: notify exec any if true`, ["C022"], []));

test("an exception for the workspace alone leaves the rest", () =>
  findings(
    `define HERE = "./**"
rule r: notify write any unless target @HERE
rule s: notify write any unless target "./x"`,
    ["C021"],
    [],
  ));

test("an exception for the workspace covers what is below it", () =>
  findings(
    `rule r: notify write "src/**" unless target "./**"`,
    ["C021"],
    [
      "1:38 C021 the rule `r` never matches: the exception holds for everything that the clause is about",
    ],
  ));
