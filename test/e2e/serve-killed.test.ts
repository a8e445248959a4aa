// kill -9 of the daemon under load, again and again: no policy and no record that was acknowledged is lost, no
// operation slips through, and nothing is left after `stop --all`.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { until } from "./held.ts";
import { patience, tool, whyNot } from "./tool.ts";

setDefaultTimeout(300_000 * patience);

/** 20 for the figure that is claimed. */
const rounds = Number(process.env.ACTPLANE_E2E_KILLS ?? 4);

const suite = whyNot() === null ? describe : describe.skip;

/** Connects without end to where it may not, and says at its end how often it was refused and how often not. */
const agent = `
import os, socket, sys, time
refused = slipped = 0
while not os.path.exists(sys.argv[1]):
    s = socket.socket(); s.settimeout(0.2)
    try:
        s.connect(("203.0.113.1", 443)); slipped += 1
    except PermissionError: refused += 1
    except OSError: slipped += 1
    s.close(); time.sleep(0.005)
print(refused, slipped, flush=True)
`;

suite("actplane serve, killed", () => {
  const daemon = new TestDaemon();
  beforeAll(() => daemon.start());
  afterAll(() => daemon.end());

  test(`${rounds} times under load`, async () => {
    const domain = await daemon.make('rule no-net: block connect "203.0.113.0/24" because "no"');
    const other = await daemon.make('rule other: block exec "touch"');
    const stop = join(daemon.folder, "stop");
    const output = join(daemon.folder, "agent");
    await daemon.curl("POST", `/v1/domains/${domain}/launches`, {
      argv: ["python3", "-c", agent, stop],
      output,
    });
    /** Every record that a reader was given, and every text that was answered with success. */
    const records = new Map<number, string>();
    const texts: string[] = [];
    let after = 0;
    let unwritten = 0;
    for (let round = 0; round < rounds; round++) {
      const reads = (async () => {
        for (;;) {
          const path = `/v1/domains/${domain}/feedback?after=${after}&wait=5`;
          const answer = await daemon.curl("GET", path).catch(() => null);
          // Killed between an answer's head and its body, it has said nothing.
          if (answer === null || answer.status !== 200 || answer.body === null) return;
          for (const record of answer.body.records) records.set(record.seq, JSON.stringify(record));
          after = answer.body.next;
        }
      })();
      const adds = (async () => {
        for (let i = 0; ; i++) {
          const name = `r${round}-${i}`;
          const body = { text: `rule ${name}: block exec "no-such-${name}"` };
          const answer = await daemon
            .curl("POST", `/v1/domains/${other}/policies`, body)
            .catch(() => null);
          if (answer === null || answer.status !== 201) return;
          texts.push(name);
        }
      })();
      await Bun.sleep((200 + Math.random() * 400) * patience);
      await daemon.kill();
      await Promise.all([reads, adds]);
      await daemon.start();
      const answer = await daemon.curl("GET", `/v1/domains/${domain}/feedback?after=${after}`);
      unwritten += answer.body.lost;
    }
    await Bun.write(stop, "");
    for (let i = 0; i < 200 && !/^\d+ \d+/m.test(said(output)); i++) await Bun.sleep(50);
    const [refused, slipped] = said(output).trim().split(" ").map(Number);
    expect(slipped).toBe(0);
    expect(refused).toBeGreaterThan(rounds * 5);

    const { body: policies } = await daemon.curl("GET", `/v1/domains/${other}/policies`);
    const rules = new Set(policies.policies.flatMap((text: { rules: string[] }) => text.rules));
    expect(texts.filter((name) => !rules.has(name))).toEqual([]);
    expect(texts.length).toBeGreaterThan(0);
    // In force, and not only written: the last text of each round refuses.
    const { body: why } = await daemon.curl("POST", "/v1/why", {
      domain: other,
      operation: { op: "exec", argv: [`no-such-${texts.at(-1)}`] },
    });
    expect(why.effect).toBe("block");

    const kept = new Map<number, string>();
    const read = async () => {
      for (;;) {
        const path = `/v1/domains/${domain}/feedback?after=${kept.size}&limit=1000`;
        const { body } = await daemon.curl("GET", path);
        for (const record of body.records) kept.set(record.seq, JSON.stringify(record));
        if (body.records.length === 0) return kept.size;
      }
    };
    // Taken from the ring by a daemon that died before it could write: nobody was told of those, and they are counted.
    const areAll = async () => (await read()) + unwritten >= (refused ?? 0);
    await until("the record of every refusal", areAll);
    const lost = [...records].filter(([seq, record]) => kept.get(seq) !== record);
    expect(lost.map(([seq]) => seq)).toEqual([]);
    expect([...kept.keys()]).toEqual(Array.from({ length: kept.size }, (_, i) => i + 1));
    expect(records.size).toBeGreaterThan(0);
    console.error(
      `${rounds} kills: ${refused} refused, ${slipped} slipped through, ${records.size} records and ${texts.length} texts acknowledged, none lost; ${kept.size} records kept`,
    );
  });

  test("and nothing is left behind", () => {
    const words = ["stop", "--all", "--kill", "--socket", daemon.socket, "--pins", daemon.pins];
    expect(Bun.spawnSync([tool, ...words]).exitCode).toBe(0);
    expect(existsSync(daemon.pins)).toBe(false);
    const links = Bun.spawnSync(["ls", dirname(daemon.pins)]).stdout.toString();
    expect(links).toBe("");
  });
});

function said(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
