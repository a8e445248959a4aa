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
  const { ACTPLANE_E2E_RECORD: _, ...environment } = process.env;
  const run = Bun.spawn([process.execPath, "test", join(import.meta.dir, "enforcement.test.ts")], {
    env: { ...environment, ...variables },
    stderr: "pipe",
  });
  const said = await new Response(run.stderr).text();
  expect(await run.exited, said).toBe(0);
  return Number(/^ (\d+) pass$/m.exec(said)?.[1]);
}

const filesAndAddresses = {
  ACTPLANE_E2E_SUITES: "files,network",
  // The secret of that case is another suite's.
  ACTPLANE_E2E_CASES: "files: |network: (?!connect with a secret)",
};

asked("one automaton of a kind", async () => {
  expect(await passed({ ...filesAndAddresses, ACTPLANE_E2E_SIZE: "small" })).toBeGreaterThan(100);
});

askedHere("one automaton of a kind, in a table of several chunks", async () => {
  expect(await passed({ ...filesAndAddresses, ACTPLANE_E2E_SIZE: "long" })).toBeGreaterThan(100);
});

askedHere("one automaton of a kind, with arguments and gates", async () => {
  const suites = {
    ACTPLANE_E2E_SUITES: "programs,gates",
    ACTPLANE_E2E_CASES: "gates: |programs: ",
  };
  expect(await passed({ ...suites, ACTPLANE_E2E_SIZE: "small" })).toBeGreaterThan(60);
});

askedHere(
  "more labels than a word has, several automata, and a table of several chunks",
  async () => {
    const cases =
      "flows: (a|without|the) label|flows: a (new file|file of|process)|transforms: (a redactor|no lineage|what)|files: ";
    const run = { ACTPLANE_E2E_SIZE: "large", ACTPLANE_E2E_CASES: cases };
    expect(await passed(run)).toBeGreaterThan(120);
  },
);
