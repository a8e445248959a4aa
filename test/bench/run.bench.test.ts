// The benchmark of governed programs, in its smoke size: it runs to its end and yields a ratio for each workload. How large
// the ratios are is no test's business; a busy machine would fail it.

import { expect, test } from "bun:test";
import { join } from "node:path";

test("the run benchmark yields a ratio for every workload", () => {
  const bench = join(import.meta.dir, "../../bench/run.bench.ts");
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, bench, "--json"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(exitCode, stderr.toString()).toBe(0);
  const { results, rounds } = JSON.parse(stdout.toString());
  expect(rounds).toBe(3);
  expect(results.map(({ name }: { name: string }) => name)).toEqual([
    "start-exec",
    "start-usual",
    "start-crowded",
    "start-many",
    "git",
    "make",
    "python",
  ]);
  for (const { ratio, ratioMin, ratioMax, addedMs } of results) {
    expect(addedMs).toBeNumber();
    expect(ratio).toBeGreaterThan(0);
    expect(ratioMin).toBeLessThanOrEqual(ratio);
    expect(ratioMax).toBeGreaterThanOrEqual(ratio);
  }
}, 180_000);
