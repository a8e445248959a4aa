// Trees: what ActPlane accepts is accepted, what is printed is read back, and no text breaks the parser.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { positionAt } from "../../src/base/source.ts";
import { parsePolicy } from "../../src/dsl/parser.ts";
import { printPolicy } from "../../src/dsl/print.ts";
import { randomPolicy } from "./random-policy.ts";
import { brief, source, tree, withoutPlaces } from "./support.ts";

describe("the grammar", () => {
  function same(a: string, b: string): void {
    expect(withoutPlaces(tree(a))).toEqual(withoutPlaces(tree(b)));
  }
  const clause = (text: string) => `rule r:\n  ${text}\n`;

  test("`file` and `endpoint` may stand before a target", () =>
    same(clause('notify open file "/x"'), clause('notify open "/x"')));
  test("`endpoint` may stand before an address", () =>
    same(clause('notify connect endpoint "10."'), clause('notify connect "10."')));
  test("`exec` may stand before a program", () =>
    same(clause('notify exec exec "git"'), clause('notify exec "git"')));
  test("`file` may stand in an event", () =>
    same(
      clause('notify exec any unless after write file "x"'),
      clause('notify exec any unless after write "x"'),
    ));
  test("`and` binds tighter than `or`", () =>
    same(clause("notify exec any if A or B and C"), clause("notify exec any if A or (B and C)")));
  test("chains lean left", () =>
    same(clause("notify exec any if A and B and C"), clause("notify exec any if (A and B) and C")));
  test("`not` binds tightest", () =>
    same(clause("notify exec any if not A and B"), clause("notify exec any if (not A) and B")));
  test("lines do not matter", () =>
    same(
      'rule r : notify exec any if A because "x"',
      'rule r:\n  notify\n    exec\n any\n  if\nA\n  because\n"x"',
    ));
  test("the last lines of a rule may stand in any order", () =>
    same(
      'rule r: severity high because "b" notify exec any fix "f"',
      'rule r: notify exec any because "b" fix "f" severity high',
    ));
  test("an `or` before an event goes on with `since`", () => {
    const [rule] = tree(
      clause('notify exec any unless after exec "a" since write "b" or exec "c" or approved "d"'),
    ).rules;
    expect(rule?.clauses[0]?.unless.map((condition) => condition.kind)).toEqual([
      "after",
      "approved",
    ]);
  });
  test("a comment ends with its line", () =>
    same('# one\nsource A = exec "a" # two\n#three', 'source A = exec "a"'));
  test("a quote and a backslash are escaped", () => {
    const [rule] = tree('rule r: notify open "a\\"b\\\\\\\\c\\*" because "say \\"no\\""').rules;
    expect(rule?.because).toBe('say "no"');
    const { operation } = rule?.clauses[0] ?? {};
    expect(operation && "target" in operation && operation.target.patterns?.[0]?.text).toBe(
      'a"b\\\\c\\*',
    );
  });
  test("windows line ends in a text are line ends", () => {
    expect(tree('rule r:\r\n notify exec any\r\n because "a\r\nb"').rules[0]?.because).toBe("a\nb");
  });
});

describe("ActPlane's own examples are accepted", () => {
  const examples = [
    `source SECRET = file "**/.env"
     source SECRET = file "/etc/secrets/**"
     rule no-exfil:
       block connect endpoint "*"      if SECRET
       block write   file "/shared/**" if SECRET
       because "secret data must not leave the host"
     declassify SECRET by exec "**/redact"`,
    `source UNTRUST = endpoint "*"
     rule no-injected-priv:
       block exec "git" "push" if UNTRUST and not REVIEWED
       block exec "**/deploy*"         if UNTRUST and not REVIEWED
       because "untrusted input must not drive privileged actions"
     endorse REVIEWED by exec "**/human-approve"`,
    `rule mediate-proddb:
       block open file "**/prod.db" unless lineage-includes exec "**/migrate"
       because "prod.db only via the migration tool"`,
    `source AGENT = exec "**/codex"
     rule confine-writes:
       block write  file "/**" if AGENT unless target "/work/**"
       block unlink file "/**" if AGENT unless target not "/work/**"
       because "agent may only modify /work"`,
    `rule test-before-commit:
       kill exec "git" "commit"
         if AGENT
         unless after exec "pnpm" "test" exits 0 since write "src/**" or write "tests/**"
       because "tests are stale — you edited code
                after the last run"`,
    `source PROMPT = file "stdio:stdin"
     rule no-prompt-to-stdout:
       notify write file "stdio:stdout" if PROMPT
       because "prompt-derived data should not be printed without review"`,
    `rule pii-egress:
       block connect endpoint "*" if PII unless target "127."
       notify recv endpoint "*.internal" if true
       because "PII only to internal"`,
  ];
  for (const [index, text] of examples.entries())
    test(`example ${index + 1}`, () => void tree(text));
});

describe("any text", () => {
  test("printing and parsing is the same policy", () => {
    fc.assert(
      fc.property(randomPolicy, (policy) => {
        const text = printPolicy(policy);
        const { value, diagnostics } = parsePolicy(source(text));
        expect(brief(diagnostics.filter(({ severity }) => severity === "error"))).toEqual([]);
        expect(withoutPlaces(value)).toEqual(withoutPlaces(policy));
        expect(printPolicy(value)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  const words = [
    "rule",
    "r",
    ":",
    "block",
    "kill",
    "exec",
    "open",
    "connect",
    '"x"',
    '"',
    "if",
    "unless",
    "after",
    "since",
    "or",
    "and",
    "not",
    "(",
    ")",
    "@",
    "=",
    ",",
    "source",
    "define",
    "because",
    "within",
    "exits",
    "any",
    "\n",
    "#",
    "'",
    "declassify",
    "by",
    "target",
    "true",
    "\u{1f600}",
    "\0",
    "[",
    "{",
  ];

  test("never throws, ends, and keeps its places inside the text", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...words), { maxLength: 60 }),
        fc.constantFrom("", " "),
        (parts, between) => {
          const text = parts.join(between);
          const { diagnostics } = parsePolicy(source(text));
          for (const { span } of diagnostics) {
            expect(span.start).toBeGreaterThanOrEqual(0);
            expect(span.end).toBeGreaterThanOrEqual(span.start);
            expect(span.end).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("a cut text is still read to its end", () => {
    fc.assert(
      fc.property(randomPolicy, fc.nat(), (policy, cut) => {
        const text = printPolicy(policy);
        parsePolicy(source(text.slice(0, cut % (text.length + 1))));
      }),
      { numRuns: 300 },
    );
  });
});

describe("places", () => {
  test("columns count characters", () => {
    const text = source("a\u{1f600}b\r\n\tc");
    expect(positionAt(text, 3)).toEqual({ line: 1, column: 3 });
    expect(positionAt(text, 7)).toEqual({ line: 2, column: 2 });
    expect(positionAt(text, 99)).toEqual({ line: 2, column: 3 });
    expect(positionAt(text, 0)).toEqual({ line: 1, column: 1 });
  });
});
