// A usual working day under all the starter policies at once: nothing may be refused, and how far labels spread is reported.
//
//   bun bench/workload.ts                # a minute; runs in the tests
//   bun bench/workload.ts --real         # an hour
//   bun bench/workload.ts --seconds 300
//   bun bench/workload.ts --json         # one object, for a machine
//
// The work, in a loop: clone this project's history (less its own actplane.yaml: what agents obey is changed by people, so a
// clone that brings such a file is refused, as the policy says) and search it, install a package, build, test and commit, scripts that
// write and read files, a local server and a client, and a program that reads .env. Every match of a clause that blocks or
// kills is a false refusal, whether this host could carry it out or not. The secret in .env is a random word, so who is
// labelled without it can be told: a file that does not contain it, and a process that read no file that does.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const tool = join(root, "dist/actplane");
const seconds = process.argv.includes("--real") ? 3600 : Number(optionOf("--seconds") ?? 60);

function optionOf(option: string): string | undefined {
  const at = process.argv.indexOf(option);
  return at < 0 ? undefined : process.argv[at + 1];
}

mkdirSync(join(root, "build"), { recursive: true });
// Not below /tmp, where the policy about the workspace lets everything be.
const folder = mkdtempSync(join(root, "build/workload-"));
const workspace = join(folder, "workspace");
const home = join(folder, "home");
const eventsFile = join(folder, "events.jsonl");
const secret = `word${crypto.randomUUID().replaceAll("-", "")}`;

const files: Readonly<Record<string, string>> = {
  ".env": `TOKEN=${secret}\n`,
  ".gitignore": ".env\nbuild/\nround/\nnode_modules/\n",
  Makefile:
    "build/app: src/app.c\n\t@mkdir -p build\n\t@cc -O1 -o $@ $<\ntest: build/app\n\t@./build/app >build/out && grep -q ok build/out && python3 -m unittest -q tests.test_app 2>build/test.log\n",
  "src/app.c": '#include <stdio.h>\nint main(void) { puts("ok"); return 0; }\n',
  "tests/__init__.py": "",
  "tests/test_app.py":
    "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertTrue(open('build/out').read().startswith('ok'))\n",
  "app.py":
    "import json\nvalues = dict(line.strip().split('=') for line in open('.env'))\njson.dump(values, open('round/config.json', 'w'))\nopen('round/app.log', 'w').write('started\\n')\nprint('ready')\n",
  "files.py":
    "import os\nfor i in range(200):\n    name = f'round/data/{i}'\n    open(name, 'w').write('x' * 100)\n    open(name).read()\n    os.rename(name, name + '.moved')\n",
  "serve.py":
    "import http.server, threading, urllib.request\ns = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\nthreading.Thread(target=s.serve_forever, daemon=True).start()\nurllib.request.urlopen(f'http://127.0.0.1:{s.server_port}/Makefile').read()\ns.shutdown()\n",
};

const work = `
set -euo pipefail
git init -q -b main . && git config user.name w && git config user.email w@example.invalid
rounds=0
while (( SECONDS < ${seconds} )); do
  mkdir -p round/data round/package
  git clone -q --no-checkout 'file://${root}' round/clone
  (cd round/clone && git sparse-checkout set --no-cone '/*' '!actplane.yaml' && git checkout -q -b work &&
    git log --stat -5 >/dev/null && git grep -c function >/dev/null && ls -R >/dev/null)
  (cd round/package && echo '{"name":"w","version":"1.0.0"}' >package.json &&
    npm install --no-audit --no-fund --loglevel error is-number@7 >/dev/null && node -e 'require("is-number")')
  echo "/* $rounds */" >>src/app.c
  make -s test
  git add -A && git commit -qm "round $rounds" && git log --oneline -1 >/dev/null
  python3 files.py
  python3 serve.py 2>/dev/null
  python3 app.py | tee round/tee.log >/dev/null
  cat round/app.log round/tee.log >/dev/null
  grep -rl needle src tests >/dev/null || true
  tar cf - src tests | gzip >round/src.tar.gz
  rounds=$((rounds + 1))
  echo $rounds >build/rounds
  ${"# what the last round left is looked at"}
  if (( SECONDS < ${seconds} )); then rm -rf round; fi
done`;

interface Line {
  readonly type: string;
  readonly pid: number;
  readonly parent: number;
  readonly target: string | null;
  readonly labels: readonly string[];
  readonly object: { readonly kind: string } | null;
}

function prepare(): void {
  mkdirSync(home, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(workspace, name, ".."), { recursive: true });
    writeFileSync(join(workspace, name), content);
  }
  const policies = join(root, "policies");
  const text = readdirSync(policies)
    .map((name) => readFileSync(join(policies, name), "utf8"))
    .join("\n");
  writeFileSync(join(workspace, "starter.policy"), text);
}

interface Match {
  readonly rule: { readonly name: string; readonly clause: string };
  readonly effect: string;
  readonly target: string;
}

function run(): { matches: Match[]; counters: Record<string, number> } {
  const words = [
    "run",
    "--degraded",
    "--json",
    "--events",
    eventsFile,
    "--policy",
    "starter.policy",
  ];
  const { exitCode, stderr } = Bun.spawnSync([tool, ...words, "--", "/bin/bash", "-c", work], {
    cwd: workspace,
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: home, LANG: "C.UTF-8" },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
  });
  const lines = stderr.toString().split("\n");
  const told = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const matches = told.filter(({ type }) => type === "match");
  if (exitCode !== 0)
    throw new Error(
      [
        `exit code ${exitCode}`,
        ...lines.filter((line) => !line.startsWith("{")),
        ...matches.slice(0, 20).map(({ rule, target }) => `${rule.name}: ${target}`),
      ].join("\n"),
    );
  return { matches, counters: told.find(({ type }) => type === "end")?.counters ?? {} };
}

/** How the label of what is in .env spread, and where the secret itself went. */
function spreadOf(events: readonly Line[]) {
  const label = "SECRET";
  const processes = new Set<string>();
  const labelled = new Map<string, { reads: boolean }>();
  const generations = new Map<number, number>();
  const key = (pid: number) => `${pid}.${generations.get(pid) ?? 0}`;
  const objects = new Set<string>();
  for (const { type, pid, target, labels, object } of events) {
    if (type === "fork") generations.set(pid, (generations.get(pid) ?? 0) + 1);
    processes.add(key(pid));
    if (!labels.includes(label)) continue;
    if (type === "object") {
      if (object?.kind === "file" && target !== null) objects.add(target);
      continue;
    }
    const known = labelled.get(key(pid)) ?? { reads: false };
    if (type === "label" && target !== null && holdsSecret(target)) known.reads = true;
    labelled.set(key(pid), known);
  }
  const there = [...objects].filter((path) => contentOf(path) !== null);
  return {
    processes: processes.size,
    labelledProcesses: labelled.size,
    overTaintedProcesses: [...labelled.values()].filter(({ reads }) => !reads).length,
    labelledFiles: objects.size,
    /** Those that the last round left: of the others nobody can say any more what they held. */
    labelledFilesLeft: there.length,
    overTaintedFilesLeft: there.filter((path) => !holdsSecret(path)).length,
  };
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}

function holdsSecret(path: string): boolean {
  return contentOf(path)?.includes(secret) ?? false;
}

try {
  prepare();
  const { matches, counters } = run();
  const text = readFileSync(eventsFile, "utf8").trimEnd();
  const events = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Line);
  const refusals = matches.filter(({ effect }) => effect !== "notify");
  const result = {
    schema_version: 1,
    seconds,
    rounds: Number(readFileSync(join(workspace, "build/rounds"), "utf8")),
    refusals: refusals.map(({ rule, target }) => `${rule.name}: ${target}`),
    counters,
    ...spreadOf(events),
  };
  if (process.argv.includes("--json")) console.log(JSON.stringify(result));
  else {
    const { rounds, processes, labelledProcesses, overTaintedProcesses } = result;
    console.log(
      `${rounds} rounds in ${seconds} s, ${processes} processes, ${counters.checks} operations judged`,
    );
    console.log(`false refusals: ${refusals.length}`);
    for (const refusal of result.refusals.slice(0, 20)) console.log(`  ${refusal}`);
    console.log(
      `labelled processes: ${labelledProcesses}, of these without the secret: ${overTaintedProcesses}`,
    );
    console.log(
      `labelled files: ${result.labelledFiles}, of the ${result.labelledFilesLeft} that are left without the secret: ${result.overTaintedFilesLeft}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
