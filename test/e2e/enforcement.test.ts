// What the rules hold and what they let pass, for every case of cases/: one governed run of all of them, and one twin.
//
// Each refused operation is proved three times: the effect is absent as seen from outside, the match is told with its rule
// and outcome, and in the twin, without the rule, the same operation has its effect.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TABLE_CHUNK_WORDS } from "../../src/ir/abi.ts";
import type { Case, Outcome } from "./case.ts";
import { files } from "./cases/files.ts";
import { flows } from "./cases/flows.ts";
import { gates } from "./cases/gates.ts";
import { identity } from "./cases/identity.ts";
import { network } from "./cases/network.ts";
import { processes } from "./cases/processes.ts";
import { programs } from "./cases/programs.ts";
import { routes } from "./cases/routes.ts";
import { transforms } from "./cases/transforms.ts";
import { hopProblems } from "./hops.ts";
import {
  type CaseRun,
  installPrograms,
  joined,
  type MatrixRun,
  makeRepository,
  runMatrix,
} from "./matrix.ts";
import { quick } from "./quick.ts";
import { startServers } from "./servers.ts";
import { clean, patience, runTool, scratchFolder, type Tier, whyNot } from "./tool.ts";

setDefaultTimeout(120_000 * patience);
const reason = whyNot();
const whole = {
  programs,
  files,
  routes,
  processes,
  flows,
  network,
  transforms,
  gates,
  identity,
};
const isQuick = process.env.ACTPLANE_E2E_QUICK !== undefined;
const only = process.env.ACTPLANE_E2E_SUITES?.split(",") ?? Object.keys(whole);
const suites = Object.fromEntries(
  Object.entries(whole)
    .filter(([title]) => only.includes(title))
    .map(([title, suite]) => [title, isQuick ? quick(suite) : suite]),
);
const wanted = new RegExp(process.env.ACTPLANE_E2E_CASES ?? "");

interface Pair {
  readonly held: MatrixRun;
  readonly free: MatrixRun;
}

let pair: Pair | null = null;
let folder = "";

/**
 * What makes the programs others (src/kernel/settings.ts), by the size that is wanted of the policy. `small`: one automaton of each
 * kind of names and one chunk of table, which is for the suites to be; `long`: more chunks, by plain names; `large`: more labels
 * than a word has, and more automata, too. Nothing here has any of what is added.
 */
const size = process.env.ACTPLANE_E2E_SIZE as "small" | "long" | "large" | undefined;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const name = (i: number) => `"/no-such/${Bun.hash(`${i}`).toString(36)}"`;
const plainNames = [
  `define PLAIN = ${numbers(1800).map(name).join(", ")}\nrule plain:\n  notify write @PLAIN\n`,
];
const labelsAndFolders = [
  ...numbers(40).map(
    (i) =>
      `source OTHER-${i} = file "**/no-such-${i}"\nrule if-other-${i}:\n  block exec "no-such" if OTHER-${i}\n`,
  ),
  ...numbers(14).map((i) => `rule in-other-${i}:\n  notify write "**/no-such-folder-${i}/**"\n`),
];
const ofOthers = {
  policy: [
    ...(size === "long" || size === "large" ? plainNames : []),
    ...(size === "large" ? labelsAndFolders : []),
  ].join(""),
  cases: [],
};

const all = joined([ofOthers, ...Object.values(suites)]);
/** What this machine cannot do is not asked of it, and said. */
const isPossible = new Map(
  all.cases.map((each) => [each, reason === null && lacks(each) === null]),
);
/** By name, with the suite in front: `identity: times`. */
const named = Object.entries(suites).flatMap(([title, { cases }]) =>
  cases.filter(({ name }) => wanted.test(`${title}: ${name}`)),
);
const isWanted = new Set(named);
const chosen = all.cases.filter((each) => isWanted.has(each) && isPossible.get(each));

function lacks(each: Case): string | null {
  const missing = each.needs?.() ?? null;
  if (missing !== null) console.error(`e2e: skipped: ${each.name}: ${missing}`);
  return missing;
}

beforeAll(async () => {
  if (reason !== null) return;
  folder = scratchFolder();
  const servers = await startServers();
  try {
    installPrograms(join(folder, "bin"));
    mkdirSync(join(folder, "repository"));
    await makeRepository(join(folder, "repository"));
    const options = { cases: chosen, servers };
    const free = await runMatrix({
      ...options,
      folder: join(folder, "free"),
      policy: twinPolicy,
      flags: [],
    });
    const held = await runMatrix({
      ...options,
      folder: join(folder, "held"),
      policy: all.policy,
      flags: free.told.tier === "tracepoint" ? ["--degraded"] : [],
    });
    pair = { held, free };
    console.error(
      `e2e: ${held.told.tier} tier, ${chosen.length} cases, ${Math.round(held.ms)} ms with the rules and ${Math.round(free.ms)} ms without`,
    );
    const slow = held.cases
      .map(({ ms }, index) => ({ ms, name: chosen[index]?.name }))
      .sort((a, b) => b.ms - a.ms);
    console.error(
      `e2e: slowest: ${slow
        .slice(0, 8)
        .map(({ ms, name }) => `${name} ${ms} ms`)
        .join(", ")}`,
    );
  } finally {
    servers.close();
  }
});

afterAll(() => clean(folder));

/** Rules that match nothing here, so that the twin is governed too. */
const twinPolicy = `rule nothing:\n  notify exec "no-such-program"\n`;

for (const [title, suite] of Object.entries(suites)) {
  describe(title, () => {
    for (const each of suite.cases.filter((one) => isWanted.has(one)))
      test.skipIf(!isPossible.get(each))(each.name, () => {
        if (pair === null) throw new Error("the run of all cases failed");
        const { held, free } = pair;
        const index = chosen.indexOf(each);
        const problems = problemsOf(each, held.cases[index]!, free.cases[index]!, held);
        if (!each.fault?.tiers.includes(held.told.tier)) return expect(problems).toEqual([]);
        console.error(`known fault: ${each.name}: ${each.fault.why}`);
        expect(problems, "the fault is gone: strike it from the case").not.toEqual([]);
      });
  });
}

test.skipIf(reason !== null)("the tier is the one that this kernel promises", () => {
  const promised = process.env.ACTPLANE_E2E_TIER ?? pair?.held.told.tier;
  expect(pair?.held.told.tier).toBe(promised as Tier);
});

test.skipIf(reason !== null || size === undefined)(
  "the policy is of the size that is wanted",
  async () => {
    const policy = join(folder, "held/policy.ap");
    const { stdout } = await runTool(["compile", "--json", policy], { timeoutMs: 60_000 });
    const { automata, image_bytes } = JSON.parse(stdout);
    const kinds = automata.map(({ kind }: { kind: string }) => kind);
    const has = {
      manyAutomata: new Set(kinds).size < kinds.length,
      manyChunks: image_bytes > TABLE_CHUNK_WORDS * 4,
    };
    expect(has).toEqual({ manyAutomata: size === "large", manyChunks: size !== "small" });
  },
);

test.skipIf(reason !== null)("no event was lost, nothing failed, nobody was left behind", () => {
  const { told } = pair!.held;
  const tookStrictSide = chosen.filter(
    ({ strict, expected }) => strict === "path" && expected?.[told.tier] !== null,
  );
  const { eventsLost, errors, procsFull, objectsFull, runsFull, strictState, strictPath } =
    told.counters;
  expect({ eventsLost, errors, procsFull, objectsFull, runsFull, strictState, strictPath }).toEqual(
    {
      eventsLost: 0,
      errors: 0,
      procsFull: 0,
      objectsFull: 0,
      runsFull: 0,
      strictState: 0,
      strictPath: tookStrictSide.length,
    },
  );
  expect(told.leftBehind).toBe(0);
});

test.skipIf(reason !== null)("in the twin no rule matched", () => {
  expect(pair!.free.events.filter(({ type }) => type === "match")).toEqual([]);
});

test.skipIf(reason !== null)(
  "every match belongs to a case, and the counters agree with the events",
  () => {
    const { held } = pair!;
    const matches = held.events.filter(({ type }) => type === "match");
    expect(held.cases.flatMap((each) => each.matches).length).toBe(matches.length);
    expect(held.told.counters.matches).toBe(matches.length);
    expect(held.told.counters.refused).toBe(
      matches.filter(({ outcome }) => outcome === "refused").length,
    );
  },
);

/** What differs from the promise; empty: nothing. */
function problemsOf(each: Case, held: CaseRun, free: CaseRun, run: MatrixRun): string[] {
  const problems: string[] = [];
  const promise: Outcome | null = each.expected?.[run.told.tier] ?? null;
  const isHeld = promise === "refused" || promise === "killed-before";
  const say = (text: string) => problems.push(text);

  const freeCode = each.code === undefined || each.code === -1 ? 0 : each.code;
  if (each.marks === undefined && !free.happened)
    say(`without the rule it has no effect either: ${free.output}`);
  if (each.marks && `${free.marks}` !== `${each.marks.free}`)
    say(`without the rule the marks are ${free.marks}`);
  if (free.code !== freeCode)
    say(`without the rule it ends with ${free.code}, not ${freeCode}: ${free.output}`);

  const marks =
    each.marks && (isHeld ? each.marks.held : promise === null ? each.marks.held : each.marks.free);
  if (marks && `${held.marks}` !== `${marks}`) say(`the marks are [${held.marks}], not [${marks}]`);
  // A kill that comes too late promises nothing about the effect.
  if (each.marks === undefined && promise !== "killed-after" && held.happened === isHeld)
    say(isHeld ? `it was to be ${promise}, and has had its effect` : "it had no effect");
  const code = codeOf(promise);
  if (each.code === undefined && !code.test(`${held.code}`))
    say(`it ends with ${held.code}, not ${code}`);
  if (each.code !== undefined && each.code !== -1 && held.code !== each.code)
    say(`it ends with ${held.code}, not ${each.code}`);

  const rules = promise === null ? [] : [each.rule ?? []].flat();
  const named = held.matches.flatMap(({ clauses }) =>
    clauses.map((id) => run.rules.get(id) ?? `${id}`),
  );
  for (const rule of rules) if (!named.includes(rule)) say(`no match names ${rule}`);
  for (const rule of new Set(named)) if (!rules.includes(rule)) say(`a match names ${rule}`);
  for (const match of held.matches) {
    if (match.outcome !== promise)
      say(`the match of ${match.target} was ${match.outcome}, not ${promise}`);
    if ((match.strict ?? undefined) !== each.strict)
      say(`the match of ${match.target} was strict about ${match.strict}`);
  }
  problems.push(...hopProblems(each, held));
  if (problems.length > 0 && held.output !== "") say(`it said: ${held.output.slice(0, 500)}`);
  return problems;
}

function codeOf(promise: Outcome | null): RegExp {
  if (promise === "refused") return /^[1-9]/;
  return promise === "killed-before" || promise === "killed-after" ? /^137$/ : /^0$/;
}
