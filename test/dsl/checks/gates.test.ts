// Gates whose event the policy refuses to everybody.

import { test } from "bun:test";
import { findings } from "../support.ts";

const A = 'source AGENT = exec "claude"\n';

test("another rule refuses the event", () =>
  findings(
    A +
      `rule r: block exec "git" if AGENT unless after exec "pytest" exits 0
rule s: block exec "pytest"`,
    ["C040"],
    ["2:42 C040 this gate never opens: the rule `s` refuses the event that would open it"],
  ));

test("a refusal under a label leaves it to others", () =>
  findings(
    A +
      `rule r: block exec "git" if AGENT unless after exec "ok"
rule s: block exec "ok" if AGENT`,
    ["C040"],
    [],
  ));

test("a refusal with an exception leaves a way", () =>
  findings(
    `rule r: block exec "git" unless after exec "ok"
rule s: block exec "ok" unless approved "x"`,
    ["C040"],
    [],
  ));

test("a clause that waits for itself", () =>
  findings(
    `rule r: block exec "git" unless after exec "git"`,
    ["C040"],
    ["1:33 C040 this gate never opens: the clause refuses the event that would open it"],
  ));

test("a lineage gate", () =>
  findings(
    `rule r: block open "/db" unless lineage-includes exec "migrate"
rule s: kill exec "mig*"`,
    ["C040"],
    ["1:33 C040 this gate never opens: the rule `s` refuses the event that would open it"],
  ));

test("a gate that waits for a file", () =>
  findings(
    `rule r: block exec "git" unless after create "/run/ok"
rule s: block write "/run/**"`,
    ["C040"],
    ["1:33 C040 this gate never opens: the rule `s` refuses the event that would open it"],
  ));

test("a notification refuses nothing", () =>
  findings(
    `rule r: block exec "git" unless after exec "ok"
rule s: notify exec "ok"`,
    ["C040"],
    [],
  ));
