// Layout: canonical, with the comments and blank lines of the author, and the meaning kept.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatFile } from "../../src/dsl/format.ts";
import { printPolicy } from "../../src/dsl/print.ts";
import { randomPolicy } from "./random-policy.ts";
import { brief, source, tree, withoutPlaces } from "./support.ts";

function formats(before: string, after: string, name = "x.policy"): void {
  const { value, diagnostics } = formatFile(source(before, name));
  expect(brief(diagnostics.filter(({ severity }) => severity === "error"))).toEqual([]);
  expect(value).toBe(after);
  expect(formatFile(source(after, name)).value).toBe(after);
}

describe("policy text", () => {
  test("white space is made canonical", () =>
    formats(
      'source   A=exec "a"   "b"\nrule r:notify   open file "x" if(A)   because "z"',
      'source A = exec "a" "b"\n\nrule r:\n  notify open "x" if A\n  because "z"\n',
    ));
  test("declarations stay in their order", () =>
    formats(
      'rule r: notify exec any\nsource A = exec "a"\ndefine S = "x","y"',
      'rule r:\n  notify exec any\n\nsource A = exec "a"\ndefine S = "x", "y"\n',
    ));
  test("the last lines of a rule have an order", () =>
    formats(
      'rule r: fix "f" notify exec any because "b"',
      'rule r:\n  notify exec any\n  because "b"\n  fix "f"\n',
    ));
  test("a long clause is broken before its conditions", () =>
    formats(
      'rule r:\n  block exec "git" "commit" if AGENT and not REVIEWED unless after exec "**/pytest" exits 0 since write "src/**" or write "tests/**" within 30m or approved "commit"\n',
      `rule r:
  block exec "git" "commit"
    if AGENT and not REVIEWED
    unless after exec "**/pytest" exits 0 since write "src/**" or write "tests/**" within 30m
      or approved "commit"
`,
    ));
  test("comments stay where they are", () =>
    formats(
      `# head

# about A
source A = exec "a"   # behind A
source B = exec "b"
# about r
rule r: # behind the head
  # about the clause
  notify exec any   # behind the clause
    # before if
    if A
  because "x"
  # at the end of the rule

# about s
rule s:
  notify exec any
# at the end`,
      `# head

# about A
source A = exec "a"  # behind A
source B = exec "b"

# about r
rule r:  # behind the head
  # about the clause
  # behind the clause
  # before if
  notify exec any if A
  because "x"
  # at the end of the rule

# about s
rule s:
  notify exec any
# at the end
`,
    ));
  test("one blank line between sources is kept, more are not", () =>
    formats(
      'source A = exec "a"\n\n\n\nsource B = exec "b"\n',
      'source A = exec "a"\n\nsource B = exec "b"\n',
    ));
  test("a text with errors is left as it is", () => {
    const { value, diagnostics } = formatFile(source("rule  r:"));
    expect(value).toBe("rule  r:");
    expect(diagnostics.length).toBe(1);
  });
  test("an empty text stays empty", () => formats("", ""));
  test("comments alone stay", () => formats("# a\n\n\n# b", "# a\n\n# b\n"));

  test("any policy keeps its meaning, with comments wherever they may stand", () => {
    fc.assert(
      fc.property(randomPolicy, fc.array(fc.nat(), { maxLength: 8 }), (policy, places) => {
        const printed = printPolicy(policy);
        const lines = printed.split("\n");
        for (const place of places) {
          const at = place % lines.length;
          // Not inside a string that runs over lines.
          if (
            (
              lines
                .slice(0, at)
                .join("\n")
                .match(/(?<!\\)"/g) ?? []
            ).length %
              2 ===
            0
          )
            lines.splice(at, 0, `${" ".repeat(place % 3)}# ${place}`);
        }
        const before = lines.join("\n");
        const { value, diagnostics } = formatFile(source(before));
        fc.pre(!diagnostics.some(({ severity }) => severity === "error"));
        expect(withoutPlaces(tree(value))).toEqual(withoutPlaces(policy));
        for (const place of places)
          if (before.includes(`# ${place}\n`)) expect(value).toContain(`# ${place}`);
        expect(formatFile(source(value)).value).toBe(value);
      }),
      { numRuns: 300 },
    );
  });
});

describe("documents", () => {
  test("the text of a block is laid out in its place", () =>
    formats(
      `# kept
version:   1   # kept too
policy: |
    # about A
    source   A=exec "a"
    rule r:
        notify exec any if A
        because "two
          lines"

workspace:  .
`,
      `# kept
version:   1   # kept too
policy: |
    # about A
    source A = exec "a"

    rule r:
      notify exec any if A
      because "two
          lines"

workspace:  .
`,
      "x.yaml",
    ));
  test("every rule of a catalogue is", () =>
    formats(
      "rules:\n  a:\n    ifc: |\n      rule a:notify exec any\n  b: |\n    rule   b:notify exec any\ndomains:\n  session: {bind: [a,   b]}\n",
      "rules:\n  a:\n    ifc: |\n      rule a:\n        notify exec any\n  b: |\n    rule b:\n      notify exec any\ndomains:\n  session: {bind: [a,   b]}\n",
      "x.yaml",
    ));
  test("other scalars are left as they are", () =>
    formats(
      'policy: "rule   r: notify exec any"\n',
      'policy: "rule   r: notify exec any"\n',
      "x.yaml",
    ));
  test("a folded block too", () =>
    formats(
      "policy: >\n  rule   r:\n  notify exec any\n",
      "policy: >\n  rule   r:\n  notify exec any\n",
      "x.yaml",
    ));
});
