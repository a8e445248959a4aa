// Documents: what a good one means. Their faults are the golden texts.

import { describe, expect, test } from "bun:test";
import { positionAt } from "../../src/base/source.ts";
import { isDocument, textDocument } from "../../src/dsl/document.ts";
import { checkDocument, resolveDomain } from "../../src/dsl/domains.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { readDocument } from "../../src/dsl/yaml-document.ts";
import { brief, source } from "./support.ts";

const catalogue = `
version: 1
workspace: /work
rules:
  secrets:
    ifc: |
      source SECRET = file "**/.env"
      rule secrets: block connect any if SECRET because "x"
  style: {policy: 'rule style: notify exec "git"'}
  tests: |
    source SECRET = file "**/.env"
    rule tests: notify exec any if SECRET
domains:
  session:
    bind: [secrets, {rule: style, mode: default}]
  review: {parent: session, disable: [style], bind: [tests]}
  strict: {parent: session, bind: [style]}
  lax: {parent: strict, bind: [{rule: secrets, mode: default}]}
`;

function document(text: string) {
  const { value, diagnostics } = readDocument(source(text, "actplane.yaml"));
  expect(brief(diagnostics)).toEqual([]);
  return value;
}

/** `MODE RULE (DOMAIN)` of each binding. */
function binds(domain: string | undefined, expected: readonly string[]): void {
  const { value, diagnostics } = resolveDomain(document(catalogue), domain);
  expect(brief(diagnostics.filter(({ severity }) => severity === "error"))).toEqual([]);
  expect(value.bindings.map(({ mode, rule, domain: from }) => `${mode} ${rule} (${from})`)).toEqual(
    [...expected],
  );
}

describe("domains", () => {
  test("`session` is the default", () =>
    binds(undefined, ["locked secrets (session)", "default style (session)"]));
  test("a child disables a default rule for itself", () =>
    binds("review", ["locked secrets (session)", "locked tests (review)"]));
  test("a child may lock what its parent left open", () =>
    binds("strict", ["locked secrets (session)", "locked style (strict)"]));
  test("a child never weakens what is locked", () =>
    binds("lax", ["locked secrets (session)", "locked style (strict)"]));
  test("the chain runs from the root", () =>
    expect(resolveDomain(document(catalogue), "lax").value.chain).toEqual([
      "session",
      "strict",
      "lax",
    ]));
  test("the same source of two rules is one", () => {
    const { policy } = resolveDomain(document(catalogue), "review").value;
    expect(policy.sources.length).toBe(1);
    expect(policy.rules.map(({ name }) => name.text)).toEqual(["secrets", "tests"]);
  });
  test("a single domain is the default", () => {
    const text = 'rules: {a: "rule a: notify exec any"}\ndomains: {only: {bind: [a]}}';
    expect(resolveDomain(document(text)).value.domain).toBe("only");
  });
  test("the default may be named", () => {
    const text = `${catalogue}default_domain: lax\n`;
    expect(resolveDomain(document(text)).value.domain).toBe("lax");
  });
  test("a domain that is not there is told", () => {
    const { diagnostics } = resolveDomain(document(catalogue), "reviw");
    expect(diagnostics.map(({ code, help }) => `${code} ${help}`)).toEqual([
      "D017 did you mean `review`?",
    ]);
  });
  test("a flat document has no domains to choose", () => {
    const flat = document("policy: |\n  rule r: notify exec any\n");
    expect(resolveDomain(flat, "session").diagnostics.map(({ code }) => code)).toEqual(["D017"]);
    expect(resolveDomain(flat).value.policy.rules.length).toBe(1);
  });
  test("what one domain does not use another may", () => {
    const text = `rules:
  labels: |
    source AGENT = exec "claude"
  push: |
    rule push: notify exec "git" if AGENT
domains:
  session: {bind: [labels]}
  child: {parent: session, bind: [push]}
`;
    expect(brief(checkDocument(document(text)))).toEqual([]);
  });
});

describe("sections", () => {
  test("settings are read", () => {
    const text = `version: 1
workspace: ./sub
require: block
allow: degraded
commands: {terraform: [-chdir], helm: {value_options: ["-n", "--kube-context"]}}
policy: |
  rule r: notify exec any
`;
    const { workspace, require, allow, commands, form } = document(text);
    expect({ workspace, require, allow, form }).toEqual({
      workspace: "./sub",
      require: "block",
      allow: "degraded",
      form: "flat",
    });
    expect([...commands]).toEqual([
      ["terraform", ["-chdir"]],
      ["helm", ["-n", "--kube-context"]],
    ]);
  });
  test("the version may be left out", () =>
    expect(document("policy: |\n  rule r: notify exec any\n").version).toBe(1));
  test("a blank policy beside a catalogue is nothing", () =>
    expect(document(`policy: ""\n${catalogue}`).form).toBe("catalogue"));
  test("empty sections are absent ones", () =>
    expect(document("rules:\ndomains:\npolicy: |\n  rule r: notify exec any\n").form).toBe("flat"));
  test("names that YAML takes for numbers are names", () => {
    const text =
      'rules: {1: "rule a: notify exec any", yes: "rule b: notify exec any"}\ndomains: {2: {bind: [1, yes]}}';
    expect(resolveDomain(document(text)).value.bindings.map(({ rule }) => rule)).toEqual([
      "1",
      "yes",
    ]);
  });
  test("aliases are followed", () => {
    const text =
      'rules: {a: &a "rule a: notify exec any", b: *a}\ndomains: {session: {bind: &l [a]}, c: {bind: *l}}';
    expect(document(text).domains.get("c")?.bind.length).toBe(1);
  });
});

describe("what a file is", () => {
  const cases: [string, string, boolean][] = [
    ["a.yaml", "", true],
    ["a.yml", "rule x:", true],
    ["a.json", "", true],
    ["a.policy", "policy: |", false],
    ["a.txt", "version: 1\npolicy: |\n", true],
    ["a", "# comment\r\npolicy: |\r\n", true],
    ["a", '{"policy": ""}', true],
    ["a", "rule policy:\n  notify exec any\n", false],
    ["<stdin>", 'source A = exec "a"\n', false],
  ];
  for (const [name, text, expected] of cases) {
    test(`${name} with ${JSON.stringify(text)}`, () =>
      expect(isDocument(source(text, name))).toBe(expected));
  }
  test("policy text is a flat document", () => {
    const { value } = textDocument(source("rule r: notify exec any", "x.policy"));
    expect(resolveDomain(value).value.policy.rules.length).toBe(1);
  });
});

describe("places in a document", () => {
  /** `conect` is shown in its line of the file, whatever the scalar's notation. */
  function shown(text: string, line: number, column: number): void {
    const { diagnostics } = readDocument(source(text, "x.yaml"));
    const [first] = diagnostics;
    expect(first?.message).toBe("unknown operation `conect`");
    expect(text.slice(first?.span.start, first?.span.end)).toBe("conect");
    expect(first && positionAt(first.source, first.span.start)).toEqual({ line, column });
  }
  test("a literal block", () => shown('policy: |\n  rule r:\n    block conect "*"\n', 3, 11));
  test("a literal block with comments", () =>
    shown('policy: | # text\n  # conect\n\n  rule r: block conect "*"\n', 4, 17));
  test("a literal block with its indentation given", () =>
    shown('policy: |2\n    rule r: block conect "*"\n', 2, 19));
  test("a literal block with Windows line ends", () =>
    shown('policy: |\r\n  rule r:\r\n    block conect "*"\r\n', 3, 11));
  test("a folded block", () => shown('policy: >\n  rule r:\n    block\n\n    conect "*"\n', 5, 5));
  test("a plain scalar over lines", () =>
    shown('policy: rule r :notify exec "x"\n  block conect "*"\n', 2, 9));
  test("a double-quoted scalar", () =>
    shown('policy: "rule r:\\n\\u0020block conect \\"*\\""\n', 1, 31));
  test("a double-quoted scalar over lines", () =>
    shown(
      'policy: "rule\n  r:\\\n   block \\U0001F600 conect"\n'.replace("\\U0001F600 ", ""),
      3,
      10,
    ));
  test("a single-quoted scalar", () =>
    shown(
      "policy: 'rule r: notify exec ''x'' block conect \"*\"'\n".replace("''x''", '"x"'),
      1,
      40,
    ));
  test("JSON", () => shown('{"policy": "rule r:\\tblock conect \\"*\\""}', 1, 28));
  test("a text in characters beyond the first plane", () =>
    shown('policy: |\n  rule r: notify exec "\u{1f600}" block conect "*"\n', 2, 33));
});

describe("adding to a policy", () => {
  const inherited = loadPolicy(
    source(
      'source AGENT = exec "claude"\ndefine KEYS = "**/.env"\nrule base: kill exec "rm"',
      "base",
    ),
  ).value;
  test("labels and sets of the policy below are known", () => {
    const { diagnostics, value } = loadPolicy(
      source("rule more: notify open @KEYS if AGENT", "more"),
      inherited,
    );
    expect(brief(diagnostics)).toEqual([]);
    expect(value.rules.length).toBe(1);
  });
  test("a stronger rule below shadows", () => {
    const { diagnostics } = loadPolicy(
      source('rule more: block exec "rm" because "x"', "more"),
      inherited,
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["C030"]);
  });
  test("a set below keeps its meaning", () => {
    const { diagnostics } = loadPolicy(
      source('define KEYS = "x"\nrule more: notify open @KEYS', "more"),
      inherited,
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["C003"]);
  });
});
