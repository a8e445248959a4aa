// Labels beyond the first word of their sets, of which the programs know only where a policy has them.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { whyNot } from "./tool.ts";

setDefaultTimeout(120_000);

test.skipIf(whyNot() !== null)("labels of high numbers hold as those of low ones do", async () => {
  const run = Bun.spawn([process.execPath, "test", join(import.meta.dir, "enforcement.test.ts")], {
    env: {
      ...process.env,
      ACTPLANE_E2E_MANY_LABELS: "yes",
      ACTPLANE_E2E_CASES:
        "flows: (a|without|the) label|flows: a (new file|file of|process)|transforms: (a redactor|no lineage|what)",
    },
    stderr: "pipe",
  });
  const said = await new Response(run.stderr).text();
  expect(await run.exited, said).toBe(0);
  expect(Number(/^ (\d+) pass$/m.exec(said)?.[1]), said).toBeGreaterThan(60);
});
