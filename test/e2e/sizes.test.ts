// What the programs know of a policy (src/kernel/settings.ts) changes with its size. All cases together have several automata of a
// kind and a table of one chunk: here is less, and more.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { patience, whyNot } from "./tool.ts";

setDefaultTimeout(240_000 * patience);
const asked = test.skipIf(whyNot() !== null);
/** In a guest they take minutes, or all cases are asked so anyway. */
const askedHere = test.skipIf(whyNot() !== null || process.env.ACTPLANE_E2E_KERNEL !== undefined);

/** How many tests of enforcement.test.ts passed, when all did. */
async function passed(variables: Readonly<Record<string, string>>): Promise<number> {
  const run = Bun.spawn([process.execPath, "test", join(import.meta.dir, "enforcement.test.ts")], {
    env: {
      ...process.env,
      ACTPLANE_E2E_LARGE: undefined,
      ACTPLANE_E2E_RECORD: undefined,
      ...variables,
    },
    stderr: "pipe",
  });
  const said = await new Response(run.stderr).text();
  expect(await run.exited, said).toBe(0);
  return Number(/^ (\d+) pass$/m.exec(said)?.[1]);
}

asked("a policy with one automaton of a kind", async () => {
  // The secret of that case is another suite's.
  const cases = "files: |network: (?!connect with a secret)";
  expect(
    await passed({ ACTPLANE_E2E_SUITES: "files,network", ACTPLANE_E2E_CASES: cases }),
  ).toBeGreaterThan(100);
});

askedHere("a policy with one automaton of a kind, and gates", async () => {
  const cases = "gates: |programs: ";
  expect(
    await passed({ ACTPLANE_E2E_SUITES: "programs,gates", ACTPLANE_E2E_CASES: cases }),
  ).toBeGreaterThan(60);
});

askedHere("a policy with more labels than a word has, and a table of several chunks", async () => {
  const cases =
    "flows: (a|without|the) label|flows: a (new file|file of|process)|transforms: (a redactor|no lineage|what)|files: ";
  expect(await passed({ ACTPLANE_E2E_LARGE: "yes", ACTPLANE_E2E_CASES: cases })).toBeGreaterThan(
    120,
  );
});
