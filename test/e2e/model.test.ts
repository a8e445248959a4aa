// The kernel against the models: what a governed run told, made a trace again, and every verdict of it held against the
// semantics of the checked policy and against the simulation of the compiled tables.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { OperationName } from "../../src/ir/abi.ts";
import { prepare, type Subject } from "../model/agreement.ts";
import {
  compareRecorded,
  type Difference,
  type Recorded,
  watchEverything,
} from "../model/recorded.ts";
import { flows } from "./cases/flows.ts";
import { network } from "./cases/network.ts";
import { programs } from "./cases/programs.ts";
import { installPrograms, makeRepository, runMatrix } from "./matrix.ts";
import { startServers } from "./servers.ts";
import { clean, type EventLine, patience, scratchFolder, type Tier, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const reason = whyNot();

let folder = "";
beforeAll(() => {
  folder = scratchFolder();
});
afterAll(() => clean(folder));

/** Set in a slow machine: leave the record in this file, and let a fast one hold it against the models. */
const recordAt = process.env.ACTPLANE_E2E_RECORD;

/** Cases of few events, that say nothing of what a trace does not have: second names, over-long arguments. */
const suites = [programs, flows, network];
const isSlow = recordAt !== undefined;
const cases = suites
  .flatMap((suite) => suite.cases)
  .filter(
    ({ run, strict, fault, late, marks, prepare: makes }) =>
      !run.some((word) => word.endsWith("-bind") || word === "exec-long") &&
      (run[0] === "{act}" ||
        run[0]?.startsWith("{bin}") ||
        (run[0] === "bash" && (!isSlow || marks !== undefined))) &&
      strict === undefined &&
      fault === undefined &&
      late === undefined &&
      (makes === undefined || run[0] === "bash"),
  );

/** One run as it can be carried to another machine. */
interface Record {
  readonly tier: Tier;
  readonly roots: { readonly workspace: string; readonly home: string };
  readonly policy: string;
  readonly events: readonly EventLine[];
}

/** Set in the fast one: such files. */
const recorded = process.env.ACTPLANE_E2E_RECORDED?.split(" ");

if (recorded !== undefined) {
  for (const path of recorded)
    test(`kernel, model and simulation give the same verdicts: ${path}`, async () => {
      expect(differencesIn(await Bun.file(path).json())).toEqual([]);
    });
} else {
  test.skipIf(reason !== null)("kernel, model and simulation give the same verdicts", async () => {
    const record = await recordRun();
    if (recordAt === undefined) expect(differencesIn(record)).toEqual([]);
    else await Bun.write(recordAt, JSON.stringify(record));
  });
}

async function recordRun(): Promise<Record> {
  const servers = await startServers();
  try {
    installPrograms(join(folder, "bin"));
    mkdirSync(join(folder, "repository"));
    await makeRepository(join(folder, "repository"));
    const workspace = join(folder, "watched");
    const run = await runMatrix({
      cases,
      servers,
      policy: `${suites.map((suite) => suite.policy).join("\n")}\n${watchEverything}`,
      folder: workspace,
      flags: ["--degraded", "--ring-bytes", `${1 << 24}`],
    });
    expect(run.told.counters.eventsLost).toBe(0);
    return {
      tier: run.told.tier,
      roots: { workspace, home: process.env.HOME ?? "/root" },
      policy: await Bun.file(join(workspace, "policy.ap")).text(),
      events: run.events,
    };
  } finally {
    servers.close();
  }
}

function differencesIn({ tier, roots, policy, events }: Record): Difference[] {
  const subject = prepare(policy, roots);
  const driver = events.find(({ type }) => type === "exec")?.pid ?? 0;
  const differences = compareRecorded(
    subject,
    roots,
    events.map((event) => recordedOf(event, subject)),
    driver,
  ).filter((difference) => !isExplained(difference, tier));
  console.error(
    `e2e: ${tier} tier, ${events.length} events held against the models: ${differences.length} differences`,
  );
  return differences.slice(0, 20);
}

/**
 * A process that was killed ends after it died for the models. The tracepoint tier sees a script's gate by the path it was
 * invoked by, which a record leaves out.
 */
function isExplained({ command, model, simulation }: Difference, tier: Tier): boolean {
  const isDead = model === "the process is dead" && simulation === model;
  return (
    (isDead && command.endsWith("exit signal 9")) ||
    (tier === "tracepoint" && /\/ship-\d/.test(command))
  );
}

/** A line of `--events` as the comparison takes it. */
function recordedOf(event: EventLine, { compiled }: Subject): Recorded {
  return {
    type: event.type as Recorded["type"],
    timeMs: Date.parse(event.time),
    tgid: event.pid,
    parent: event.parent,
    operations: event.ops as OperationName[],
    verdict: event.effect === "none" ? "allow" : (event.effect as Recorded["verdict"]),
    clauses: event.clauses,
    labels: event.labels.flatMap((name) =>
      compiled.labels.filter((label) => label.name === name).map(({ bit }) => bit),
    ),
    status: event.status ?? 0,
    target: (event.target ?? "").replace(/^(tcp|udp):\/\/\[?(.*?)\]?:(\d+)$/, "$1 $2 $3"),
    argv: event.argv ?? [],
  };
}
