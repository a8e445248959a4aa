// Patterns that match nothing among the names of a workspace.

import { expect, test } from "bun:test";
import { unmatchedPatterns } from "../../../src/dsl/checks/unmatched-patterns.ts";
import { loadPolicy } from "../../../src/dsl/load.ts";
import { source } from "../support.ts";

const paths = ["src", "src/main.ts", "docs/a b.md", "package.json"];

function unmatched(text: string, expected: readonly string[]): void {
  const policy = source(text);
  const found = unmatchedPatterns(loadPolicy(policy).value, paths, policy);
  expect(found.map(({ code, message }) => `${code} ${message}`)).toEqual(
    expected.map((pattern) => `C051 \`${pattern}\` matches nothing in the workspace`),
  );
}

test("a misspelt folder is found", () =>
  unmatched('rule r: notify write "scr/**"\nrule s: notify write "src/**"', ["scr/**"]));
test("a source and a gate are looked at", () =>
  unmatched('source L = file "secret"\nrule r: notify exec any if L unless after write "lib/*"', [
    "secret",
    "lib/*",
  ]));
test("a member of a set is told once", () =>
  unmatched('define A = "lib/**", "src/**"\nrule r:\n notify read @A\n notify write @A', [
    "lib/**",
  ]));
test("floating, absolute and home patterns are not judged", () =>
  unmatched(
    'rule r:\n notify read "**/x"\n notify read "/x"\n notify read "~/x"\n notify read "stdio:stdin"',
    [],
  ));
test("a pattern of alternatives is not judged", () =>
  unmatched('rule r: notify read "{lib,/x}/**"', []));

test("exceptions and what is created are not judged", () =>
  unmatched(
    'rule r:\n notify write "src/**" unless target "gen/**"\n notify create "out/**" unless after create "ok"',
    [],
  ));
test("endpoints are no files", () => unmatched('rule r: notify connect "example.com"', []));
