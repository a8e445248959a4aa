// The daemon with the running kernel: an agent is launched, refused, told, tightens itself and gets no further; the
// daemon is killed and nothing is lost.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { patience, tool, whyNot } from "./tool.ts";

setDefaultTimeout(120_000 * patience);

const skipped = whyNot();
const suite = skipped === null ? describe : describe.skip;

suite("actplane serve", () => {
  const daemon = new TestDaemon();
  let domain = "";
  beforeAll(async () => {
    await daemon.start();
    domain = await daemon.make('rule no-touch: block exec "touch" because "no traces"');
  });
  afterAll(() => daemon.end());

  /** What a member of the domain does, root as the tests are. */
  const asMember = (...words: readonly string[]) => asMemberOf(domain, ...words);
  const asMemberOf = (id: string, ...words: readonly string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...daemon.prefix(id), ...words], {
      stdin: "ignore",
    });
    return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
  };

  test("a launched command is governed from its first instruction, and its refusal reaches a long poll", async () => {
    const mark = join(daemon.folder, "mark");
    const waits = daemon.curl("GET", `/v1/domains/${domain}/feedback?after=0&wait=60`);
    const { status, body } = await daemon.curl("POST", `/v1/domains/${domain}/launches`, {
      argv: ["/bin/sh", "-c", `touch ${mark}; sleep 1`],
    });
    expect(status).toBe(201);
    expect(body.members).toContain(body.pid);
    const { records } = (await waits).body;
    expect(records[0]).toMatchObject({
      seq: 1,
      rule: { name: "no-touch" },
      because: "no traces",
      process: { ancestry: expect.anything() },
    });
    expect(existsSync(mark)).toBe(false);
  });

  test("exec runs a command in the domain, with its exit code", () => {
    expect(asMember("sh", "-c", "echo hello; exit 3")).toMatchObject({ code: 3, out: "hello\n" });
    expect(asMember("touch", join(daemon.folder, "mark")).code).not.toBe(0);
    expect(existsSync(join(daemon.folder, "mark"))).toBe(false);
  });

  test("a member is one by the kernel's word, though it is root", async () => {
    const prefix = daemon.prefix(domain);
    const self = await daemon.curl("GET", "/v1/domains/self", undefined, prefix);
    expect(self.body.id).toBe(domain);
    const other = await daemon.make('rule other: block exec "dd"');
    const refused: readonly (readonly [string, string, object?])[] = [
      ["GET", `/v1/domains/${other}`],
      ["GET", `/v1/domains/${other}/feedback`],
      ["POST", `/v1/domains/${other}/policies`, { text: 'rule r: block exec "x"' }],
      ["POST", "/v1/approvals", { domain, name: "x" }],
      ["DELETE", `/v1/domains/${domain}`],
      ["DELETE", `/v1/domains/${domain}/policies/1`],
      ["POST", `/v1/domains/${domain}/launches`, { argv: ["touch", "/tmp/x"] }],
      ["POST", `/v1/domains/${other}/processes`, { pid: 1 }],
      ["POST", "/v1/stop", { all: true }],
    ];
    for (const [method, path, body] of refused)
      expect((await daemon.curl(method, path, body, prefix)).status).toBe(403);
    const loosened = await daemon.curl(
      "POST",
      "/v1/domains/self/policies",
      { text: 'rule no-touch: notify exec "touch"' },
      prefix,
    );
    expect([loosened.status, loosened.body.code]).toEqual([422, "policy-loosens"]);
  });

  test("a child of a member keeps being one when the process that connected has ended", async () => {
    // The parent connects, hands the connection to its child and ends; the child asks.
    const script = `
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
while b"ok" not in s.recv(4096).split(b"\\r\\n\\r\\n")[-1]: pass
r, w = os.pipe()
if os.fork() == 0:
    os.close(w); os.read(r, 1); time.sleep(0.2)
    s.sendall(b"GET /v1/domains HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    print(s.recv(65536).decode().split("\\r\\n")[0], flush=True)
    os._exit(0)
os._exit(0)`;
    const { out } = asMember(
      "sh",
      "-c",
      `python3 -c '${script.replaceAll("'", "'\\''")}' ${daemon.socket}; sleep 1`,
    );
    expect(out).toContain("401");
  });

  test("a member tightens its domain, and the next operation is judged by it", async () => {
    const before = asMember("id", "-u");
    expect(before.code).toBe(0);
    const { status } = await daemon.curl(
      "POST",
      "/v1/domains/self/policies",
      { text: 'rule no-id: block exec "id"' },
      daemon.prefix(domain),
    );
    expect(status).toBe(201);
    expect(asMember("id", "-u").code).not.toBe(0);
  });

  test("a child's gate is shut by an edit in its parent, and not opened there", async () => {
    const source = join(daemon.folder, "source");
    mkdirSync(source);
    const child = await daemon.make(
      `rule tested: block exec "whoami" unless after exec "true" exits 0 since write "${source}/**"`,
      { parent: domain },
    );
    const edit = () => asMember("sh", "-c", `echo x >>${source}/file`).code;
    const passes = () => asMemberOf(child, "whoami").code === 0;
    expect(passes()).toBe(false);
    expect(asMemberOf(child, "true").code).toBe(0);
    expect(passes()).toBe(true);
    expect(edit()).toBe(0);
    expect(passes()).toBe(false);
    expect(asMember("true").code).toBe(0);
    expect(passes()).toBe(false);
    expect(asMemberOf(child, "true").code).toBe(0);
    expect(passes()).toBe(true);
    await daemon.curl("DELETE", `/v1/domains/${child}`);
  });

  test("an approval is the operator's, holds for what happens from then on, and is taken back", async () => {
    const other = await daemon.make('rule no-mkdir: block exec "mkdir" unless approved "setup"');
    const target = join(daemon.folder, "approved");
    const attempt = () => {
      Bun.spawnSync([...daemon.prefix(other), "mkdir", "-p", target], { stdin: "ignore" });
      return existsSync(target);
    };
    const verb = (...more: readonly string[]) =>
      Bun.spawnSync(
        [tool, "approve", "setup", "--domain", other, "--socket", daemon.socket, ...more],
        { stdin: "ignore" },
      ).exitCode;
    expect(attempt()).toBe(false);
    const words = [...daemon.prefix(other), tool, "approve", "setup"];
    const asMemberOfOther = Bun.spawnSync(
      [...words, "--domain", other, "--socket", daemon.socket],
      { stdin: "ignore" },
    );
    expect(asMemberOfOther.exitCode).toBe(1);
    expect(attempt()).toBe(false);
    expect(verb()).toBe(0);
    expect(attempt()).toBe(true);
    rmdirSync(target);
    expect(verb("--withdraw")).toBe(0);
    expect(attempt()).toBe(false);
  });

  test("an approval ends with the last rule that waits for it, in a text or in a child", async () => {
    const waiting = 'rule no-mkdir: block exec "mkdir" unless approved "setup"';
    const session = await daemon.make('rule other: block exec "no-such-program"');
    const target = join(daemon.folder, "ended");
    const passes = (id: string) => {
      Bun.spawnSync([...daemon.prefix(id), "mkdir", target], { stdin: "ignore" });
      if (!existsSync(target)) return false;
      rmdirSync(target);
      return true;
    };
    const approve = async (open: boolean) => {
      const body = { domain: session, name: "setup", open };
      return (await daemon.curl("POST", "/v1/approvals", body)).status;
    };
    const policies = `/v1/domains/${session}/policies`;
    const add = async () => {
      const body = { text: waiting, degraded: true };
      expect((await daemon.curl("POST", policies, body)).status).toBe(201);
    };
    const remove = async (text: number) =>
      expect((await daemon.curl("DELETE", `${policies}/${text}`)).status).toBe(204);

    await add();
    expect(passes(session)).toBe(false);
    expect(await approve(true)).toBe(201);
    expect(passes(session)).toBe(true);
    await remove(2);
    expect(passes(session)).toBe(true);
    expect(await approve(false)).toBe(404);
    await add();
    expect(passes(session)).toBe(false);
    expect(await approve(true)).toBe(201);
    expect(passes(session)).toBe(true);

    // A child waits for it as well: it ends with the last of both.
    const child = await daemon.make(waiting.replace("no-mkdir", "child"), { parent: session });
    await remove(3);
    expect(passes(child)).toBe(true);
    expect((await daemon.curl("DELETE", `/v1/domains/${child}`)).status).toBe(204);
    await daemon.kill();
    await daemon.start();
    await add();
    expect(passes(session)).toBe(false);
    expect(await approve(true)).toBe(201);
    expect(passes(session)).toBe(true);
    // The other end was the child's.
    const { body } = await daemon.curl("GET", `/v1/audit?domain=${session}`);
    const told = body.entries.map(({ action }: { action: string }) => action);
    expect(told.filter((action: string) => /^appro/.test(action))).toEqual([
      ...["approved", "approval-ended", "approved", "approved"],
    ]);
  });

  test("a process that runs is attached, and what it does next is judged", async () => {
    const other = await daemon.make('rule no-mkdir: block exec "mkdir"');
    const target = join(daemon.folder, "made");
    const child = Bun.spawn(["/bin/sh", "-c", `read line; mkdir ${target}; sleep 0`], {
      stdin: "pipe",
      stderr: "ignore",
    });
    const attached = Bun.spawnSync(
      [tool, "attach", "--socket", daemon.socket, "--domain", other, `${child.pid}`],
      { stdin: "ignore" },
    );
    expect(attached.stdout.toString()).toContain(`${other} governs`);
    expect(attached.stdout.toString()).toContain("what cannot be known");
    child.stdin.write("go\n");
    child.stdin.flush();
    child.stdin.end();
    await child.exited;
    expect(existsSync(target)).toBe(false);
    const { body } = await daemon.curl("GET", `/v1/domains/${other}/feedback?after=0&wait=10`);
    expect(body.records[0]?.rule.name).toBe("no-mkdir");
  });

  test("what the daemon keeps is not for those it governs, root as they are", async () => {
    const state = join(daemon.folder, "state", "state.sqlite");
    const size = statSync(state).size;
    expect(asMember("cat", state)).toMatchObject({ out: "" });
    expect(asMember("sh", "-c", `echo x >>${state}`).code).not.toBe(0);
    expect(statSync(state).size).toBeGreaterThanOrEqual(size);
    expect(readFileSync(state).subarray(0, 15).toString()).toBe("SQLite format 3");
    // Connecting is everybody's.
    const self = await daemon.curl("GET", "/v1/domains/self", undefined, daemon.prefix(domain));
    expect([self.status, self.body.clauses]).toEqual([200, 2]);
    const other = await daemon.make('rule none: block exec "no-such-program"');
    const { body } = await daemon.curl("GET", `/v1/domains/${other}/policies`);
    expect(body.verdicts).toHaveLength(1);
    const told = await daemon.curl("GET", `/v1/domains/${domain}/feedback?after=0&limit=1000`);
    const rules = told.body.records.map((record: { rule: { name: string } }) => record.rule.name);
    expect(rules).toContain("actplane-itself");
  });

  test("a killed daemon changes nothing but who tells: rules hold, and the next one goes on", async () => {
    const sleeper = Bun.spawn(
      [...daemon.prefix(domain), "sh", "-c", "while read word; do $word; done"],
      { stdin: "pipe", stdout: "ignore", stderr: "ignore" },
    );
    const seen = () => daemon.curl("GET", `/v1/domains/${domain}`);
    const isThere = ({ body }: Awaited<ReturnType<typeof seen>>) =>
      body.processes.some(({ argv }: { argv: readonly string[] }) => argv[0] === "sh");
    for (let tries = 0; tries < 100 && !isThere(await seen()); tries++) await Bun.sleep(50);
    const { body: before } = await seen();
    await daemon.kill();
    const mark = join(daemon.folder, "while-away");
    sleeper.stdin.write(`touch\n`);
    sleeper.stdin.flush();
    await Bun.sleep(300 * patience);
    expect(existsSync(mark)).toBe(false);
    await daemon.start();
    const { body: after } = await daemon.curl("GET", `/v1/domains/${domain}`);
    expect(after.revision).toBe(before.revision);
    expect(after.generation).toBe(before.generation);
    expect(after.policies).toEqual(before.policies);
    const { body } = await daemon.curl(
      "GET",
      `/v1/domains/${domain}/feedback?after=${before.feedback.last}&wait=10`,
    );
    expect(body.records[0]?.rule.name).toBe("no-touch");
    sleeper.stdin.end();
    sleeper.kill(9);
    await sleeper.exited;
    expect(asMember("touch", mark).code).not.toBe(0);
  });

  test("a stopped daemon ends at once, and what it launched goes on under the rules", async () => {
    const { body } = await daemon.curl("POST", `/v1/domains/${domain}/launches`, {
      argv: ["sleep", "600"],
    });
    const began = performance.now();
    Bun.spawnSync([tool, "stop", "--socket", daemon.socket], { stdin: "ignore" });
    expect(await daemon.exited()).toBe(0);
    expect(performance.now() - began).toBeLessThan(60_000 * patience);
    process.kill(body.pid, 9);
    expect(daemon.log).not.toContain("Error");
    expect(daemon.log).toContain("actplane: stopped; the rules go on for 1 process");
    await daemon.start();
  });

  test("stop --all leaves nothing behind", async () => {
    const words = ["stop", "--all", "--kill", "--socket", daemon.socket, "--pins", daemon.pins];
    const stopped = Bun.spawnSync([tool, ...words], { stdin: "ignore" });
    expect(stopped.stdout.toString()).toBe("stopped, and the rules with it\n");
    expect(existsSync(daemon.pins) ? readdirSync(daemon.pins) : []).toEqual([]);
    const mark = join(daemon.folder, "free");
    expect(Bun.spawnSync(["touch", mark]).exitCode).toBe(0);
  });
});
