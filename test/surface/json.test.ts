// docs/json.md against what is printed: every field that comes is described, and every described one comes.

import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Tier, tiers } from "../../src/kernel/kernel.ts";
import { clockAt } from "../../src/runtime/clock.ts";
import { explainedIn } from "../../src/surface/explained-file.ts";
import { doctorJson } from "../../src/surface/text/doctor.ts";
import { eventJson } from "../../src/surface/text/event.ts";
import { verdictsIn } from "../../src/surface/text/verdicts.ts";
import { compiledPolicy, eventOf } from "../runtime/story.ts";
import { passedOn } from "./passed-on.ts";
import { makePlace } from "./support.ts";

const text = readFileSync(join(import.meta.dir, "../../docs/json.md"), "utf8");

/** The fields in the tables under a heading, up to the next heading. */
function described(heading: string): Set<string> {
  const lines = text.split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`docs/json.md has no ${heading}`);
  const after = lines.slice(start + 1);
  const end = after.findIndex((line) => line.startsWith("#"));
  const section = after.slice(0, end < 0 ? undefined : end);
  return new Set(section.flatMap((line) => /^\| `([^`]+)` \|/.exec(line)?.[1] ?? []));
}

/** `a.b[].c` of every leaf; the keys of tiers are one. An empty list and `null` are no leaves where others tell more. */
function fieldsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => fieldsOf(each, `${path}[]`));
  if (value === null || typeof value !== "object") return [path];
  return Object.entries(value).flatMap(([key, member]) => {
    const name = (tiers as readonly string[]).includes(key) ? "<tier>" : key;
    return fieldsOf(member, path === "" ? name : `${path}.${name}`);
  });
}

/** `described` as the first sample or any other has it. Elsewhere described parts are left out by name. */
function expectDescribed(
  heading: string,
  samples: readonly object[],
  elsewhere: readonly string[] = [],
): void {
  const names = described(heading);
  const printed = new Set(samples.flatMap((sample) => fieldsOf(sample)));
  const isKnown = (field: string) =>
    names.has(field) ||
    elsewhere.some((part) => field.startsWith(part)) ||
    // `null` in the place of an object or a list.
    [...names].some((name) => name.startsWith(`${field}.`) || name.startsWith(`${field}[`));
  expect([...printed].filter((field) => !isKnown(field))).toEqual([]);
  const comes = (name: string) =>
    printed.has(name) ||
    (name.endsWith("[]") && [...printed].some((field) => field.startsWith(name)));
  expect([...names].filter((name) => !comes(name))).toEqual([]);
}

const place = makePlace();
afterAll(() => place.remove());
const host = {
  knownProbe: async (tier: Tier) => ({ works: tier === "tracepoint", answer: "EPERM" }),
  skipsHooks: async () => false,
};
const policy = `source AGENT = exec "claude"
rule no-push: block exec "git" "push" if AGENT unless after exec "make" exits 0 or lineage-includes exec "x"
  because "y"
`;
const printed = async (words: readonly string[], policyText = policy) => {
  place.write("a.policy", policyText);
  return JSON.parse((await place.run([...words, "a.policy"], { host })).out);
};

test("check", async () =>
  expectDescribed("## `actplane check --json`", [
    await printed(["check", "--json", "--host"]),
    await printed(["check", "--json"], "rule r: notify exec any\nrule r: notify conect any\n"),
  ]));

test("compile", async () =>
  expectDescribed(
    "## `actplane compile --json`",
    [
      await printed(
        ["compile", "--json"],
        `${policy}rule q: block connect any unless target "api.github.com"\n`,
      ),
    ],
    ["schema_version", "diagnostics"],
  ));

const asked = async (...words: readonly string[]) =>
  (await place.run(words, { host })).out
    .split(/\n(?=\{)/)
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text));

test("why", async () => {
  place.write("a.policy", `${policy}rule h: block connect "example.com:443"\n`);
  const about = ["why", "--json", "--policy", "a.policy"];
  expectDescribed(
    "## `actplane why --json`",
    [
      ...(await asked(...about, "--label", "AGENT", "exec", "git", "push")),
      ...(await asked(...about, "exec", "make")),
      ...(await asked(...about, "exec", "claude")),
      ...(await asked(...about, "exec", "git", "push")),
      ...(await asked(...about, "connect", "10.0.0.1:443")),
      ...(await asked(
        ...[
          "why",
          "--json",
          "--rule",
          'rule r: block read "/a" unless after exec "x" since write "/a"',
        ],
        ...["write", "/a"],
      )),
    ],
    ["passed[].", "makes_stale[]."],
  );
});

test("simulate", async () => {
  place.write("a.policy", policy);
  const lines = [
    { type: "exec", pid: 2, target: "/x/claude", argv: ["claude"] },
    { type: "exec", pid: 2, target: "/x/git", argv: ["git", "push"] },
    { type: "exec", pid: 2, target: "/x/make", argv: ["make"] },
    { type: "exit", pid: 2, status: 0 },
    { pid: 1, ops: ["open", "read"], target: "/x" },
  ];
  place.write("trace", lines.map((line) => JSON.stringify(line)).join("\n"));
  const told = await asked("simulate", "--json", "--policy", "a.policy", "trace");
  expect(told).toHaveLength(lines.length - 1);
  expectDescribed("## `actplane simulate --json`", told, ["matched[]."]);
});

test("doctor", () => {
  const facts = {
    release: "6.1",
    architecture: "x64",
    isRoot: true,
    hasBtf: true,
    lsms: ["bpf"],
    lockdown: null,
    config: new Map(),
    cgroupRoot: null,
    preemption: null,
  };
  const [lsm, ...rest] = tiers.map((tier) => ({
    tier,
    probe: { works: true, answer: "works" },
    remedy: null,
  }));
  if (lsm === undefined) throw new Error("tiers");
  const broken = {
    ...lsm,
    probe: { works: false, answer: "EPERM" },
    remedy: { why: "x", change: null },
  };
  const clauses = verdictsIn("lsm", compiledPolicy(policy).compiled.clauses);
  expectDescribed("## `actplane doctor --json`", [
    doctorJson({ facts, tiers: [broken, ...rest], policy: clauses }),
  ]);
});

test("events", () => {
  const { compiled } = compiledPolicy(policy);
  const context = { compiled, clock: clockAt(0n, 0), tier: "lsm" } as const;
  const full = eventOf({
    ops: 1,
    labels: [0],
    gates: [0],
    clauses: [0],
    words: 1,
    second: new Uint8Array([65, 0]),
    object: { kind: "file", inode: 1n, device: 1, generation: 1 },
    channels: [{ kind: "queue", inode: 1n, device: 0xfff00009, generation: 0 }],
  });
  expectDescribed("## `actplane run --events FILE`", [eventJson(full, context)]);
});

test("explain, of events", () => {
  const story = passedOn(1);
  story.fork(105, 106, { labels: ["AGENT", "SECRET"] });
  story.match(106, "exec", "/bin/git", { argv: ["git"], labels: ["AGENT"] });
  const context = { compiled: story.compiled, clock: clockAt(0n, 0), tier: "lsm" } as const;
  const lines = story.events.map((event) => JSON.stringify(eventJson(event, context)));
  const found = explainedIn(lines.join("\n")).found.map(({ json }) => json);
  expectDescribed("## `actplane explain --json`", found, ["provenance[].hops[]."]);
});

describe("the lines of run", () => {
  const tool = join(import.meta.dir, "../../dist/actplane");
  const lines = (...words: readonly string[]): { type: string }[] =>
    Bun.spawnSync([tool, "run", "--json", "--tier", "tracepoint", ...words, "--", "true"], {
      cwd: place.folder,
    })
      .stderr.toString()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  const works = process.geteuid?.() === 0 && lines("--rule", "").some(({ type }) => type === "end");
  test.skipIf(!works)("start, note, error and end", () => {
    writeFileSync(join(place.folder, "faulty.yaml"), "policy: |\n  rule r: blok exec any\n");
    const told = [
      ...lines("--rule", 'rule r: notify exec "x"'),
      ...lines("--rule", ""),
      ...lines("--rule", 'rule r: block write "/x"'),
      ...lines("--policy", "faulty.yaml"),
      { schema_version: 1, type: "error", text: "", answers: [{ tier: "lsm", answer: "EPERM" }] },
    ];
    const types = new Set(told.map(({ type }) => type));
    expect(types).toEqual(new Set(["start", "end", "note", "error"]));
    for (const type of types)
      expectDescribed(
        `### \`${type}\``,
        told.filter((line) => line.type === type),
        type === "error" ? ["diagnostics[].", "verdicts[]."] : [],
      );
  });
});
