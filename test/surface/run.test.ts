// `actplane run` where the tracepoint tier works: what it says, what it answers, and what it leaves in files.
// Small and quick; what the rules do to real programs is test/e2e's.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printable } from "../../src/surface/text/printable.ts";
import { expectGolden, expectHarmless, hostileName } from "./golden.ts";

setDefaultTimeout(60_000);

const tool = join(import.meta.dir, "../../dist/actplane");
const isRoot = process.geteuid?.() === 0;

const folder = mkdtempSync(join(tmpdir(), "actplane-run-"));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

const documents = {
  "exec.yaml": 'policy: |\n  rule no-touch: block exec "touch" because "no traces"\n',
  "strict.yaml":
    'require: block\npolicy: |\n  rule no-touch: block exec "touch"\n  rule no-net: block connect any\n',
  "weak.yaml":
    'policy: |\n  rule etc: block write "/nowhere/**"\n  rule no-touch: block exec "touch"\n',
  "allowed.yaml": 'allow: degraded\npolicy: |\n  rule etc: block write "/nowhere/**"\n',
  "both.yaml": 'allow: degraded\nrequire: block\npolicy: |\n  rule no-touch: block exec "touch"\n',
  "faulty.yaml": 'policy: |\n  rule r: blok exec "git"\n',
  "domains.yaml":
    'rules:\n  a: |\n    rule a: notify exec "git"\ndomains:\n  session: {bind: [a]}\n  reviewer: {parent: session}\n',
  "empty.yaml": "policy: |\n  # nothing yet\n",
} as const;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(...words: readonly string[]): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync([tool, ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    stdin: "ignore",
  });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

/** In the tracepoint tier, whatever else works here. */
const traced = (...words: readonly string[]): Ran => run("run", "--tier", "tracepoint", ...words);

const lines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Whether programs can be loaded here at all; the reason stands in the skipped tests' file. */
const works = isRoot && traced("--rule", "", "--", "true").code === 0;
const runs = test.skipIf(!works);

beforeAll(() => {
  for (const [name, text] of Object.entries(documents)) writeFileSync(join(folder, name), text);
});

/** A command line with what it answered, as one reads it in a terminal. */
function transcript(commands: readonly (readonly string[])[]): string {
  return commands
    .map((words) => {
      const line = words.map((word) => printable(/^[\w./-]+$/.test(word) ? word : `'${word}'`));
      const { code, out, err } = run(...words);
      expectHarmless(err);
      return `$ actplane ${line.join(" ")}\n${out}${err}exit code ${code}\n`;
    })
    .join("\n")
    .replaceAll(folder, "/folder");
}

describe("wrong usage is 125, for 1 may be the command's", () => {
  test("each with words that help", () =>
    expectGolden(
      "run with wrong usage",
      transcript([
        ["run", "--polcy", "x", "--", "true"],
        ["run"],
        ["run", "--policy", "exec.yaml"],
        ["run", "--policy", "a.yaml", "--policy", "b.yaml", "--", "true"],
        ["run", "--rule", "rule r: notify exec any", "--policy", "b.yaml", "--", "true"],
        ["run", "--tier", "ebpf", "--", "true"],
        ["run", "--tier", "\u001b[2J", "--", "true"],
        ["rnu", "--", "true"],
      ]),
    ));
  test("help is 0", () => expect(run("run", "--help").code).toBe(0));
});

describe("nothing is started", () => {
  runs("where something is wrong, and it says what", () =>
    expectGolden(
      "run that starts nothing",
      transcript([
        ["run", "--policy", "nowhere.yaml", "--", "true"],
        ["run", "--policy", ".", "--", "true"],
        ["run", "--policy", "faulty.yaml", "--", "true"],
        ["run", "--policy", "domains.yaml", "--domain", "reviwer", "--", "true"],
        ["run", "--policy", "exec.yaml", "--user", "nobdy", "--", "true"],
        ["run", "--policy", "exec.yaml", "--events", "/nowhere/events.jsonl", "--", "true"],
        ["run", "--policy", "exec.yaml", "--events", ".", "--", "true"],
      ]),
    ),
  );
  runs("where a clause would be weaker than the policy may count on", () =>
    expectGolden(
      "run refused for weaker clauses",
      transcript([
        ["run", "--tier", "tracepoint", "--policy", "weak.yaml", "--", "true"],
        ["run", "--tier", "tracepoint", "--policy", "strict.yaml", "--", "true"],
        ["run", "--tier", "tracepoint", "--policy", "both.yaml", "--", "true"],
        ["run", "--tier", "tracepoint", "--json", "--policy", "weak.yaml", "--", "true"],
      ]),
    ),
  );
  runs("and with --json it says so in one line of JSON", () => {
    const error = (...words: readonly string[]) => {
      const { code, out, err } = traced("--json", ...words, "--", "echo", "started");
      expect([code, out]).toEqual([125, ""]);
      const told = lines(err);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ schema_version: 1, type: "error" });
      return told[0];
    };
    expect(error("--policy", "faulty.yaml").diagnostics).toMatchObject([
      { code: "P010", severity: "error" },
    ]);
    expect(error("--policy", "nowhere.yaml").text).toContain("there is no such file");
    expect(error("--policy", "strict.yaml")).toMatchObject({
      tier: "tracepoint",
      verdicts: [{ rule: "no-touch", clause: 0, effect: "block", kind: "killed-before-effect" }],
    });
  });
  runs("where the tier that was asked for does not work", () => {
    const { code, err } = run("run", "--tier", "lsm", "--rule", "", "--", "true");
    if (code === 0) return;
    expect(code).toBe(125);
    expect(err).toMatch(
      /^actplane: the lsm tier does not work on this host, so nothing was started\n {2}lsm {12}.+\n {2}`actplane doctor` says what is missing; without --tier/,
    );
  });
  runs("within another run, which lets its command load no programs", () => {
    const { code, err } = traced("--rule", "", "--", tool, "run", "--rule", "", "--", "true");
    expect(code).toBe(125);
    expect(err).toContain("so nothing was started\n");
    expect(err).toContain("as it does within another `actplane run`");
    expect(err).not.toContain("a fault of actplane");
  });
  test.skipIf(!isRoot)("without root", () => {
    const { exitCode, stderr } = Bun.spawnSync(
      ["setpriv", "--reuid", "65534", "--clear-groups", tool, "run", "--", "true"],
      { cwd: "/" },
    );
    expect(exitCode).toBe(125);
    expect(stderr.toString()).toContain("which needs root\n  use `sudo actplane run -- ...`");
  });
});

describe("a policy that is weaker here is started", () => {
  runs("where --degraded accepts it, and it says so", () => {
    const { code, err } = traced("--degraded", "--policy", "weak.yaml", "--", "true");
    expect(code).toBe(0);
    expect(err).toContain("actplane: degraded: 1 clause is weaker than written on this host\n");
    expect(err).toContain("  unenforceable         etc: block write");
  });
  runs("even quietly it says so", () =>
    expect(traced("--degraded", "--quiet", "--policy", "weak.yaml", "--", "true").err).toBe(
      'actplane: degraded: 1 clause is weaker than written on this host\n  unenforceable         etc: block write "/nowhere/**"\n                          the tracepoint tier sees `write` only after it happened\n',
    ),
  );
  runs("where the document allows it", () =>
    expect(traced("--policy", "allowed.yaml", "--", "true").code).toBe(0),
  );
});

describe("what is told of a run", () => {
  runs("in words", () => {
    const { code, out, err } = traced(
      "--policy",
      "exec.yaml",
      "--",
      "sh",
      "-c",
      "touch x; echo $?",
    );
    expect([code, out]).toEqual([0, "137\n"]);
    const stable = err
      .replaceAll(/pid \d+/g, "pid N")
      .replaceAll(/(?<=\s)\/\S*\/(?=(?:touch|coreutils|sh|dash|bash)\b)/g, "/bin/")
      .replaceAll(/\b(?:dash|bash)\b/g, "sh");
    expect(stable).toContain(
      "actplane: tracepoint tier, 1 clause\n  killed-before-effect  no-touch: block exec",
    );
    expect(stable).toContain("actplane: killed before it began: /bin/touch x\n");
    expect(stable).toContain("because  no traces\n");
    expect(stable).toEndWith("actplane: done: 1 killed\n");
  });
  runs("as many warnings as `check` shows", () => {
    const never = 'source A = exec "a" rule r: notify exec "b" if A and not A';
    const { err } = traced("--rule", never, "--", "true");
    expect(err).toStartWith("actplane: 1 warning in the policy; `actplane check` shows them\n");
    expect(run("check", "--rule", never).err).toEndWith("\n1 warning\n");
  });
  runs("an empty policy runs, and says that it refuses nothing", () => {
    const { code, err } = traced("--policy", "empty.yaml", "--", "sh", "-c", "exit 7");
    expect(code).toBe(7);
    expect(err).toBe(
      "actplane: tracepoint tier, 0 clauses\nactplane: the policy has no rules: nothing will be refused\nactplane: done, no rule matched\n",
    );
  });
  runs("a policy of many rules has a short head", () => {
    const text = Array.from(
      { length: 1_000 },
      (_, i) => `rule r${i}: notify read "/nowhere/f${i}"`,
    );
    writeFileSync(join(folder, "many.policy"), text.join("\n"));
    const { code, err } = traced("--policy", "many.policy", "--", "true");
    expect(code).toBe(0);
    expect(err).toBe(
      "actplane: tracepoint tier, 1,000 clauses\n  observed              1,000\nactplane: done, no rule matched\n",
    );
  });
  runs("as JSON: a start, the matches, an end", () => {
    const { err } = traced(
      "--json",
      "--policy",
      "exec.yaml",
      "--",
      "sh",
      "-c",
      "touch x 2>/dev/null; touch x",
    );
    const told = lines(err.replace(/^(?!\{).*\n/gm, ""));
    expect(told.map(({ type }) => type)).toEqual(["start", "match", "match", "end"]);
    expect(told[0]).toMatchObject({
      tier: "tracepoint",
      degraded: false,
      verdicts: [{ rule: "no-touch", clause: 0, kind: "killed-before-effect" }],
    });
    expect(told[1]).toMatchObject({
      tier: "tracepoint",
      seq: 1,
      rule: { name: "no-touch" },
      verdict: "killed-before-effect",
      argv: ["touch", "x"],
    });
    expect(told[3]).toMatchObject({ exit_code: 137, left_behind: 0, repeated: 0 });
  });
  runs("hostile names do nothing to the terminal", () => {
    const name = hostileName.replaceAll("/", "").slice(0, 200);
    const { err } = traced("--rule", 'rule r: notify exec "touch"', "--", "touch", name);
    expectHarmless(err);
    expect(err).toContain("\\x1b[2J");
  });
});

describe("--events", () => {
  runs("appends a line an event, each with its tier", () => {
    const path = join(folder, "events.jsonl");
    const words = ["--quiet", "--events", "events.jsonl", "--policy", "exec.yaml", "--"];
    traced(...words, "sh", "-c", "touch x; true");
    traced(...words, "true");
    const events = lines(readFileSync(path, "utf8"));
    expect(new Set(events.map(({ tier }) => tier))).toEqual(new Set(["tracepoint"]));
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === "exec").length).toBeGreaterThanOrEqual(2);
    expect(types).toContain("match");
    expect(types.at(-1)).toBe("exit");
  });
  runs("a full disk is told once, and the command goes on under its rules", () => {
    const { code, err } = traced(
      "--events",
      "/dev/full",
      "--policy",
      "exec.yaml",
      "--",
      "sh",
      "-c",
      "true; sleep 0.1; touch x; exit 4",
    );
    expect(code).toBe(4);
    expect(
      err.match(/events are no longer written to \/dev\/full: no space is left/g),
    ).toHaveLength(1);
    expect(err).toContain("killed before it began");
  });
});

describe("options of the command are its own", () => {
  runs("with `--` and without", () => {
    for (const mark of [["--"], []]) {
      const { out } = traced("--quiet", "--rule", "", ...mark, "echo", "--policy", "x", "--json");
      expect(out).toBe("--policy x --json\n");
    }
  });
});

describe("a document's `commands:`", () => {
  const text = (commands: string) => `${commands}policy: |\n  rule r: block exec "sleep" "apply"\n`;
  runs("tell an option's value from a subcommand", () => {
    // sleep is no program with subcommands until the document says so; its words are judged before it runs.
    writeFileSync(join(folder, "plain.yaml"), text(""));
    writeFileSync(join(folder, "commands.yaml"), text("commands: {sleep: [--dir]}\n"));
    const code = (policy: string, ...words: string[]) =>
      traced("--quiet", "--policy", policy, "--", "sleep", ...words).code;
    expect(code("plain.yaml", "other", "apply")).toBe(137);
    expect(code("commands.yaml", "other", "apply")).not.toBe(137);
    expect(code("commands.yaml", "--dir", "x", "apply")).toBe(137);
    expect(code("commands.yaml", "--dir", "apply")).not.toBe(137);
  });
});

describe("without root", () => {
  const asNobody = (...words: readonly string[]) => {
    const as = ["setpriv", "--reuid", "65534", "--clear-groups"];
    const { exitCode, stdout } = Bun.spawnSync([...as, tool, ...words], { cwd: "/" });
    return { code: exitCode, out: stdout.toString() };
  };
  runs("`check --host` knows what was tried as root", () => {
    run("doctor");
    const { code, out } = asNobody("check", "--host", "--rule", 'rule r: notify exec "git"');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^(?:lsm|modify-return|tracepoint) tier\n {2}observed {14}r: notify exec "git"\n$/,
    );
  });
});

test("--version", () => expect(run("--version").out).toMatch(/^\d+\.\d+\.\d+\n$/));

runs("--annotate-stderr says one line a refusal, and nothing where there is none", () => {
  const rule =
    'rule no-touch: block exec "touch" because "no traces"\nrule seen: notify exec "true"';
  const annotated = (...words: readonly string[]) =>
    traced("--annotate-stderr", "--rule", rule, "--", ...words);
  expect(annotated("true").err).toBe("");
  const { err } = annotated("sh", "-c", "touch x 2>/dev/null; true");
  const told = err.split("\n").filter((line) => line.startsWith("actplane:"));
  expect(told).toHaveLength(1);
  expect(told[0]).toStartWith('actplane: KILLED (SIGKILL, nothing happened): exec "');
  expect(told[0]).toContain("; rule no-touch: no traces; repeating it is useless");
});
