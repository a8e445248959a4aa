// Several domains in one session: random policies, each a parent's with more, processes that are moved down the tree and
// policies that change in the middle of a trace. The semantics and the compiled images agree on every event.
//
//   root            a policy
//   root/a, root/b  the same and more; root/a is tightened later, and what it was tightened by is taken away again
//   root/a/c        what root/a had, and more

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Policy } from "../../src/dsl/ast.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { places, policyText, trace } from "./generate.ts";
import { type Command, printCommand, World } from "./script.ts";
import { rootDomain } from "./semantics.ts";
import { joined, Session, Unusable } from "./session.ts";

const numRuns = Number(process.env.ACTPLANE_MODEL_RUNS ?? 200);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);

interface Change {
  /** Before this command of the trace. */
  readonly at: number;
  readonly process: number;
  /** A domain that the process is moved to; null: the policy of `root/a` changes. */
  readonly domain: string | null;
  /** Whether it then has the later text. */
  readonly isTight: boolean;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(20),
  process: fc.integer({ min: 1, max: 5 }),
  domain: fc.constantFrom("root/a", "root/a", "root/b", "root/a/c", null, null),
  isTight: fc.boolean(),
});

function policyOf(text: string): Policy {
  return loadPolicy({ name: "test.policy", text }).value;
}

/** How many events were compared, and in how many domains. */
interface Played {
  readonly events: number;
  readonly domains: ReadonlySet<string>;
}

function play(
  texts: readonly string[],
  commands: readonly Command[],
  changes: readonly Change[],
): Played {
  const [root, a, b, c, later] = texts.map(policyOf) as [Policy, Policy, Policy, Policy, Policy];
  const withA = joined(root, a, "a");
  const tight = joined(withA, later, "later");
  const session = new Session(root, places);
  session.govern("root/a", withA);
  session.govern("root/b", joined(root, b, "b"));
  session.govern("root/a/c", joined(withA, c, "c"));

  const world = new World();
  const lines: string[] = [];
  const domains = new Set<string>();
  let events = 0;
  for (const [number, command] of commands.entries()) {
    for (const { process, domain, isTight } of changes.filter(({ at }) => at === number)) {
      if (domain === null) session.govern("root/a", isTight ? tight : withA);
      // Only down the tree.
      else if (domain.startsWith(`${session.model.domainOf(process)}/`))
        session.model.move(process, domain);
    }
    const [word, name = ""] = command;
    if (word === "approve" || word === "disapprove") {
      session.approve(name, word === "approve");
      continue;
    }
    const event = world.event(command);
    if (!world.isPossible(event)) continue;
    const domain = event.type === "wait" ? rootDomain : session.model.domainOf(event.process);
    lines.push(`${printCommand(command)}   (${domain})`);
    const both = session.step(event);
    if (both === null) break;
    const [model, image] = both.said;
    const where = [...texts, ...lines].join("\n");
    expect([where, image]).toEqual([where, model]);
    events++;
    domains.add(domain);
    if (both.decision.effect === 3 && event.type !== "wait") world.killed(event.process);
    if (both.decision.effect < 2) world.happened(event);
  }
  return { events, domains };
}

test("domains of one session are judged by their own policies over common labels and gates", () => {
  let events = 0;
  const domains = new Set<string>();
  const property = fc.property(
    fc.array(policyText, { minLength: 5, maxLength: 5 }),
    trace,
    fc.array(change, { minLength: 2, maxLength: 6 }),
    (texts, commands, changes) => {
      try {
        const played = play(texts, commands, changes);
        events += played.events;
        for (const domain of played.domains) domains.add(domain);
      } catch (failure) {
        if (!(failure instanceof Unusable)) throw failure;
      }
    },
  );
  fc.assert(property, { seed, numRuns });
  expect(events).toBeGreaterThan(numRuns);
  expect([...domains].sort()).toEqual(["root", "root/a", "root/a/c", "root/b"]);
}, 3_600_000);

test("a label that one domain has from an approval may come from another domain", () => {
  const quiet = 'rule quiet: notify exec "no-such-program"';
  const texts = [
    'source C = approval "two"\nrule r: block exec "sh" if C',
    quiet,
    quiet,
    'source C = file "/w/src/?.ts"\nrule more: notify exec "no-such-program"',
    quiet,
  ];
  const commands = [
    ["1", "fork", "2"],
    ["1", "open", "rw", "/w/src/a.ts"],
    ["2", "open", "r", "/w/src/a.ts"],
    ["2", "exec", "/bin/sh"],
  ];
  const change = { process: 1, isTight: false };
  const changes = [
    { ...change, at: 0, domain: "root/a" },
    { ...change, at: 1, domain: "root/a/c" },
  ];
  expect(play(texts, commands, changes).events).toBe(4);
});
