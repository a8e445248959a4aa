// `actplane check`: what it reads, what it says and with which exit code.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import type { Tier } from "../../src/kernel/kernel.ts";
import type { Host } from "../../src/surface/host.ts";
import { expectGolden } from "./golden.ts";
import { makePlace, type Place } from "./support.ts";

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

const clean = 'source AGENT = exec "claude"\nrule r:\n  block exec "git" if AGENT\n  because "x"\n';
const hinted = 'source AGENT = exec "claude"\nrule r:\n  block exec "git" if AGENT\n';
const warned = 'rule r:\n  notify exec "git" if AGENT\n';
const wrong = "rule r:\n  notify conect any\n";

describe("exit codes", () => {
  async function exits(text: string, level: string, expected: number): Promise<void> {
    place.write("a.policy", text);
    const { code } = await place.run(["check", "a.policy", "--fail-level", level]);
    expect(code).toBe(expected);
  }
  test("clean is 0", () => exits(clean, "hint", 0));
  test("a hint is 0", () => exits(hinted, "warning", 0));
  test("a hint is 2 at --fail-level hint", () => exits(hinted, "hint", 2));
  test("a warning is 0", () => exits(warned, "error", 0));
  test("a warning is 2 at --fail-level warning", () => exits(warned, "warning", 2));
  test("an error is 3 at every level", () => exits(wrong, "hint", 3));
  test("a file that is not there is 1", async () => {
    const { code, err } = await place.run(["check", "nowhere.yaml"]);
    expect(code).toBe(1);
    expect(err).toBe(
      `actplane check: cannot read ${join(place.folder, "nowhere.yaml")}: there is no such file\n`,
    );
  });
  test("a folder is 1", async () => expect((await place.run(["check", "."])).code).toBe(1));
  test("a device is 1", async () =>
    expect((await place.run(["check", "/dev/zero"])).err).toContain("is a device"));
  test("an unknown option is 1", async () =>
    expect((await place.run(["check", "--frob"])).code).toBe(1));
  test("an unknown verb is 1", async () =>
    expect((await place.run(["chek"])).err).toContain("check"));
  test("a file and a rule are 1", async () =>
    expect((await place.run(["check", "a", "--rule", "b"])).code).toBe(1));
  test("help is 0", async () => expect((await place.run(["check", "--help"])).code).toBe(0));
});

describe("what is read", () => {
  test("the nearest actplane.yaml upwards", async () => {
    place.write("actplane.yaml", "policy: |\n  rule r:\n    notify conect any\n");
    place.write("a/b/x", "");
    const { code, err } = await place.run(["check"], { cwd: "a/b" });
    expect(code).toBe(3);
    expect(err).toContain("  ../../actplane.yaml:3:12\n");
  });
  test("where there is none that is said", async () => {
    // Where nobody else's can be above it.
    const { code, err } = await place.run(["check"], { cwd: relative(place.folder, "/") });
    expect(code).toBe(1);
    expect(err).toContain("no actplane.yaml in / or above it");
  });
  test("one that leads nowhere is not passed over for the one above", async () => {
    place.write("actplane.yaml", "policy: |\n  rule r:\n    notify exec any\n");
    place.write("a/x", "");
    symlinkSync("nowhere", join(place.folder, "a", "actplane.yaml"));
    const { code, err } = await place.run(["check"], { cwd: "a" });
    expect([code, err]).toEqual([
      1,
      `actplane check: cannot read ${place.folder}/a/actplane.yaml: there is no such file\n`,
    ]);
  });
  test("a pipe that lies there is not waited for", async () => {
    Bun.spawnSync(["mkfifo", join(place.folder, "actplane.yaml")]);
    const { code, err } = await place.run(["check"]);
    expect([code, err]).toEqual([
      1,
      `actplane check: ${place.folder}/actplane.yaml is not a regular file; name it to have it read\n`,
    ]);
  });
  test("standard input", async () => {
    const { code, err } = await place.run(["check", "-"], { stdin: wrong });
    expect(code).toBe(3);
    expect(err).toContain("  <stdin>:2:10\n");
  });
  test("a document on standard input", async () => {
    const { code } = await place.run(["check", "-"], {
      stdin: `policy: |\n${clean.replaceAll(/^/gm, "  ")}`,
    });
    expect(code).toBe(0);
  });
  test("a rule on the command line", async () => {
    const { code, err } = await place.run(["check", "--rule", wrong]);
    expect(code).toBe(3);
    expect(err).toContain("  --rule:2:10\n");
  });
  test("bytes that are no text", async () => {
    place.write("a.yaml", new Uint8Array([0xff, 0xfe, 0x61, 0]));
    const { code, err } = await place.run(["check", "a.yaml"]);
    expect(code).toBe(3);
    expect(err).toBe(
      "error[L001]: the text is UTF-16\n  a.yaml\n  help: save the file as UTF-8\n\n1 error\n",
    );
  });
  test("one domain of several", async () => {
    place.write(
      "a.yaml",
      `rules:
  good: |
    rule good: notify exec any
  bad: |
    rule bad: notify exec any if NOBODY
domains:
  session: {bind: [good]}
  other: {bind: [bad]}
`,
    );
    expect(
      (await place.run(["check", "a.yaml", "--domain", "session", "--fail-level", "hint"])).code,
    ).toBe(0);
    expect(
      (await place.run(["check", "a.yaml", "--domain", "other", "--fail-level", "warning"])).code,
    ).toBe(2);
    expect((await place.run(["check", "a.yaml", "--domain", "othr"])).err).toContain(
      "did you mean `other`?",
    );
  });
});

describe("what is said", () => {
  test("words go to standard error, in colour on a terminal", async () => {
    place.write("a.policy", wrong);
    const plain = await place.run(["check", "a.policy"]);
    expect(plain.out).toBe("");
    expect(plain.err).toBe(`error[P014]: unknown operation \`conect\`
  a.policy:2:10
2 |   notify conect any
  |          ^^^^^^ help: did you mean \`connect\`?

1 error
`);
    const colored = await place.run(["check", "a.policy"], { tty: true });
    expect(colored.err).toContain("\x1b[1;31merror[P014]\x1b[0m");
    expect(Bun.stripANSI(colored.err)).toBe(plain.err);
    const without = await place.run(["check", "a.policy"], { tty: true, env: { NO_COLOR: "1" } });
    expect(without.err).toBe(plain.err);
  });
  test("a clean policy is told by silence", async () => {
    place.write("a.policy", clean);
    expect(await place.run(["check", "a.policy"])).toEqual({ code: 0, out: "", err: "" });
  });
  test("JSON is data on standard output", async () => {
    place.write("a.policy", wrong);
    const { out, err, code } = await place.run(["check", "a.policy", "--json"]);
    expect(code).toBe(3);
    expect(err).toBe("");
    expect(JSON.parse(out)).toEqual({
      schema_version: 1,
      diagnostics: [
        {
          severity: "error",
          code: "P014",
          message: "unknown operation `conect`",
          file: "a.policy",
          start: { line: 2, column: 10, offset: 17 },
          end: { line: 2, column: 16, offset: 23 },
          help: "did you mean `connect`?",
          related: [],
        },
      ],
    });
  });
  test("a clean policy is an empty list", async () => {
    place.write("a.policy", clean);
    const { out } = await place.run(["check", "a.policy", "--json"]);
    expect(JSON.parse(out)).toEqual({ schema_version: 1, diagnostics: [] });
  });
  test("a name that would move the cursor is escaped", async () => {
    place.write("a\x1b[2J.policy", wrong);
    const { err } = await place.run(["check", "a\x1b[2J.policy"]);
    expect(err).toContain("  a\\x1b[2J.policy:2:10\n");
  });
});

describe("patterns that match nothing in the workspace", () => {
  const policy =
    'version: 1\npolicy: |\n  rule r:\n    notify write "scr/**"\n    notify write "src/**"\n';
  test("are hinted at", async () => {
    place.write("actplane.yaml", policy);
    place.write("src/deep/main.ts", "");
    const { code, err } = await place.run(["check"]);
    expect(code).toBe(0);
    expect(err).toContain(
      "hint[C051]: `scr/**` matches nothing in the workspace\n  actplane.yaml:4:18\n",
    );
    expect(err).not.toContain("`src/**`");
  });
  test("are looked for where the document says", async () => {
    place.write("policies/a.yaml", policy.replace("version: 1", "workspace: .."));
    place.write("scr/x", "");
    place.write("src/x", "");
    expect((await place.run(["check", "policies/a.yaml"])).err).toBe("");
  });
  test("are not looked for behind links out of it", async () => {
    const other = makePlace();
    other.write("inside/file", "");
    place.write("actplane.yaml", policy.replace('"scr/**"', '"src/inside/**"'));
    symlinkSync(other.folder, join(place.folder, "src"));
    const { err } = await place.run(["check"]);
    other.remove();
    expect(err).toContain("`src/inside/**` matches nothing");
  });
});

describe("--host", () => {
  const text =
    'rule no-push: block exec "git" "push" because "x"\nrule etc: block write "/etc/**" because "x"\n';
  /** A host of which so much is known: a tier that is not named is not. */
  const host = (known: Partial<Record<Tier, boolean>>): Partial<Host> => ({
    knownProbe: async (tier) => {
      const works = known[tier];
      return works === undefined ? null : { works, answer: works ? "works" : "EPERM" };
    },
  });
  const lsm = host({ lsm: true });
  const traced = host({ lsm: false, "modify-return": false, tracepoint: true });
  const none = host({ lsm: false, "modify-return": false, tracepoint: false });
  const unknown = host({ lsm: false });

  async function check(
    name: string,
    on: Partial<Host>,
    expected: number,
    policy = text,
    told: string[] = [],
  ) {
    place.write("a.yaml", policy);
    place.write("a.policy", policy);
    const file = policy.startsWith("rule") ? "a.policy" : "a.yaml";
    const { code, out, err } = await place.run(["check", "--host", file], { host: on });
    expectGolden(`check on ${name}`, out);
    expect([...err.matchAll(/\[(\w+)\]/g)].map(([, each]) => each)).toEqual([...told]);
    expect(code).toBe(expected);
  }
  test("that refuses before", () => check("a host that refuses", lsm, 0));
  test("that would not start it", () => check("a host that would not start it", traced, 2));
  test("that would start it, for the document allows it", () =>
    check(
      "a host that the document makes do with",
      traced,
      0,
      `allow: degraded\npolicy: |\n${text.replaceAll(/^(?=.)/gm, "  ")}`,
    ));
  test("that is less than the document requires", () =>
    check(
      "a host that is less than required",
      traced,
      2,
      'require: block\npolicy: |\n  rule no-push: block exec "git" because "x"\n',
    ));
  test("on which nothing works", () => check("a host on which nothing works", none, 2));
  test("of which too little is known", () => check("a host that is not known", unknown, 0));
  test("a policy without rules", () =>
    check("a policy without rules", lsm, 0, "policy: |\n  # none\n", ["C062"]));

  test("findings come first, and stop it", async () => {
    place.write("a.policy", wrong);
    const { code, out, err } = await place.run(["check", "--host", "a.policy"], { host: lsm });
    expect([code, out]).toEqual([3, ""]);
    expect(err).toContain("error[P014]");
  });
  test("standard input is read once", async () => {
    const { code, out } = await place.run(["check", "--host", "-"], { host: lsm, stdin: text });
    expect(code).toBe(0);
    expect(out).toContain("lsm tier\n  blocked-before        no-push");
  });
  test("a rule on the command line", async () => {
    const { out } = await place.run(["check", "--host", "--rule", text], { host: lsm });
    expect(out).toContain("no-push: block exec");
  });
  test("as JSON, with all tiers", async () => {
    place.write("a.policy", text);
    const { code, out } = await place.run(["check", "--host", "--json", "a.policy"], {
      host: traced,
    });
    const value = JSON.parse(out);
    expect(code).toBe(2);
    expect(value.host).toEqual({ known: true, tier: "tracepoint", starts: false });
    expect(value.clauses[0]).toMatchObject({
      rule: "no-push",
      clause: 0,
      text: 'block exec "git" "push"',
      verdict: { kind: "killed-before-effect" },
      tiers: { lsm: { kind: "blocked-before", reason: null } },
    });
    const other = await place.run(["check", "--host", "--json", "a.policy"], { host: unknown });
    expect(JSON.parse(other.out).host).toEqual({ known: false, tier: null, starts: null });
  });
});
