// A minute of usual work under all the starter policies: nothing of it is refused. Needs root and the package registry.

import { expect, test } from "bun:test";
import { join } from "node:path";

test.skipIf(process.geteuid?.() !== 0)(
  "a minute of usual work is not refused anything by the starter policies",
  () => {
    const bench = join(import.meta.dir, "../../bench/workload.ts");
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, bench, "--json"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(exitCode, stderr.toString()).toBe(0);
    const result = JSON.parse(stdout.toString());
    expect(result.refusals).toEqual([]);
    expect(result.rounds).toBeGreaterThan(0);
    expect(result.counters.eventsLost).toBe(0);
    // What reads .env is labelled, and the file that it makes of it.
    expect(result.labelledProcesses).toBeGreaterThanOrEqual(result.rounds);
    expect(result.labelledProcesses).toBeLessThan(result.processes / 4);
    expect(result.labelledFilesLeft).toBeGreaterThan(result.overTaintedFilesLeft);
  },
  300_000,
);
