// Files that had several names before a domain was made, or its policy changed, with the running daemon: rules hold by
// each of them, and where they may not, the answer says so.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { heedsNamesOfMany } from "../../src/kernel/settings.ts";
import { TestDaemon } from "./daemon.ts";
import { patience, whyNot } from "./tool.ts";

setDefaultTimeout(120_000 * patience);

const suite = whyNot() === null ? describe : describe.skip;

suite("second names under serve", () => {
  const daemon = new TestDaemon();
  /** Where other names are not heeded the answer says so, and that is all. */
  let isHeeded = true;
  beforeAll(async () => {
    await daemon.start();
    isHeeded = heedsNamesOfMany((await daemon.curl("GET", "/version")).body.tier);
  });
  afterAll(() => daemon.end());

  /** A folder with a file that a rule can name, and another name of it outside of what rules are about. */
  function workspace(name: string): string {
    const folder = join(daemon.folder, name);
    mkdirSync(join(folder, "vault"), { recursive: true });
    writeFileSync(join(folder, "vault/key"), "precious\n");
    linkSync(join(folder, "vault/key"), join(folder, "plain"));
    return folder;
  }

  const rule = (name: string, path: string) => `rule ${name}: kill read "${path}"`;
  const make = (workspace: string, text: string) =>
    daemon.curl("POST", "/v1/domains", { name: "agent", workspace, policy: { text } });

  const read = (domain: string, file: string) =>
    Bun.spawnSync([...daemon.prefix(domain), "cat", file], { stdin: "ignore" }).stdout.toString();

  const firstRule = async (domain: string) => {
    const { body } = await daemon.curl("GET", `/v1/domains/${domain}/feedback?after=0&wait=10`);
    const [record] = body.records;
    return [record?.rule.name, record?.op, record?.target];
  };

  test("a domain's rules hold by a name that was made before it", async () => {
    const folder = workspace("made");
    const { body } = await make(folder, rule("no-key", "vault/key"));
    if (!isHeeded) {
      expect(body.notes).toEqual([
        expect.stringMatching(/^1 file has several names .* tracepoint /),
      ]);
      return;
    }
    expect(body.notes).toEqual([]);
    expect(read(body.domain.id, join(folder, "plain"))).toBe("");
    expect(await firstRule(body.domain.id)).toEqual(["no-key", "read", join(folder, "plain")]);
    // Of a rule about another file nothing stays with this one.
    const other = await make(folder, rule("no-key", "vault/other"));
    expect(read(other.body.domain.id, join(folder, "plain"))).toBe("precious\n");
  });

  test("so do those of a text that is added, from its answer on", async () => {
    if (!isHeeded) return;
    const folder = workspace("added");
    const domain = await daemon.make("", { workspace: folder });
    expect(read(domain, join(folder, "plain"))).toBe("precious\n");
    const path = `/v1/domains/${domain}/policies`;
    const { status, body } = await daemon.curl("POST", path, { text: rule("later", "vault/*") });
    expect([status, body.notes]).toEqual([201, []]);
    expect(read(domain, join(folder, "plain"))).toBe("");
    expect(await firstRule(domain)).toEqual(["later", "read", join(folder, "plain")]);
    // What is said of it first stays with it; of what is said later the answer tells that it may not.
    const more = await daemon.curl("POST", path, { text: rule("again", "vault/k*") });
    expect(more.body.notes).toEqual([
      expect.stringMatching(/^1 file has several names and may go by /),
    ]);
    expect(read(domain, join(folder, "plain"))).toBe("");
  });

  test("they go on to hold when the daemon is killed and another one follows", async () => {
    if (!isHeeded) return;
    const folder = workspace("killed");
    const { body } = await make(folder, rule("no-key", "vault/key"));
    await daemon.kill();
    await daemon.start();
    expect(read(body.domain.id, join(folder, "plain"))).toBe("");
    expect(await firstRule(body.domain.id)).toEqual(["no-key", "read", join(folder, "plain")]);
  });

  test("that there are more names than are looked at is told", async () => {
    if (!isHeeded) return;
    const { body } = await make("/usr", rule("no-key", "**/key"));
    expect(body.notes).toEqual([
      "there are more files than are looked at: one that has several names already may be known by one of them only",
    ]);
  });
});
