// Two domains of one session in the kernel, held against the models: what a governed tree did while a part of it was moved
// to a child domain, made a trace again.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import type { KernelEvent } from "../../src/kernel/kernel.ts";
import { openEngine } from "../../src/kernel/live.ts";
import { operationsOf, type Recorded, recordedFrom, watchEverything } from "../model/recorded.ts";
import { World } from "../model/script.ts";
import { rootDomain } from "../model/semantics.ts";
import { joined, Session } from "../model/session.ts";
import { until } from "./held.ts";
import { clean, patience, scratchFolder, type Tier, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const folder = scratchFolder();
afterAll(() => clean(folder));

const tier = (process.env.ACTPLANE_E2E_TIER ?? "tracepoint") as Tier;
const rootText = `source SECRET = file "**/secret"
rule no-sink-of-both:
  block exec "sink-of-both" if SECRET
${watchEverything}`;
const childText = `source ALSO = file "**/also"
rule no-sink:
  block exec "sink" if SECRET
rule no-reader:
  notify exec "cat" if ALSO`;
const childDomain = "root/child";

/** The first half in the root domain; the inner shell waits to be moved and goes on in the child. */
const script = `
read -r go
(read -r x < secret; echo $x > copy)
(read -r x < copy; ./sink; ./sink-of-both)
bash -c 'echo $$ > pid; read -r go; read -r x < also; cat copy > other; (read -r x < copy; ./sink; ./sink-of-both); true'
(read -r x < also; ./sink)
true`;

test.skipIf(whyNot() !== null)(
  "two domains of a session are judged as the models say",
  async () => {
    for (const name of ["secret", "also"]) writeFileSync(join(folder, name), "x\n");
    for (const name of ["sink", "sink-of-both"])
      Bun.spawnSync(["cp", "/bin/true", join(folder, name)]);
    const roots = { workspace: folder, home: "/root" };
    const session = new Session(policyOf(rootText), roots);
    session.govern(childDomain, joined(policyOf(rootText), policyOf(childText), "child"));

    const events: KernelEvent[] = [];
    const engine = await openEngine({
      tier,
      ringBytes: 1 << 22,
      programs: "all",
      pins: null,
      tableBytes: 1 << 20,
      onEvent: (event) => events.push(event),
    });
    const shell = Bun.spawn(["bash", "-c", script], {
      cwd: folder,
      stdin: "pipe",
      stderr: "ignore",
    });
    try {
      const kernelSession = engine.newSession();
      await engine.setDomain(1, kernelSession, session.of(rootDomain).image);
      await engine.setDomain(2, kernelSession, session.of(childDomain).image);
      engine.admit(shell.pid, 1);
      shell.stdin.write("go\n");
      shell.stdin.flush();
      const pid = join(folder, "pid");
      await until("the inner shell", () => existsSync(pid) && readFileSync(pid, "utf8") !== "");
      engine.admit(Number(readFileSync(pid, "utf8")), 2);
      shell.stdin.write("go\n");
      shell.stdin.flush();
      expect(await shell.exited).toBe(0);
      engine.drain();
    } finally {
      shell.kill("SIGKILL");
      await engine.close();
    }

    const domains = new Map(events.map((event) => [recordedFrom(event), event.domain]));
    const world = new World();
    const seen = new Set<string>();
    for (const { command, records } of operationsOf([...domains.keys()], shell.pid)) {
      const event = world.event(command);
      const first = records[0] as Recorded;
      const domain = domains.get(first) === 2 ? childDomain : rootDomain;
      if (event.type !== "wait" && event.type !== "fork") session.model.move(event.process, domain);
      const said = session.step(event)?.said;
      const names = session.clauseNames(domain);
      const verdicts = ["allow", "notify", "block", "kill"];
      const strongest = Math.max(...records.map(({ verdict }) => verdicts.indexOf(verdict)));
      const clauses = new Set(records.flatMap((record) => record.clauses));
      const kernel = [
        verdicts[strongest],
        ...[...clauses].map((id) => names.get(id) ?? `${id}`).sort(),
      ];
      const what = `${domain}: ${command.join(" ")} => `;
      for (const each of said ?? ["", ""])
        expect(what + each.replace(/ \{.*$/, "")).toBe(what + kernel.join(" "));
      seen.add(`${domain} ${kernel.join(" ")}`);
      if (strongest === 3 && event.type !== "wait") world.killed(event.process);
      if (strongest < 2) world.happened(event);
    }
    // Each was asked in the domain that has it, and what only the child has was let go in the root.
    expect([...seen].filter((each) => each.includes(" block ")).sort()).toEqual([
      "root block no-sink-of-both:0 watch-everything:0",
      "root/child block child-no-sink:0 watch-everything:0",
      "root/child block no-sink-of-both:0 watch-everything:0",
    ]);
  },
);

function policyOf(text: string): Policy {
  const { value, diagnostics } = loadPolicy({ name: "test.policy", text });
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return value;
}
