// Every starter policy as a newcomer uses it: copied into a workspace and run. What it forbids does not happen and is told,
// what it leaves alone goes through untold, and without the policy the forbidden operation takes place.

import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cases, type PolicyCase } from "./cases.ts";

const root = join(import.meta.dir, "../..");
const tool = join(root, "dist/actplane");
const folder = mkdtempSync("/tmp/actplane-policies-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = readdirSync(join(root, "policies"))
  .filter((name) => name.endsWith(".policy"))
  .map((name) => name.replace(/\.policy$/, ""));

const environment = {
  PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
  NO_COLOR: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  ...Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((who) => [
      [`GIT_${who}_NAME`, "A"],
      [`GIT_${who}_EMAIL`, "a@example.org"],
    ]),
  ),
};

/** A rule that nothing here matches. */
const otherRule = `rule other: notify exec "no-such-program" because "x"`;

interface Told {
  readonly code: number;
  readonly stderr: string;
  readonly tier: string | undefined;
  readonly rules: readonly string[];
  readonly stopped: number;
}

class Workspace {
  readonly at = mkdtempSync(join(folder, "w"));

  constructor(private readonly given: PolicyCase) {
    copyFileSync(join(root, "policies", `${given.policy}.policy`), join(this.at, "its.policy"));
    expect(this.does(given.prepare ?? "true")).toBe(true);
  }

  /** Whether the script, run by nobody's rules, succeeds. */
  does(script: string): boolean {
    return (
      Bun.spawnSync(["/bin/bash", "-c", script], { ...this.#options, stderr: "inherit" })
        .exitCode === 0
    );
  }

  govern(script: string, policy: readonly string[]): Told {
    // What the command says must not come between two halves of a line of ours.
    const shell = ["/bin/bash", "-c", `exec 2>stderr\n${script}`];
    const words = ["run", "--json", ...policy, "--", ...shell];
    const { exitCode, stderr } = Bun.spawnSync([tool, ...words], this.#options);
    const text = stderr.toString();
    const lines = text
      .split("\n")
      .filter((line) => line.startsWith('{"schema_version"'))
      .map((line) => JSON.parse(line));
    const end = lines.find(({ type }) => type === "end");
    return {
      code: exitCode,
      stderr: text,
      tier: lines.find(({ type }) => type === "start")?.tier,
      rules: lines.filter(({ type }) => type === "match").map(({ rule }) => rule.name),
      stopped: (end?.counters.refused ?? 0) + (end?.counters.killed ?? 0),
    };
  }

  happened(): boolean {
    return this.does(this.given.happened);
  }

  [Symbol.dispose](): void {
    rmSync(this.at, { recursive: true, force: true });
  }

  get #options() {
    const env = { ...environment, HOME: this.at };
    return { cwd: this.at, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" } as const;
  }
}

const itsPolicy = ["--policy", "its.policy"];
const tier = (() => {
  const given: PolicyCase = {
    policy: names[0] as string,
    forbidden: "",
    happened: "",
    allowed: "",
  };
  using workspace = new Workspace(given);
  return workspace.govern("true", ["--rule", otherRule]).tier;
})();

test("the tool runs here", () => {
  expect(tier).toBeOneOf(["lsm", "modify-return", "tracepoint"]);
});

test("every starter policy has a case", () => {
  expect([...new Set(cases.map(({ policy }) => policy))].sort()).toEqual(names.sort());
});

describe.each(names)("%s", (name) => {
  const path = join(root, "policies", `${name}.policy`);

  test("is clean, compiles, and stands in its canonical form", () => {
    const run = (...words: string[]) => {
      const { exitCode, stderr } = Bun.spawnSync([tool, ...words], { cwd: folder, stderr: "pipe" });
      return { exitCode, stderr: stderr.toString() };
    };
    const clean = { exitCode: 0, stderr: "" };
    // Hints are about this very machine: that a folder is not there, for one.
    expect(run("check", "--fail-level", "warning", path).exitCode).toBe(0);
    expect(run("compile", path).exitCode).toBe(0);
    expect(run("fmt", "--check", path)).toEqual(clean);
  }, 60_000);

  test("says what it is for, and of every rule why", () => {
    const text = readFileSync(path, "utf8");
    expect(text).toStartWith("# ");
    const rules = text.match(/^rule /gm) ?? [];
    expect(text.match(/^ {2}because /gm)).toHaveLength(rules.length);
  });
});

for (const given of cases) {
  const governs = given.needsHooks !== true || tier !== "tracepoint";
  if (governs) describe(given.policy, () => proves(given));
  else describe(given.policy, () => provesRefusalToStart(given));
}

function proves(given: PolicyCase): void {
  test(`${given.isNotice ? "tells" : "stops"}: ${given.forbidden}`, () => {
    using workspace = new Workspace(given);
    const told = workspace.govern(given.forbidden, itsPolicy);
    expect(told.rules.length, told.stderr).toBeGreaterThan(0);
    expect(told.stopped > 0).toBe(given.isNotice !== true);
    expect(workspace.happened()).toBe(given.isNotice === true);
  }, 60_000);

  provesTwin(given);

  test(`leaves alone: ${given.allowed}`, () => {
    using workspace = new Workspace(given);
    const told = workspace.govern(given.allowed, itsPolicy);
    expect({ code: told.code, rules: told.rules }, told.stderr).toEqual({ code: 0, rules: [] });
  }, 60_000);
}

function provesTwin(given: PolicyCase): void {
  test(`without it: ${given.forbidden}`, () => {
    using workspace = new Workspace(given);
    expect(workspace.govern(given.forbidden, ["--rule", otherRule]).rules).toEqual([]);
    expect(workspace.happened()).toBe(true);
  }, 60_000);
}

function provesRefusalToStart(given: PolicyCase): void {
  test("does not start where hooks cannot refuse", () => {
    using workspace = new Workspace(given);
    const told = workspace.govern(given.forbidden, itsPolicy);
    expect(told.code).toBe(125);
    expect(told.stderr).toContain("cannot carry out");
    expect(workspace.happened()).toBe(false);
  }, 60_000);

  test("starts there with --degraded, and tells what it could not prevent", () => {
    using workspace = new Workspace(given);
    const told = workspace.govern(given.forbidden, [...itsPolicy, "--degraded"]);
    expect(told.stderr).toContain('"verdict":"unenforceable"');
    expect(workspace.happened()).toBe(true);
  }, 60_000);

  provesTwin(given);
}
