// What being governed costs a program, as ratios of paired runs: the same work with and without the tool, in turn, so that
// whatever else the machine does weighs on both. Times are not claims and are printed for orientation only.
//
//   bun bench/run.bench.ts           # smoke size, seconds; runs in the tests
//   bun bench/run.bench.ts --real    # minutes
//   bun bench/run.bench.ts --starts  # only the starts, and of these one under each policy of policies/
//   bun bench/run.bench.ts --json    # one object, for a machine
//
// `start-*` is the tool's own start and end around nothing, under one policy each; the milliseconds it adds are the median of the
// pairs' differences. The others time themselves from inside, without start and end.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endpointRules, execRules, pathRules } from "./policies.ts";

const tool = join(import.meta.dir, "../dist/actplane");
const isReal = process.argv.includes("--real");
const isStarts = process.argv.includes("--starts");
const rounds = isStarts ? 21 : isReal ? 15 : 3;
const scale = isReal ? 10 : 1;

interface Workload {
  readonly name: string;
  readonly what: string;
  /** In a fresh folder, not timed. */
  readonly prepare: string;
  readonly work: string;
}

const sources = 4 * scale;
const workloads: readonly Workload[] = [
  {
    name: "git",
    what: `${5 * scale} commits, each with status and log`,
    prepare: "git init -q -b main . && git config user.name a && git config user.email a@b",
    work: `for i in {1..${5 * scale}}; do
      echo $i >file$i; git add -A; git commit -qm $i; git status --short; git log --oneline; done >/dev/null`,
  },
  {
    name: "make",
    what: `${sources} C files compiled and linked`,
    prepare: `for i in {1..${sources}}; do echo "#include <stdio.h>
int f$i(void) { return printf(\\"%d\\", $i); }" >s$i.c; done; echo 'int main(void) { return 0; }' >main.c
printf 'p: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n\\tcc -o $@ $^\\n' >Makefile`,
    work: "make -s -j2 p",
  },
  {
    name: "python",
    what: `${500 * scale} files written, read, renamed and removed, ${5 * scale} processes`,
    prepare: "true",
    work: `/usr/bin/python3 -c '
import os, subprocess
for i in range(${500 * scale}):
    with open(f"a{i}", "w") as file: file.write("x" * 100)
    with open(f"a{i}") as file: file.read()
    os.rename(f"a{i}", f"b{i}"); os.remove(f"b{i}")
for i in range(${5 * scale}): subprocess.run(["/bin/true"])'`,
  },
];

/** Of every kind of rule some, none of which matches; a label and a gate that are in use. */
const policy = `source SECRET = file "**/.env"
source WORKER = exec "bash"
rule gate:
  block exec "no-such-program" unless after exec "make" exits 0 since write "**/*.c"
  because "x"
rule leak:
  block connect "203.0.113.0/24" if SECRET and WORKER
  because "x"
${execRules(50)}
${pathRules("mixed", 50)
  .text.replace('source A = exec "agent"', "")
  .replaceAll(" if A", " if SECRET")
  .replaceAll(/^rule r/gm, "rule f")}
${endpointRules(20).replaceAll(/^rule r/gm, "rule e")}`;

const folder = mkdtempSync("/tmp/actplane-bench-");

interface Start {
  readonly what: string;
  readonly policy: string;
  /** The policy's workspace, below `folder`; default: one that is empty. */
  readonly workspace?: string;
}

/** What a start costs depends on what the policy asks about: of that kind programs are loaded. */
const starts: Readonly<Record<string, Start>> = {
  "start-exec": { what: "`true`, 50 rules about programs", policy: execRules(50) },
  "start-usual": {
    what: "`true`, a rule each about files, addresses and a gate, two labels",
    policy: `
source SECRET = file "**/.env"
source WORKER = exec "bash"
rule gate:
  block exec "no-such-program" unless after exec "make" exits 0 since write "**/*.c"
  because "x"
rule files:
  block write "/etc/**" if SECRET
  because "x"
rule leak:
  block connect "203.0.113.0/24" if SECRET and WORKER
  because "x"`,
  },
  "start-crowded": {
    what: "`true`, a rule about `**/.env*` in a workspace of 10,000 names",
    policy:
      'source SECRET = file "**/.env*"\nrule leak:\n  block connect "*" if SECRET because "x"',
    workspace: "crowded",
  },
  "start-many": { what: "`true`, the 120 rules of the workloads", policy },
  ...(isStarts ? shippedPolicies() : {}),
};

function shippedPolicies(): Record<string, Start> {
  const shipped = join(import.meta.dir, "../policies");
  return Object.fromEntries(
    readdirSync(shipped).map((file) => [
      file.replace(/\.policy$/, ""),
      { what: "`true`", policy: readFileSync(join(shipped, file), "utf8") },
    ]),
  );
}

/** 500 folders with 19 files each, as what a package manager leaves. */
function makeCrowd(): void {
  for (let i = 0; i < 500; i++) {
    const place = join(folder, "crowded", `${i % 50}`, `${i}`);
    mkdirSync(place, { recursive: true });
    for (let k = 0; k < 19; k++) writeFileSync(join(place, `${k}.js`), "");
  }
}

function policyFile(start: string): string {
  return join(folder, starts[start]?.workspace ?? ".", `${start}.policy`);
}

function bash(cwd: string, script: string, governed: boolean, under = "bench"): void {
  const command = ["/bin/bash", "-euo", "pipefail", "-c", script];
  const prefix = governed
    ? [tool, "run", "--quiet", "--degraded", "--policy", policyFile(under), "--"]
    : [];
  const env = { PATH: "/usr/bin:/bin", HOME: folder, GIT_CONFIG_GLOBAL: "/dev/null" };
  const options = { cwd, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" } as const;
  const { exitCode, stderr } = Bun.spawnSync([...prefix, ...command], options);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode} of ${script}\n${stderr}`);
}

let places = 0;

/** Milliseconds of the work alone, by the clock of the shell that does it. */
function measureInside({ prepare, work }: Workload, governed: boolean): number {
  places++;
  const place = join(folder, `w${places}`);
  mkdirSync(place);
  bash(place, prepare, false);
  bash(
    place,
    `began=$EPOCHREALTIME\n${work}\necho "$began $EPOCHREALTIME" >${folder}/times`,
    governed,
  );
  rmSync(place, { recursive: true });
  const [began = 0, ended = 0] = readFileSync(join(folder, "times"), "utf8")
    .split(" ")
    .map((text) => Number(text) * 1000);
  return ended - began;
}

function measureStart(under: string, governed: boolean): number {
  const began = performance.now();
  bash(folder, "true", governed, under);
  return performance.now() - began;
}

interface Result {
  readonly name: string;
  readonly what: string;
  /** Governed to free: the median of the pairs, and the least and the most. */
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly freeMs: number;
  /** What being governed adds: the median of the pairs' differences. */
  readonly addedMs: number;
}

function compare(name: string, what: string, measure: (governed: boolean) => number): Result {
  const pairs = Array.from({ length: rounds }, (_, round) => {
    // Who comes first alternates: the second of a pair finds warm caches.
    const first = measure(round % 2 === 0);
    const second = measure(round % 2 !== 0);
    return round % 2 === 0 ? { governed: first, free: second } : { governed: second, free: first };
  });
  const ratios = pairs.map(({ governed, free }) => governed / free);
  return {
    name,
    what,
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    freeMs: median(pairs.map(({ free }) => free)),
    addedMs: median(pairs.map(({ governed, free }) => governed - free)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

try {
  makeCrowd();
  writeFileSync(policyFile("bench"), policy);
  // The first run of each reads the executable from the disk.
  for (const [name, start] of Object.entries(starts)) writeFileSync(policyFile(name), start.policy);
  measureStart("start-exec", true);
  const results = [
    ...Object.entries(starts).map(([name, { what }]) =>
      compare(name, what, (governed) => measureStart(name, governed)),
    ),
    ...(isStarts ? [] : workloads).map((workload) =>
      compare(workload.name, workload.what, (governed) => measureInside(workload, governed)),
    ),
  ];
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ schema_version: 1, rounds, isReal, results }));
  } else {
    console.log(`governed to free, median of ${rounds} pairs (least to most)`);
    const width = Math.max(...results.map(({ name }) => name.length));
    for (const { name, what, ratio, ratioMin, ratioMax, freeMs, addedMs } of results) {
      const spread = `(${ratioMin.toFixed(2)} to ${ratioMax.toFixed(2)})`;
      console.log(
        `${name.padEnd(width)} ${ratio.toFixed(2).padStart(6)} x ${spread.padEnd(18)} ${what}; free: ${freeMs.toFixed(0)} ms, governed: +${addedMs.toFixed(0)} ms`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
