// What this kernel takes: the tier that was promised, and how much of the verifier's patience each program costs.
//
// All programs of a tier are those of the daemon; `run` loads what its policy needs. The counts are recorded per kernel in
// test/vm/verified.json; ACTPLANE_UPDATE_VERIFIED=FILE writes what was found. A program that costs half as much again as recorded
// fails: 6.1 gives up at a million, and loading takes the time it takes.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { objectsOf, programNames } from "./held.ts";
import { clean, patience, root, runTool, scratchFolder, type Tier, whyNot } from "./tool.ts";

setDefaultTimeout(30_000 * patience);
const reason = whyNot();
/** Something of everything, so that every program is needed. */
const policy = `
source A = exec "a"
source B = file "**/b"
source C = endpoint "10.0.0.0/8"
rule all:
  block exec "one" "arg" if A and not B unless after exec "tests" exits 0 since write "src/**"
  block open "**/x"
  block write "**/x" if C
  block metadata "**/x"
  block mount "**/x"
  block signal exec "one"
  block ptrace exec "one"
  block connect "10.0.0.0/8:443" if B
  block bind "10.0.0.0/8"
`;

/** 5.10 is told of, and takes none of the programs: bpf_loop came with 5.17. */
const kernel = process.env.ACTPLANE_E2E_KERNEL ?? null;
const isTooOld = kernel === "5.10";

/** The kernel's own, of which no program may take more than half. */
const limit = 1_000_000;
/** Growth that fails. Of a small program a few instructions are half of it. */
const grown = (before: number) => Math.max(1.5 * before, before + 1_000);
const recordedPath = join(root, "test/vm/verified.json");

let folder = "";
beforeAll(() => {
  folder = scratchFolder();
});
afterAll(() => clean(folder));

type Counts = Record<string, number>;

const onUsual = isTooOld ? () => {} : test.skipIf(reason !== null);
const onTooOld = isTooOld ? test.skipIf(reason !== null) : () => {};

/** The tracepoint tier is the last resort of every kernel, so each has to take it: it is asked in one of its two boots. */
const promised = (process.env.ACTPLANE_E2E_TIER ?? null) as Tier | null;
const tiers: readonly (Tier | null)[] =
  promised === "modify-return" ? [promised, "tracepoint"] : [promised];

for (const wanted of tiers)
  onUsual(
    `every program of the ${wanted ?? "host's"} tier costs the verifier what it did`,
    async () => {
      const { tier, counts } = await verified(wanted);
      const key = `${kernel ?? release().split(".").slice(0, 2).join(".")} ${tier}`;
      const recorded: Record<string, Counts> = JSON.parse(readFileSync(recordedPath, "utf8"));
      const before = recorded[key];
      for (const [name, count] of Object.entries(counts))
        console.error(
          `verified: ${key} ${name.padEnd(24)} ${`${count}`.padStart(8)}${change(count, before?.[name])}`,
        );
      for (const name of Object.keys(before ?? {}))
        if (counts[name] === undefined)
          console.error(`verified: ${key} ${name.padEnd(24)} (recorded, and not there)`);
      found[key] = counts;
      const update = process.env.ACTPLANE_UPDATE_VERIFIED;
      if (update !== undefined) writeFileSync(update, JSON.stringify(found));

      expect(Object.keys(counts).length).toBeGreaterThan(3);
      const tooMany = Object.entries(counts).filter(
        ([name, count]) => count > Math.min(limit * 0.5, grown(before?.[name] ?? limit)),
      );
      expect(tooMany).toEqual([]);
    },
  );

const found: Record<string, Counts> = {};

test.skipIf(reason !== null || kernel !== null)(
  "on real hardware everything is loaded, and the command over, in less than a second",
  async () => {
    const times: number[] = [];
    // The best of several: the machine may be busy.
    for (let i = 0; i < 5; i++) {
      const run = await runTool(["run", "--degraded", "--rule", policy, "--", "/bin/true"]);
      expect(run.code).toBe(0);
      times.push(Math.round(run.ms));
    }
    console.error(`verified: a run with every program took ${times.join(", ")} ms`);
    expect(Math.min(...times)).toBeLessThan(1000);
  },
);

async function verified(wanted: Tier | null): Promise<{ tier: Tier; counts: Counts }> {
  const daemon = new TestDaemon(wanted);
  try {
    await daemon.start();
    const { tier } = (await daemon.curl("GET", "/version")).body as { tier: Tier };
    const names = programNames();
    const counts: [string, number][] = [];
    for (const [id, { verifiedInstructions }] of objectsOf(daemon.pid).programs)
      if (verifiedInstructions !== null)
        counts.push([names.get(id) ?? `${id}`, verifiedInstructions]);
    return { tier, counts: Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1))) };
  } finally {
    await daemon.kill();
    rmSync(dirname(daemon.pins), { recursive: true, force: true });
    clean(daemon.folder);
  }
}

function change(count: number, before: number | undefined): string {
  if (before === undefined) return "  (not recorded)";
  const percent = Math.round((count / before - 1) * 100);
  return percent === 0 ? "" : `  (${percent > 0 ? "+" : ""}${percent} %)`;
}

onTooOld("a kernel that takes no program is told so, and nothing is started", async () => {
  const run = await runTool(["run", "--rule", policy, "--", "touch", join(folder, "started")]);
  for (const line of run.stderr.split("\n").slice(0, 12))
    console.error(`verified: ${release()} ${line}`);
  expect(run.code).toBe(125);
  expect(run.stderr).toMatch(
    /this kernel takes none of the programs that would enforce the policy, so nothing was started/,
  );
  expect(run.stderr).toMatch(/lsm .*\n *modify-return .*\n *tracepoint /);
  expect(Bun.file(join(folder, "started")).size).toBe(0);
});
