// Clauses that a stronger one always beats.

import { test } from "bun:test";
import { findings } from "../support.ts";

const A = 'source AGENT = exec "claude"\n';
const S = 'source SECRET = file "**/.env"\n';

test("a stronger clause of the same rule", () =>
  findings(
    `rule r:
 notify exec "git"
 block exec "git"`,
    ["C030"],
    ["2:2 C030 this `notify` never decides: a `block` of this rule matches whenever it does"],
  ));

test("a stronger clause of another rule", () =>
  findings(
    `rule r:
 block unlink "/a/b"
rule s:
 kill write "/a/**"`,
    ["C030"],
    ["2:2 C030 this `block` never decides: a `kill` of the rule `s` matches whenever it does"],
  ));

test("a weaker clause is no shadow", () =>
  findings(
    `rule r:
 kill exec "git"
 notify exec "git"`,
    ["C030"],
    ["3:2 C030 this `notify` never decides: a `kill` of this rule matches whenever it does"],
  ));

test("one of the same strength is none", () =>
  findings(
    `rule r:
 block write "/a/**"
 block unlink "/a/**"`,
    ["C030"],
    [],
  ));

test("a narrower stronger clause is none", () =>
  findings(
    `rule r:
 notify exec "git"
 block exec "git" "push"`,
    ["C030"],
    [],
  ));

test("one with an exception of its own is none", () =>
  findings(
    `rule r:
 notify exec "git"
 block exec "git" unless approved "x"`,
    ["C030"],
    [],
  ));

test("the same exception in both leaves a shadow", () =>
  findings(
    `rule r:
 notify exec "git" unless approved "x"
 block exec "git" unless approved "x"`,
    ["C030"],
    ["2:2 C030 this `notify` never decides: a `block` of this rule matches whenever it does"],
  ));

test("a stronger clause under more labels is none", () =>
  findings(
    A +
      S +
      `rule r:
 notify exec "git" if AGENT
 block exec "git" if AGENT and SECRET`,
    ["C030"],
    [],
  ));

test("a stronger clause under fewer labels is one", () =>
  findings(
    A +
      S +
      `rule r:
 notify exec "git" if AGENT and SECRET
 block exec "git" if AGENT or SECRET`,
    ["C030"],
    ["4:2 C030 this `notify` never decides: a `block` of this rule matches whenever it does"],
  ));

test("an absolute pattern says nothing of the workspace", () =>
  findings(
    `rule r:
 notify write "src/**"
 block write "/work/**"`,
    ["C030"],
    [],
  ));

test("everything from the root does", () =>
  findings(
    `rule r:
 notify write "src/**"
 block write "/**"`,
    ["C030"],
    ["2:2 C030 this `notify` never decides: a `block` of this rule matches whenever it does"],
  ));

test("a host name below a name", () =>
  findings(
    `rule r:
 notify connect "api.corp:443"
 block connect "*.corp"`,
    ["C030"],
    ["2:2 C030 this `notify` never decides: a `block` of this rule matches whenever it does"],
  ));

test("an address is no host name", () =>
  findings(
    `rule r:
 notify connect "api.corp"
 block connect "10."`,
    ["C030"],
    [],
  ));

test("an abstract socket is no path", () =>
  findings(
    `rule r:
 notify connect "unix:@a"
 block connect "unix:**"`,
    ["C030"],
    [],
  ));
