// What a host does about each clause, as tables.

import { describe, expect, test } from "bun:test";
import { allowsDegraded, weakOf } from "../../src/surface/acceptance.ts";
import {
  renderFirstVerdicts,
  renderTierVerdicts,
  renderVerdicts,
  renderVerdictsBriefly,
  verdictJson,
  verdictsIn,
} from "../../src/surface/text/verdicts.ts";
import { compiledPolicy } from "../runtime/story.ts";
import { expectGolden, expectHarmless } from "./golden.ts";

const policy = `source AGENT = exec "claude"
rule seen: notify read "/etc/passwd"
rule no-push: block exec "git" "push" if AGENT
rule etc: block write "/etc/**"
rule tmp: kill unlink "/tmp/**"
rule net: block connect "10.0.0.0/8"
rule names: block connect "*.example.com"
rule heard: kill recv any`;
const { clauses } = compiledPolicy(policy).compiled;

/** `count` clauses, of which every tenth is weaker than written in the tracepoint tier. */
function many(count: number) {
  const one = (i: number) =>
    `rule r${i}: ${i % 10 === 0 ? "block write" : "notify read"} "/srv/f${i}"`;
  const text = Array.from({ length: count }, (_, i) => one(i)).join("\n");
  return verdictsIn("tracepoint", compiledPolicy(text).compiled.clauses);
}

describe("tables", () => {
  for (const tier of ["lsm", "modify-return", "tracepoint"] as const)
    test(`of the ${tier} tier`, () =>
      expectGolden(`verdicts of the ${tier} tier`, renderVerdicts(verdictsIn(tier, clauses))));
  test("of all tiers side by side", () =>
    expectGolden("verdicts of all tiers", renderTierVerdicts(clauses)));
});

describe("many clauses", () => {
  test("are counted, and the weaker ones listed", () => {
    const text = renderVerdictsBriefly(many(10_000));
    expectGolden("verdicts of ten thousand clauses", text);
    expect(text.split("\n").length).toBeLessThan(60);
  });
  test("none of which is weaker", () => {
    const verdicts = many(100).filter(({ verdict }) => verdict.reason === null);
    expect(renderVerdictsBriefly(verdicts)).toBe("  observed              90\n");
  });
  test("twenty are still listed whole", () => {
    const verdicts = many(20);
    expect(renderVerdictsBriefly(verdicts)).toBe(renderVerdicts(verdicts));
    expect(renderFirstVerdicts(verdicts)).toBe(renderVerdicts(verdicts));
  });
  test("none at all", () => expect(renderVerdictsBriefly([])).toBe(""));
});

test("a clause of thousands of patterns is one line, and not endless", () => {
  const set = Array.from({ length: 3000 }, (_, i) => `"/srv/f${i}"`).join(", ");
  const { compiled } = compiledPolicy(`define F = ${set}\nrule r: block write @F`);
  expectHarmless(renderVerdicts(verdictsIn("lsm", compiled.clauses)));
});

test("hostile words of a policy", () => {
  const { compiled } = compiledPolicy('rule r: block write "/x/\u001b[2J\u202e"');
  const text = renderVerdicts(verdictsIn("tracepoint", compiled.clauses));
  expectHarmless(text);
  expectHarmless(renderTierVerdicts(compiled.clauses));
});

test("as JSON", () => {
  const [verdict] = verdictsIn(
    "tracepoint",
    compiledPolicy('rule r: block write "/x"').compiled.clauses,
  );
  if (verdict === undefined) throw new Error("a clause");
  expect(verdictJson(verdict)).toEqual({
    rule: "r",
    clause: 0,
    text: 'block write "/x"',
    effect: "block",
    kind: "unenforceable",
    reason: "the tracepoint tier sees `write` only after it happened",
  });
});

describe("which of them stop a policy", () => {
  const names = (document: { require: "block" | null }, tier: "lsm" | "tracepoint") =>
    weakOf(verdictsIn(tier, clauses), document).map(({ compiled }) => compiled.rule.name.text);
  test("what is below killed-before-effect", () => {
    expect(names({ require: null }, "lsm")).not.toContain("etc");
    const weak = names({ require: null }, "tracepoint");
    expect(weak.slice(0, 2)).toEqual(["etc", "tmp"]);
  });
  test("with `require: block` every block that is no refusal", () => {
    const weak = names({ require: "block" }, "tracepoint");
    expect(weak.slice(0, 3)).toEqual(["no-push", "etc", "tmp"]);
  });
  test("`allow: degraded` accepts them, but not against `require: block`", () => {
    expect(allowsDegraded({ require: null, allow: "degraded" }, false)).toBe(true);
    expect(allowsDegraded({ require: "block", allow: "degraded" }, true)).toBe(false);
    expect(allowsDegraded({ require: null, allow: null }, false)).toBe(false);
    expect(allowsDegraded({ require: null, allow: null }, true)).toBe(true);
  });
});
