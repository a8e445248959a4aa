// Many cases in one governed run, and the same cases in a twin without the rules.
//
// The driver (test/probes/drive.c) is the root of the governed tree and runs one case after the other: its n-th fork is
// the n-th case, and every later fork is traced to it. So each match belongs to a case, whatever its process number.

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FeedbackRecord } from "../../src/runtime/feedback.ts";
import { before, type Case, exists, type Suite } from "./case.ts";
import type { Servers } from "./servers.ts";
import { type EventLine, eventsIn, probes, runTool, type Told, toldBy } from "./tool.ts";

export interface CaseRun {
  readonly dir: string;
  readonly code: number;
  readonly ms: number;
  readonly happened: boolean;
  /** Of programs that leave marks. */
  readonly marks: readonly string[];
  readonly matches: readonly EventLine[];
  /** What was told of them. */
  readonly records: readonly FeedbackRecord[];
  /** Events about who or what acquired labels. */
  readonly labelled: readonly EventLine[];
  /** What its programs said. */
  readonly output: string;
}

export interface MatrixRun {
  readonly told: Told;
  readonly events: readonly EventLine[];
  readonly cases: readonly CaseRun[];
  readonly code: number;
  readonly ms: number;
  /** Rule names by clause id. */
  readonly rules: ReadonlyMap<number, string>;
}

export interface MatrixOptions {
  readonly folder: string;
  readonly policy: string;
  readonly cases: readonly Case[];
  readonly servers: Servers;
  readonly flags: readonly string[];
}

/** The words of the cases' programs: copies of one that leaves a mark, and of one that acts. */
const marking = [
  "git",
  "forbidden",
  "lethal",
  "noted",
  "several",
  "haystack",
  "fakesh",
  "multicall",
  "placed",
  "guarded",
  "publish",
  "q-program",
  "free",
  "sink-secret",
  "sink-a",
  "sink-and",
  "sink-or",
  "sink-not",
  "sink-mixed",
  "sink-net",
  "sink-private",
  "sink-vouched",
  "sink-migrated",
  ...Array.from({ length: 12 }, (_, i) => `ship-${i + 1}`),
];
const acting = ["launcher", "agent-a", "agent-b", "cleaner", "vouch", "migrate"];
const meeting = ["unsignalled", "untraced", "self-traced"];

/** Programs of the cases, once for both runs. */
export function installPrograms(bin: string): void {
  mkdirSync(bin, { recursive: true });
  for (const name of marking) copyFileSync(join(probes, "mark"), join(bin, name));
  copyFileSync("/usr/bin/touch", join(bin, "loaded"));
  for (const name of ["redact", "plain"]) copyFileSync("/usr/bin/sed", join(bin, name));
  copyFileSync(join(probes, "narrow"), join(bin, "narrow"));
  for (const name of meeting) copyFileSync(join(probes, "meet"), join(bin, name));
  for (const name of [...acting, "act"]) copyFileSync(join(probes, "act"), join(bin, name));
}

/** A repository and what it pushes to, made once and copied. */
export async function makeRepository(folder: string): Promise<void> {
  const script = `
    git init -q --bare remote && git init -q -b main work && cd work
    git -c user.name=a -c user.email=b commit -q --allow-empty -m first
    git remote add origin ../remote`;
  const made = Bun.spawnSync(["bash", "-ec", script], { cwd: folder, env: gitEnvironment });
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
}

const gitEnvironment = { ...process.env, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" };

export function slug(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9-]/g, "-");
}

export async function runMatrix(options: MatrixOptions): Promise<MatrixRun> {
  const { folder, cases, servers } = options;
  const bin = join(folder, "../bin");
  mkdirSync(join(folder, "cases"), { recursive: true });
  for (const name of ["remote", "work"])
    cpSync(join(folder, "../repository", name), join(folder, name), { recursive: true });
  const words = (text: string, dir: string, name: string) =>
    text.replaceAll(/\{([\w.]+)\}/g, (whole, word) => {
      const known: Record<string, string> = {
        root: folder,
        dir,
        bin,
        name: `${slug(name)}`,
        act: join(bin, "act"),
        pass: join(probes, "pass"),
        compare: join(probes, "compare"),
      };
      return known[word] ?? servers.names.get(word) ?? whole;
    });

  const dirs = cases.map(({ name }) => join(folder, "cases", slug(name)));
  const list: string[] = [];
  for (const [index, each] of cases.entries()) {
    const dir = dirs[index] ?? "";
    mkdirSync(dir);
    for (const file of each.files ?? []) writeFileSync(join(dir, file), before);
    for (const name of each.folders ?? []) mkdirSync(join(dir, name), { recursive: true });
    each.prepare?.(dir, bin);
    list.push(dir, `${each.run.length}`, ...each.run.map((word) => words(word, dir, each.name)));
  }
  writeFileSync(join(folder, "list"), list.map((word) => `${word}\0`).join(""));
  writeFileSync(join(folder, "policy.ap"), words(options.policy, folder, "policy"));

  const eventsPath = join(folder, "events.jsonl");
  const heardBefore = servers.heard().length;
  const run = await runTool(
    [
      "run",
      "--json",
      "--events",
      eventsPath,
      "--policy",
      join(folder, "policy.ap"),
      ...options.flags,
      "--",
      join(probes, "drive"),
      join(folder, "list"),
      join(folder, "results"),
    ],
    { timeoutMs: 60_000, environment: gitEnvironment as Record<string, string> },
  );
  // curl says its word as a header.
  const heard = servers
    .heard()
    .slice(heardBefore)
    .split(/\r?\n/)
    .map((line) => line.replace(/^X: /, ""));
  if (!run.stderr.includes('"type":"end"')) {
    const done = linesOf(join(folder, "results")).length;
    const where = `after ${done} of ${cases.length} cases, at: ${cases[done]?.name}`;
    throw new Error(
      `the run ended with ${run.code} ${run.signal} ${where}: ${run.stderr.slice(-3000)}`,
    );
  }
  const told = toldBy(run.stderr);
  const results = readFileSync(join(folder, "results"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ").map(Number));
  const events = eventsIn(eventsPath);
  const byCase = eventsByCase(events);
  const records = told.matches as unknown as readonly FeedbackRecord[];
  return {
    told,
    events,
    code: run.code,
    ms: run.ms,
    rules: new Map(told.verdicts.map(({ clause, rule }) => [clause, rule])),
    cases: cases.map((each, index) => {
      const dir = dirs[index] ?? "";
      const marks = linesOf(join(dir, "mark"));
      const own = byCase.get(index) ?? [];
      const matches = own.filter(({ type }) => type === "match");
      const wasHeard = (name: string) => heard.includes(words(name, dir, each.name));
      return {
        dir,
        code: results[index]?.[0] ?? -1,
        ms: results[index]?.[1] ?? 0,
        happened: each.effect ? each.effect(dir, wasHeard) : exists("mark")(dir),
        marks,
        matches,
        records: records.filter(({ time, process: { pid } }) =>
          matches.some((match) => match.pid === pid && match.time === time),
        ),
        labelled: own.filter(({ type }) => type === "label" || type === "object"),
        output: linesOf(join(dir, "output")).join("\n"),
      };
    }),
  };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "latin1")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}

const told = ["match", "label", "object"];

/** Matches of nobody's are those of case -1. */
function eventsByCase(events: readonly EventLine[]): Map<number, EventLine[]> {
  const driver = events.find(({ type }) => type === "exec")?.pid;
  const caseOf = new Map<number, number>();
  const byCase = new Map<number, EventLine[]>();
  let cases = 0;
  for (const event of events) {
    if (event.type === "fork") {
      const index = event.parent === driver ? cases++ : caseOf.get(event.parent);
      if (index !== undefined) caseOf.set(event.pid, index);
    } else if (told.includes(event.type)) {
      const index = caseOf.get(event.pid) ?? -1;
      byCase.set(index, [...(byCase.get(index) ?? []), event]);
    }
  }
  return byCase;
}

export function joined(suites: readonly Suite[]): { policy: string; cases: readonly Case[] } {
  return {
    policy: suites.map(({ policy }) => policy).join("\n"),
    cases: suites.flatMap(({ cases }) => cases),
  };
}
