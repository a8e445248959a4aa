// What a member may add and what would loosen: each refusal has a twin that is accepted.

import { describe, expect, test } from "bun:test";
import { Refusal } from "../../src/runtime/refusal.ts";
import { makePlane, member, operator, refusalOf } from "./plane.ts";

const standing = `
define secrets = "/etc/shadow"
source SECRET = file @secrets
source REVIEWED = exec "reviewer"
rule no-leak: block connect any if SECRET
rule review: block exec "git" "push" if not REVIEWED because "reviewed code only"
`;

/** What adding `text` to a domain that holds `standing` is answered. */
async function adding(text: string): Promise<string> {
  const plane = makePlane();
  const id = await plane.make(standing);
  return refusalOf(plane.add(member(id), id, text));
}

const table: readonly (readonly [what: string, text: string, answer: string])[] = [
  ["a rule", 'rule r: block exec "rm"', "accepted"],
  ["a rule over an inherited set", "rule r: block write @secrets", "accepted"],
  ["a rule over an inherited label", "rule r: block bind any if SECRET", "accepted"],
  ["a rule with `not` of its own", "rule r: block bind any if not REVIEWED", "accepted"],
  ["a rule with exceptions of its own", 'rule r: block exec "x" unless after exec "y"', "accepted"],
  ["more of a label that rules ask for", 'source SECRET = file "/srv/**"', "accepted"],
  ["a label of its own", 'source NEW = file "/srv/**"\nrule r: block bind any if NEW', "accepted"],
  ["a source that is there", 'source REVIEWED = exec "reviewer"', "accepted"],
  ["more of a label under `not`", 'source REVIEWED = exec "sh"', "policy-loosens T002"],
  ["an endorsement under `not`", 'endorse REVIEWED by exec "sh"', "policy-loosens T002"],
  ["an approval under `not`", 'source REVIEWED = approval "x"', "policy-loosens T002"],
  [
    "an approval for a label that rules ask for",
    'source SECRET = approval "x"',
    "policy-loosens T002",
  ],
  [
    "an approval for a label of its own",
    'source OK = approval "x"\nrule r: block bind any if OK',
    "accepted",
  ],
  ["a declassification", 'declassify SECRET by exec "sh"', "policy-loosens T001"],
  [
    "a declassification of a label of its own",
    'source N = file "/n"\ndeclassify N by exec "sh"',
    "policy-loosens T001",
  ],
  ["a rule of a name that is taken", 'rule no-leak: notify exec "rm"', "policy-loosens T003"],
  ["a set of a name that is taken", 'define secrets = "/dev/null"', "policy-loosens T004"],
  [
    "a workspace",
    'workspace: /elsewhere\npolicy: |\n  rule r: block exec "rm"\n',
    "policy-loosens T007",
  ],
  [
    "weaker verdicts",
    'allow: degraded\npolicy: |\n  rule r: block exec "rm"\n',
    "policy-loosens T007",
  ],
  [
    "another reading of arguments",
    'commands: {git: {value_options: ["--x"]}}\npolicy: |\n  rule r: block exec "rm"\n',
    "policy-loosens T007",
  ],
  // No name is looked up, so the clause would count on what never comes.
  [
    "a source that this host cannot carry out",
    'source SECRET = endpoint "example.com"',
    "policy-loosens T010",
  ],
  ["no policy", "rule r block", "policy-faulty P001 P014"],
];

describe("a text that is added", () => {
  for (const [what, text, answer] of table) {
    test(`${what}: ${answer}`, async () => expect(await adding(text)).toBe(answer));
  }
});

describe("polarity", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["A", true],
    ["not A", false],
    ["not not A", true],
    ["not (A and B)", false],
    ["not (B or not A)", true],
    ["B or (C and not A)", false],
    ["A or not A", false],
  ];
  for (const [condition, accepted] of cases) {
    test(`more of A where a clause asks for ${condition}`, async () => {
      const plane = makePlane();
      const sources = ["A", "B", "C"].map((label) => `source ${label} = file "/${label}"\n`);
      const id = await plane.make(`${sources.join("")}rule r: block exec "x" if ${condition}`);
      const answer = await refusalOf(plane.add(member(id), id, 'source A = exec "y"'));
      expect(answer).toBe(accepted ? "accepted" : "policy-loosens T002");
    });
  }
});

test("labels are the session's: a sibling's `not` counts, another session's does not", async () => {
  const plane = makePlane();
  const root = await plane.make('rule base: notify exec "x"');
  const [one, other] = [
    await plane.make("", { name: "one", parent: root }),
    await plane.make('rule r: block exec "git" if not OK', { name: "other", parent: root }),
  ];
  await plane.make('rule r: block exec "git" if not FREE', { name: "elsewhere" });
  expect(await refusalOf(plane.add(member(one), one, 'source OK = exec "sh"'))).toBe(
    "policy-loosens T002",
  );
  expect(await refusalOf(plane.add(member(one), one, 'source FREE = exec "sh"'))).toBe("accepted");
  expect(plane.rules(other)).toEqual(["base", "r"]);
});

test("an approval cannot stand for a label that comes from a sibling", async () => {
  const plane = makePlane();
  const root = await plane.make("rule base: block connect any if SECRET");
  await plane.make('source SECRET = file "/s"', { name: "giver", parent: root });
  const one = await plane.make("", { name: "one", parent: root });
  expect(await refusalOf(plane.add(member(one), one, 'source SECRET = approval "x"'))).toBe(
    "policy-loosens T002",
  );
});

describe("gates and histories are the session's", () => {
  const conditions = ['after exec "make" "test" exits 0', 'lineage-includes exec "deploy"'];
  const codes = ["T005", "T006"];
  for (const [index, condition] of conditions.entries()) {
    const clause = (rule: string) => `rule ${rule}: block exec "git" unless ${condition}`;
    test(`${condition}: not where a sibling waits for it`, async () => {
      const plane = makePlane();
      const root = await plane.make('rule base: notify exec "x"');
      const one = await plane.make("", { name: "one", parent: root });
      await plane.make(clause("waits"), { name: "other", parent: root });
      expect(await refusalOf(plane.add(member(one), one, clause("mine")))).toBe(
        `policy-loosens ${codes[index]}`,
      );
    });
    test(`${condition}: but where the domain fed it already`, async () => {
      const plane = makePlane();
      const root = await plane.make(clause("base"));
      const one = await plane.make("", { name: "one", parent: root });
      expect(await refusalOf(plane.add(member(one), one, clause("mine")))).toBe("accepted");
    });
  }
  test("in other words, too", async () => {
    const plane = makePlane();
    const root = await plane.make('rule base: notify exec "x"', { workspace: "/ws" });
    const one = await plane.make("", { name: "one", parent: root });
    await plane.make('rule w: block exec "git" unless after write "src/a"', { parent: root });
    const text = 'rule m: block exec "git" unless after write "/ws/src/a"';
    expect(await refusalOf(plane.add(member(one), one, text))).toBe("policy-loosens T005");
  });
});

describe("default bindings", () => {
  const catalogue = `
rules:
  base: {ifc: 'rule base: block exec "rm" if TAINT'}
  extra: {ifc: 'rule extra: block exec "curl"'}
  taint: {ifc: 'source TAINT = file "/t"'}
domains:
  session: {bind: [base, {rule: extra, mode: default}, {rule: taint, mode: default}]}
`;
  const disabling = async (...disable: string[]) => {
    const plane = makePlane();
    const root = await plane.make(catalogue, {
      policy: { name: "actplane.yaml", text: catalogue },
    });
    return refusalOf(plane.control.createDomain(member(root), { name: "child", disable }));
  };
  test("a child does without one", async () => expect(await disabling("extra")).toBe("accepted"));
  test("but not without a locked one", async () =>
    expect(await disabling("base")).toBe("policy-loosens T008"));
  test("nor without one that is not there", async () =>
    expect(await disabling("other")).toBe("policy-loosens T008"));
  test("nor without the label that a locked rule asks for", async () =>
    expect(await disabling("taint")).toBe("policy-loosens T009"));
});

test("the refusal names the clause, its rule and where it stands", async () => {
  const plane = makePlane();
  const id = await plane.make(standing);
  const failure = await plane
    .add(member(id), id, 'source REVIEWED = exec "sh"')
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Refusal);
  const [fault] = (failure as Refusal).diagnostics;
  expect(fault?.message).toBe(
    'more would carry `REVIEWED`, and rule `review` (`block exec "git" "push" if not REVIEWED`) asks for `not REVIEWED`',
  );
  expect(fault?.related?.[0]?.source.name).toBe("test");
  expect(fault?.source.name).toBe("added");
});

test("what is refused changes nothing", async () => {
  const plane = makePlane();
  const id = await plane.make(standing);
  const before = plane.control.existing(id);
  const state = [before.revision, before.generation, before.session.numbering];
  await refusalOf(plane.add(member(id), id, 'source REVIEWED = exec "sh"'));
  expect([before.revision, before.generation, before.session.numbering]).toEqual(state);
  expect(plane.store.all("SELECT id FROM texts WHERE domain = ?", id)).toHaveLength(1);
});

test("an operator's text is proved as well: rules are taken away by name, not by accident", async () => {
  const plane = makePlane();
  const id = await plane.make(standing);
  expect(await refusalOf(plane.add(operator, id, 'declassify SECRET by exec "sh"'))).toBe(
    "policy-loosens T001",
  );
});
