// What `explain` shows: words, pictures and data, from journals and from events.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { clockAt } from "../../src/runtime/clock.ts";
import { explainedIn } from "../../src/surface/explained-file.ts";
import { asciiPicture } from "../../src/surface/picture/ascii.ts";
import { dotPicture } from "../../src/surface/picture/dot.ts";
import { graphOf } from "../../src/surface/picture/graph.ts";
import { boxHeight, layoutOf } from "../../src/surface/picture/layout.ts";
import type { Explained } from "../../src/surface/picture/strands.ts";
import { svgPicture } from "../../src/surface/picture/svg.ts";
import { eventJson } from "../../src/surface/text/event.ts";
import { encoded, Story } from "../runtime/story.ts";
import { expectGolden, expectHarmless, hostileName } from "./golden.ts";
import { passedOn } from "./passed-on.ts";
import { makePlace } from "./support.ts";

const head = {
  schema_version: 1,
  type: "journal",
  time: "2030-01-01T00:00:00.000Z",
  command: ["claude", "--continue"],
  policy: "actplane.yaml",
  domain: "session",
  tier: "lsm",
  dropped: 0,
};
const text = (lines: readonly object[]) =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const journalOf = (story: Story) =>
  text([head, ...story.records.map((record) => ({ type: "match", ...record }))]);
const eventsOf = ({ events, compiled }: Story) =>
  text(
    events.map((event) =>
      eventJson(event, { compiled, clock: clockAt(0n, Date.UTC(2030, 0, 1)), tier: "lsm" }),
    ),
  );

function matchOf(story: Story): Explained {
  const match = explainedIn(journalOf(story)).found.at(-1)?.match;
  if (match === undefined) throw new Error("nothing matched");
  return match;
}

/** A test that was made stale and a second label: a picture with several strands. */
function several(): Story {
  const story = new Story(`source A = exec "agent"
source B = file "/b"
rule r:
  block exec "git" "commit" if A and B unless after exec "make" exits 0 since write "/src/**"`);
  story.exec(20, "/bin/agent", ["agent"], { labels: ["A"] });
  story.fork(20, 21, { labels: ["A"] });
  story.exec(21, "/usr/bin/make", ["make"], { labels: ["A"] });
  story.gate(21, "gate-start");
  story.gate(21, "gate-open");
  story.exit(21);
  story.gate(20, "gate-stale", { ops: 8, first: encoded("/src/a.c"), labels: ["A"] });
  story.tell(20, "label", { ops: 4, first: encoded("/b"), labels: ["A", "B"] });
  story.match(20, "exec", "/usr/bin/git", { argv: ["git", "commit"], labels: ["A", "B"] });
  return story;
}

/** Every name is hostile. */
function hostile(): Story {
  const story = passedOn(2, (i) => `${hostileName}${i}`);
  story.exec(200, hostileName, [hostileName], { labels: ["AGENT", "SECRET"] });
  story.match(200, "connect", hostileName, { labels: ["AGENT", "SECRET"] });
  return story;
}

const stories = {
  "a secret that is passed on": () => passedOn(1),
  "two labels and a gate": several,
  "a story of many steps": () => passedOn(100),
  "hostile names": hostile,
} as const;

describe("pictures", () => {
  for (const [name, told] of Object.entries(stories)) {
    test(`${name}, in characters`, () => {
      const picture = asciiPicture(matchOf(told()));
      expectGolden(`picture of ${name}`, picture);
      expectHarmless(picture);
    });
    test(`${name}, for Graphviz`, () => {
      const picture = dotPicture(matchOf(told()));
      expect(picture).toMatch(/^digraph actplane \{\n(?: {2}.*;\n)+\}\n$/);
      expect(picture.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
      // Every quoted text ends where it should.
      expect(picture.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")).not.toContain('"');
    });
    test(`${name}, for browsers`, () => {
      const picture = svgPicture(matchOf(told()));
      expect(wellFormed(picture)).toEqual([]);
      expect(picture.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
      expect(picture).not.toMatch(/<script|href|url\((?!#arrow)/);
      expect(picture).not.toContain("NaN");
    });
    test(`${name}: every node below what leads to it, none upon another`, () => {
      const graph = graphOf(matchOf(told()));
      const width = (each: string) => 20 + each.length;
      const { places } = layoutOf(graph, width, () => 50);
      for (const { from, to } of graph.edges)
        expect((places.get(to)?.y ?? 0) - (places.get(from)?.y ?? 0)).toBeGreaterThan(boxHeight);
      const boxes = [...places.values()];
      const overlapping = boxes.filter((a) =>
        boxes.some((b) => a !== b && a.y === b.y && Math.abs(a.x - b.x) < (a.width + b.width) / 2),
      );
      expect(overlapping).toEqual([]);
    });
  }

  test("golden for Graphviz and for browsers", () => {
    expectGolden("picture for Graphviz", dotPicture(matchOf(passedOn(1))));
    expectGolden("picture for browsers", svgPicture(matchOf(passedOn(1))));
  });

  test("a ring has layers too", () => {
    const node = (id: string) => ({ id, kind: "object", text: id }) as const;
    const edge = (from: string, to: string) => ({ from, to, verb: "", when: null });
    const { places } = layoutOf(
      { nodes: [node("a"), node("b")], edges: [edge("a", "b"), edge("b", "a")] },
      () => 1,
      () => 1,
    );
    expect(places.size).toBe(2);
  });
});

/** Tags that are not closed, or closed and not opened. */
function wellFormed(xml: string): string[] {
  const open: string[] = [];
  const faults: string[] = [];
  for (const [tag, close, name = "", empty] of xml.matchAll(/<(\/?)([a-zA-Z]+)[^<>]*?(\/?)>/g)) {
    if (empty === "/") continue;
    if (close === "") open.push(name);
    else if (open.pop() !== name) faults.push(tag);
  }
  const rest = xml.replaceAll(/<[^<>]*>/g, "").replaceAll(/&(?:amp|lt|gt|quot);/g, "");
  return [...faults, ...open, ...(rest.match(/[<>&]/g) ?? [])];
}

describe("events explain what records do", () => {
  for (const [name, told] of Object.entries(stories))
    test(name, () => {
      const story = told();
      const recorded = explainedIn(journalOf(story)).found;
      const replayed = explainedIn(eventsOf(story)).found;
      expect(replayed).toHaveLength(recorded.length);
      replayed.forEach(({ match }, index) => {
        const record = recorded[index]?.match;
        expect({ ...match, rule: "", gates: [], deed: "", chains: [] }).toEqual({
          ...record,
          rule: "",
          gates: [],
          deed: "",
          chains: [],
        } as never);
        // Without the policy nobody knows that a name is a source: there a chain simply begins.
        const hops = (each: Explained | undefined) =>
          each?.chains.map((chain) => [chain.label, chain.hops.map(({ when, ...hop }) => hop)]);
        expect(hops(match)).toEqual(hops(record) as never);
      });
    });
});

const place = makePlace();
afterAll(() => place.remove());
const host = { runFolder: `${place.folder}/run` };
const own = process.geteuid?.() ?? 0;
const explain = (...words: readonly string[]) => place.run(["explain", ...words], { host });

describe("the command", () => {
  test("no run has left anything", async () => {
    const { code, out, err } = await explain("--last");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(
      /^actplane explain: no run of yours has left a journal since .*\n {2}`sudo/,
    );
  });
  test("of the last run: words and a picture", async () => {
    place.write(`run/last/${own}.jsonl`, journalOf(passedOn(1)));
    const { code, out, err } = await explain("--last");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expectGolden("explain the last run", out);
  });
  test("under sudo it is the caller's run", async () => {
    place.write("run/last/4711.jsonl", journalOf(several()));
    const argv = ["explain", "--last", "--format", "ascii"];
    const { out } = await place.run(argv, { host, env: { SUDO_UID: "4711" } });
    expect(out.includes("make")).toBe(own === 0);
  });
  test("the record itself", async () => {
    const { out } = await explain("--last", "--json");
    expect(JSON.parse(out)).toMatchObject({
      type: "match",
      seq: 1,
      rule: { name: "no-exfiltration" },
    });
  });
  test("one of several, by its number", async () => {
    const story = hostile();
    place.write("two.jsonl", journalOf(story));
    expect((await explain("two.jsonl", "--format", "ascii")).err).toBe(
      "actplane explain: this is --seq 2; there is also 1\n",
    );
    const first = await explain("two.jsonl", "--seq", "1", "--format", "ascii");
    expect(first).toMatchObject({ code: 0, err: "" });
    expect(first.out).toContain("/bin/curl");
    expect(await explain("two.jsonl", "--seq", "3")).toEqual({
      code: 2,
      out: "",
      err: "actplane explain: there is no --seq 3; there are 1, 2\n",
    });
  });
  test("of events, in words", async () => {
    place.write("events.jsonl", eventsOf(passedOn(1)));
    const { code, out } = await explain("events.jsonl");
    expect(code).toBe(0);
    expectGolden("explain a file of events", out);
    expect(JSON.parse((await explain("events.jsonl", "--json")).out)).toMatchObject({
      schema_version: 1,
      outcome: "refused",
      process: { exe: "/bin/curl" },
    });
  });
  test("a run in which nothing matched", async () => {
    const run = "the last run of `claude --continue`, started at 2030-01-01T00:00:00.000Z";
    const end = { schema_version: 1, type: "end", time: head.time, exit_code: 0 };
    place.write(`run/last/${own}.jsonl`, text([head, end]));
    expect(await explain("--last")).toEqual({
      code: 2,
      out: "",
      err: `actplane explain: no rule matched in ${run}\n`,
    });
    place.write(`run/last/${own}.jsonl`, text([head]));
    expect((await explain("--last")).err).toBe(
      `actplane explain: nothing was told of ${run}, which goes on or was killed\n`,
    );
  });
  test("a file without a match, and one that is not there", async () => {
    place.write("other.txt", 'words\n{"type":"fork"}\n{broken\n');
    expect(await explain("other.txt")).toMatchObject({
      code: 2,
      err: "actplane explain: line 2 is passed over: `argv` is missing\nactplane explain: other.txt tells of no match\n",
    });
    expect(await explain("nowhere")).toMatchObject({
      code: 1,
      err: "actplane explain: cannot read nowhere: there is no such file\n",
    });
    expect((await explain(".")).code).toBe(1);
  });
  test("lines that look like a record and are none are told of and passed over", async () => {
    const [record] = passedOn(1).records;
    const { pid, ...nobody } = record!.process;
    const lines = [
      { ...record, rule: {} },
      { ...record, process: nobody },
      { ...record, gates: [{}] },
      { ...record, schema_version: 2 },
      { ...record, provenance: [{ ...record!.provenance[0], hops: [{ how: "luck" }] }] },
      record!,
    ];
    place.write("faulty.jsonl", text(lines));
    const { code, out, err } = await explain("faulty.jsonl");
    expect(code).toBe(0);
    expect(out).toContain("SECRET");
    expect(err).toBe(
      [
        "actplane explain: line 1 is passed over: `rule.clause` is missing",
        "actplane explain: line 2 is passed over: `process.pid` is missing",
        "actplane explain: line 3 is passed over: `gates[0].event` is missing",
        "actplane explain: and 2 more lines",
        "",
      ].join("\n"),
    );
  });
  test("neither or both of a file and --last", async () => {
    expect((await explain()).code).toBe(1);
    expect((await explain("--last", "other.txt")).code).toBe(1);
    expect((await explain("--last", "--user", "no-such-user")).err).toContain("no user");
    expect((await explain("--last", "--seq", "0")).code).toBe(1);
  });
  test.skipIf(own === 0)("another user's run", async () => {
    place.write(`run/last/${own}.jsonl`, "");
    chmodSync(`${place.folder}/run/last/${own}.jsonl`, 0);
    expect((await explain("--last")).err).toContain("only root and the group");
  });
});
