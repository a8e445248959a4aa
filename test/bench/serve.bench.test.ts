// The benchmark of the daemon, in its smoke size: it runs to its end and yields every number. How large they are is no
// test's business; a busy machine would fail it.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { whyNot } from "../e2e/tool.ts";

test.skipIf(whyNot() !== null)(
  "the serve benchmark yields latencies and sizes",
  () => {
    const bench = join(import.meta.dir, "../../bench/serve.bench.ts");
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, bench, "--json"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(exitCode, stderr.toString()).toBe(0);
    const { latencyMs, readers, domains } = JSON.parse(stdout.toString());
    for (const { p50, p99 } of [latencyMs.alone, latencyMs.crowded, latencyMs.besideDomains]) {
      expect(p50).toBeGreaterThan(0);
      expect(p99).toBeGreaterThanOrEqual(p50);
    }
    expect(readers.count).toBe(50);
    expect(domains.makeMs).toBeGreaterThan(0);
  },
  180_000,
);
