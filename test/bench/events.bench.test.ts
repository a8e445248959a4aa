// The benchmark of what an event costs, in its smoke size. The bound is generous, for a busy machine: a cost that grew with
// the number of rules would be a thousand times as much.

import { expect, test } from "bun:test";
import { join } from "node:path";

test.skipIf(process.geteuid?.() !== 0)(
  "an event costs under 10,000 rules what it costs under 10",
  () => {
    const bench = join(import.meta.dir, "../../bench/events.bench.ts");
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, bench, "--json"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(exitCode, stderr.toString()).toBe(0);
    const { results, sizes } = JSON.parse(stdout.toString());
    expect(sizes).toEqual([10, 10_000]);
    const judging = results.filter(({ program }: { program: string }) =>
      /^(?:trace_exec|trace_sys_exit|trace_connect4|\w+_bprm_check_security|\w+_file_open|\w+_socket_connect)$/.test(
        program,
      ),
    );
    expect(judging).toHaveLength(3);
    for (const { program, ratio } of judging) expect(ratio, program).toBeLessThan(3);
  },
  180_000,
);
