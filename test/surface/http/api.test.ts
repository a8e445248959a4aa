// The API as a client meets it: every route, who may use it, and what it answers otherwise.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import type { Counters } from "../../../src/kernel/kernel.ts";
import { brief, ServedPlane } from "./served.ts";

setDefaultTimeout(60_000);

const isRoot = process.geteuid?.() === 0;
let plane: ServedPlane;
beforeEach(async () => {
  plane = await new ServedPlane().open();
});
afterEach(() => plane.close());

const more = 'rule more: block exec "dd"';

/** Operators are root. */
const asRoot = test.skipIf(!isRoot);

describe("domains", () => {
  asRoot("are made with a policy, and say what this host does about each clause", async () => {
    const { status, body, headers } = await plane.ask("/v1/domains", {
      body: { name: "agent", policy: { text: 'rule no-git: block exec "git"' }, workspace: "/w" },
    });
    expect(status).toBe(201);
    expect(headers.get("location")).toBe(`/v1/domains/${body.domain.id}`);
    expect(body.verdicts).toEqual([
      {
        rule: "no-git",
        clause: 0,
        text: 'block exec "git"',
        effect: "block",
        kind: "blocked-before",
        reason: null,
      },
    ]);
    expect(body.token).toMatch(/^actplane_[\w-]{43}$/);
    expect(body.domain).toMatchObject({ name: "agent", revision: 1, generation: 1, clauses: 1 });
  });
  asRoot("a dry run says the same and makes nothing", async () => {
    const { status, body } = await plane.ask("/v1/domains", {
      body: { name: "agent", policy: { text: more }, dry_run: true },
    });
    expect([status, body.domain, body.token, body.verdicts.length]).toEqual([200, null, null, 1]);
    expect(plane.daemon.registry.size).toBe(0);
  });
  asRoot("that are faulty are answered with every fault and its place", async () => {
    const answer = await plane.ask("/v1/domains", {
      body: { name: "agent", policy: { text: 'rule r:\n  blok exec "git"', name: "agent.policy" } },
    });
    expect(brief(answer)).toBe("422 policy-faulty");
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body.diagnostics[0]).toMatchObject({
      code: "P010",
      file: "agent.policy",
      start: { line: 2, column: 3 },
    });
  });
  asRoot("take a policy as bare text, and are found by a name that only one has", async () => {
    const make = () => plane.ask("/v1/domains", { body: { name: "agent", policy: more } });
    const { id } = (await make()).body.domain;
    expect((await plane.ask("/v1/domains/agent")).body).toMatchObject({ id, clauses: 1 });
    plane.refuse(id);
    const { body: feedback } = await plane.ask("/v1/domains/agent/feedback?wait=5");
    expect(feedback.records).toHaveLength(1);
    const { id: other } = (await make()).body.domain;
    const { status, body } = await plane.ask("/v1/domains/agent");
    expect([status, body.detail]).toEqual([404, `2 domains are called agent: ${id}, ${other}`]);
  });
  asRoot("called like an id that is gone are not found by it", async () => {
    await plane.ask("/v1/domains", { body: { name: "d77", policy: more } });
    expect(brief(await plane.ask("/v1/domains/d77"))).toBe("404 not-found");
  });
  asRoot("are listed: all to the operator, its own to a member", async () => {
    const { id } = await plane.make();
    const { id: child } = await plane.make("", { parent: id });
    await plane.make();
    const ids = async () =>
      (await plane.ask("/v1/domains")).body.domains.map((each: { id: string }) => each.id);
    expect(await ids()).toHaveLength(3);
    plane.become(id);
    expect(await ids()).toEqual([id, child]);
  });
  asRoot("end when nobody is left in them", async () => {
    const { id } = await plane.make();
    plane.engine.processes.set(4711, 1);
    plane.refuse(id);
    expect(brief(await plane.ask(`/v1/domains/${id}`, { method: "DELETE" }))).toBe(
      "409 domain-in-use",
    );
    plane.engine.exit(4711);
    expect(brief(await plane.ask(`/v1/domains/${id}`, { method: "DELETE" }))).toBe("204");
    expect(brief(await plane.ask(`/v1/domains/${id}`))).toBe("410 domain-ended");
    for (const table of ["feedback", "queues", "events"])
      expect(plane.daemon.store.all(`SELECT * FROM ${table}`)).toEqual([]);
  });
});

describe("a member, root or not,", () => {
  let own: string;
  let sibling: string;
  beforeEach(async () => {
    if (!isRoot) return;
    const { id } = await plane.make('rule base: block exec "rm"');
    own = (await plane.make("", { parent: id })).id;
    sibling = (await plane.make("", { parent: id })).id;
    plane.become(own);
  });
  asRoot("is told its own domain by the name `self`", async () => {
    expect((await plane.ask("/v1/domains/self")).body.id).toBe(own);
  });
  asRoot("tightens its domain", async () => {
    const { status, body } = await plane.ask("/v1/domains/self/policies", { body: { text: more } });
    expect([status, body.revision, body.verdicts.length]).toEqual([201, 2, 1]);
  });
  const refused: readonly (readonly [what: string, method: string, path: string, body?: object])[] =
    [
      [
        "widens nothing",
        "POST",
        "/v1/domains/self/policies",
        { text: 'rule base: notify exec "rm"' },
      ],
      ["takes no text away", "DELETE", "/v1/domains/OWN/policies/1"],
      ["adds nothing to a sibling", "POST", "/v1/domains/SIBLING/policies", { text: more }],
      ["reads no sibling", "GET", "/v1/domains/SIBLING"],
      ["reads no sibling's policies", "GET", "/v1/domains/SIBLING/policies"],
      ["reads no sibling's feedback", "GET", "/v1/domains/SIBLING/feedback"],
      ["streams no sibling's feedback", "GET", "/v1/domains/SIBLING/feedback/stream"],
      [
        "acknowledges no sibling's feedback",
        "POST",
        "/v1/domains/SIBLING/feedback/ack",
        { seq: 1 },
      ],
      ["reads no sibling's events", "GET", "/v1/events?domain=SIBLING"],
      ["reads no sibling's provenance", "GET", "/v1/provenance?domain=SIBLING"],
      [
        "asks nothing about a sibling's policy",
        "POST",
        "/v1/why",
        {
          domain: "SIBLING",
          operation: { op: "exec", argv: ["rm"] },
        },
      ],
      ["makes no domain without a parent", "POST", "/v1/domains", { name: "x", parent: "SIBLING" }],
      ["approves nothing", "POST", "/v1/approvals", { domain: "OWN", name: "x" }],
      ["ends nothing", "DELETE", "/v1/domains/OWN"],
      ["kills nothing", "DELETE", "/v1/domains/OWN?kill=1"],
      ["launches nothing through the daemon", "POST", "/v1/domains/OWN/launches", { argv: ["id"] }],
      ["begins no child by a launch", "POST", "/v1/domains", { name: "x", argv: ["id"] }],
      ["attaches nothing that is not its own", "POST", "/v1/domains/OWN/processes", { pid: 2 }],
      ["moves nothing out", "POST", "/v1/domains/SIBLING/processes", { pid: process.pid }],
      ["reads no audit", "GET", "/v1/audit"],
      ["reads no metrics", "GET", "/metrics"],
      ["stops nothing", "POST", "/v1/stop", {}],
    ];
  for (const [what, method, path, body] of refused) {
    asRoot(`${what}: ${method} ${path}`, async () => {
      const named = (text: string) => text.replaceAll("OWN", own).replaceAll("SIBLING", sibling);
      const before = JSON.stringify(plane.daemon.store.all("SELECT * FROM texts"));
      const answer = await plane.ask(named(path), {
        method,
        ...(body === undefined ? {} : { body: named(JSON.stringify(body)) }),
      });
      expect([403, 422]).toContain(answer.status);
      expect(["not-allowed", "policy-loosens"]).toContain(answer.body.code);
      expect(JSON.stringify(plane.daemon.store.all("SELECT * FROM texts"))).toBe(before);
      expect(plane.stopped).toEqual([]);
    });
  }
  asRoot("stays one on its connection when the kernel no longer knows it", async () => {
    const response = await kept(plane.socket, async (ask) => {
      const before = await ask("/v1/domains/self");
      plane.become(null);
      return [before, await ask("/v1/domains/self"), await ask("/v1/audit")];
    });
    expect(response).toEqual([200, 200, 403]);
  });
});

/** Requests on one connection; the status of each. */
async function kept(
  socket: string,
  use: (ask: (path: string) => Promise<number>) => Promise<number[]>,
): Promise<number[]> {
  const connection = connect(socket);
  let text = "";
  connection.on("data", (chunk) => {
    text += chunk;
  });
  const ask = async (path: string) => {
    text = "";
    connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    while (!text.includes("\r\n\r\n")) await Bun.sleep(5);
    await Bun.sleep(20);
    return Number(text.split(" ")[1]);
  };
  try {
    return await use(ask);
  } finally {
    connection.destroy();
  }
}

describe("over TCP", () => {
  asRoot("a token is a member of its domain", async () => {
    const { id, token } = await plane.make();
    expect((await plane.tcp("/v1/domains/self", token)).body.id).toBe(id);
    expect(
      brief(await plane.tcp("/v1/domains/self/policies", token, { body: { text: more } })),
    ).toBe("201");
  });
  asRoot("nobody is an operator, the machine's root neither", async () => {
    const { id, token } = await plane.make();
    expect(brief(await plane.tcp("/v1/domains", null))).toBe("401 not-identified");
    expect(brief(await plane.tcp(`/v1/domains/${id}`, null))).toBe("401 not-identified");
    expect(
      brief(await plane.tcp("/v1/approvals", token, { body: { domain: id, name: "x" } })),
    ).toBe("403 not-allowed");
  });
  test("a token of no domain is refused, whatever is asked", async () => {
    expect(brief(await plane.tcp("/healthz", "actplane_x"))).toBe("401 not-identified");
  });
  asRoot("a token ends with its domain", async () => {
    const { id, token } = await plane.make();
    await plane.ask(`/v1/domains/${id}`, { method: "DELETE" });
    expect(brief(await plane.tcp("/v1/domains/self", token))).toBe("401 not-identified");
  });
});

describe("requests that are turned away", () => {
  const cases: readonly (readonly [string, Record<string, string>, string])[] = [
    ["a host that is not ours", { host: "evil.example" }, "403 not-allowed"],
    ["a page's own name for this machine", { host: "rebound.example:80" }, "403 not-allowed"],
    ["a foreign origin", { origin: "http://evil.example" }, "403 not-allowed"],
    ["a page without an origin", { origin: "null" }, "403 not-allowed"],
    ["a foreign page", { "sec-fetch-site": "cross-site" }, "403 not-allowed"],
  ];
  for (const [what, headers, answer] of cases)
    test(what, async () => expect(brief(await plane.ask("/healthz", { headers }))).toBe(answer));
  test("on TCP another port's host", async () => {
    const headers = { host: "127.0.0.1:1" };
    expect(brief(await plane.tcp("/healthz", null, { headers }))).toBe("403 not-allowed");
  });
  test("a body that is no JSON", async () => {
    const headers = { "content-type": "text/plain" };
    expect(brief(await plane.ask("/v1/check", { body: "{}", headers }))).toBe("415 not-json");
  });
  test("a body that says it is JSON and is not", async () => {
    expect(brief(await plane.ask("/v1/check", { body: "{" }))).toBe("400 malformed");
  });
  test("a body of another shape names the member", async () => {
    const answer = await plane.ask("/v1/check", { body: { text: 1 } });
    expect(brief(answer)).toBe("400 bad-request");
    expect(answer.body.detail).toContain("text");
  });
  test("a body without end", async () => {
    const answer = await plane.ask("/v1/check", {
      body: JSON.stringify({ text: "#".repeat(17 * 1024 * 1024) }),
    });
    expect(brief(answer)).toBe("413 too-large");
  });
  test("a path that is not there", async () =>
    expect(brief(await plane.ask("/v2"))).toBe("404 not-found"));
  asRoot("a fault of ours says nothing of itself", async () => {
    plane.engine.members = () => {
      throw new Error("secret detail");
    };
    const { id } = await plane.make().catch(() => ({ id: "d1" }));
    const answer = await plane.ask(`/v1/domains/${id}`);
    expect(brief(answer)).toBe("500 fault");
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(plane.logged.join()).toContain("secret detail");
    plane.engine.members = () => [];
  });
});

asRoot(
  "a member that changes something without end is told to wait, and others are not",
  async () => {
    const { id } = await plane.make();
    const { id: other } = await plane.make();
    const add = () => plane.ask("/v1/domains/self/policies", { body: { text: "", dry_run: true } });
    plane.become(id);
    const answers: number[] = [];
    for (let i = 0; i < 40; i++) answers.push((await add()).status);
    expect(answers.slice(0, 32)).not.toContain(429);
    expect(answers.at(-1)).toBe(429);
    plane.become(other);
    expect((await add()).status).toBe(200);
  },
);

describe("changes that are asked for twice", () => {
  asRoot("with one key are done once", async () => {
    const { id } = await plane.make();
    const ask = (text: string) =>
      plane.ask(`/v1/domains/${id}/policies`, {
        body: { text },
        headers: { "idempotency-key": "k1" },
      });
    const first = await ask(more);
    const again = await ask(more);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(brief(await ask('rule other: block exec "x"'))).toBe("409 key-reused");
  });
  asRoot("a token is not told again, nor kept", async () => {
    const ask = () =>
      plane.ask("/v1/domains", { body: { name: "x" }, headers: { "idempotency-key": "k2" } });
    const first = await ask();
    const again = await ask();
    expect(again.body.domain.id).toBe(first.body.domain.id);
    expect(again.body.token).toBeNull();
    expect(JSON.stringify(plane.daemon.store.all("SELECT * FROM answers"))).not.toContain(
      first.body.token,
    );
  });
  asRoot("at a revision that has passed are refused", async () => {
    const { id } = await plane.make();
    const ask = (text: string, tag: string) =>
      plane.ask(`/v1/domains/${id}/policies`, { body: { text }, headers: { "if-match": tag } });
    const { headers } = await ask(more, '"1"');
    expect(headers.get("etag")).toBe('"2"');
    expect(brief(await ask('rule b: block exec "b"', '"1"'))).toBe("412 generation-differs");
    expect(brief(await ask('rule b: block exec "b"', "2"))).toBe("400 bad-request");
  });
});

describe("feedback", () => {
  asRoot("is waited for", async () => {
    const { id } = await plane.make();
    const waits = plane.ask(`/v1/domains/${id}/feedback?after=0&wait=30`);
    await Bun.sleep(50);
    plane.refuse(id);
    const { body } = await waits;
    expect(body.records).toMatchObject([
      { seq: 1, verdict: "blocked-before", target: "/usr/bin/git", because: "no" },
    ]);
    expect(body).toMatchObject({ next: 1, acked: 0, missed: 0, dropped: 0 });
  });
  asRoot("is explained, as words and as a picture", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    await plane.ask(`/v1/domains/${id}/feedback?wait=5`);
    const explanation = `/v1/domains/${id}/feedback/1/explanation`;
    const words = await plane.ask(explanation);
    expect(words.headers.get("content-type")).toStartWith("text/plain");
    expect(words.body).toContain("refused with EPERM, nothing happened");
    const picture = await plane.ask(`${explanation}?format=svg`);
    expect(picture.headers.get("content-type")).toBe("image/svg+xml");
    expect(picture.body).toStartWith("<svg");
    expect(brief(await plane.ask(explanation.replace("/1/", "/2/")))).toBe("404 not-found");
    expect(brief(await plane.ask(`${explanation}?format=gif`))).toBe("400 bad-request");
  });
  asRoot("comes again until it is acknowledged", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    plane.refuse(id);
    await Bun.sleep(1);
    const seqs = async () =>
      (await plane.ask(`/v1/domains/${id}/feedback`)).body.records.map(
        (r: { seq: number }) => r.seq,
      );
    expect(await seqs()).toEqual([1, 2]);
    expect(await seqs()).toEqual([1, 2]);
    await plane.ask(`/v1/domains/${id}/feedback/ack`, { body: { seq: 1 } });
    expect(await seqs()).toEqual([2]);
  });
  asRoot("a reader that leaves is forgotten", async () => {
    const { id } = await plane.make();
    const gone = new AbortController();
    const waits = plane
      .ask(`/v1/domains/${id}/feedback?after=0&wait=30`, { signal: gone.signal })
      .catch(() => null);
    await Bun.sleep(50);
    expect(plane.daemon.queue.waiters.count()).toBe(1);
    gone.abort();
    await waits;
    await Bun.sleep(50);
    expect(plane.daemon.queue.waiters.count()).toBe(0);
  });
  asRoot("streams, and goes on where a reader was", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    plane.refuse(id);
    const read = async (headers: Record<string, string>) => {
      const response = await fetch(`http://localhost/v1/domains/${id}/feedback/stream`, {
        unix: plane.socket,
        headers,
      });
      const reader = response.body?.getReader();
      const { value } = (await reader?.read()) ?? {};
      await reader?.cancel();
      return new TextDecoder().decode(value);
    };
    expect(await read({})).toContain("event: feedback");
    expect(await read({ "last-event-id": "1" })).toContain("id: 2");
  });
});

describe("questions", () => {
  test("check tells the faults of a text, and what this host does about each clause", async () => {
    const { body } = await plane.ask("/v1/check", { body: { text: 'rule r: block exec "git"' } });
    expect(body).toMatchObject({ ok: true, tier: "lsm", verdicts: [{ kind: "blocked-before" }] });
    const faulty = await plane.ask("/v1/check", { body: { text: "rule" } });
    expect(faulty.body.ok).toBe(false);
  });
  test("why judges an operation by a text", async () => {
    const body = {
      policy: { text: 'rule r: block exec "git" "push"' },
      operation: { op: "exec", argv: ["git", "push"] },
    };
    expect((await plane.ask("/v1/why", { body })).body).toMatchObject({
      effect: "block",
      matched: [{ name: "r", line: 1 }],
    });
  });
  asRoot("why judges by what holds in a domain, with the place of each rule", async () => {
    const { id } = await plane.make();
    await plane.ask(`/v1/domains/${id}/policies`, { body: { text: `\n${more}`, name: "mine" } });
    plane.become(id);
    const body = { operation: { op: "exec", argv: ["dd"] } };
    expect((await plane.ask("/v1/why", { body })).body.matched).toMatchObject([
      { name: "more", file: "mine", line: 2 },
    ]);
  });
  test("why says what it does not understand", async () => {
    const body = { policy: { text: more }, operation: { op: "connect", address: "10.0.0.0/8" } };
    expect(brief(await plane.ask("/v1/why", { body }))).toBe("400 bad-request");
    const without = { policy: { text: more }, operation: { op: "read" } };
    expect(brief(await plane.ask("/v1/why", { body: without }))).toBe("400 bad-request");
  });
  test("simulate judges a trace", async () => {
    const trace = '{"type": "exec", "pid": 2, "target": "/usr/bin/dd", "argv": ["dd"]}\n';
    const { body } = await plane.ask("/v1/simulate", { body: { policy: { text: more }, trace } });
    expect(body.steps).toMatchObject([{ effect: "block", matched: [{ name: "more" }] }]);
  });
});

describe("approvals", () => {
  asRoot("open the gate of the session, and say why they did in the audit", async () => {
    const { id } = await plane.make('rule r: block exec "git" "push" unless approved "release"');
    const body = { domain: id, name: "release", reason: "reviewed by hand" };
    const { status, body: answer } = await plane.ask("/v1/approvals", { body });
    expect([status, answer.open, answer.gates.length]).toEqual([201, true, 1]);
    expect([...plane.engine.approvals.values()]).toEqual([true]);
    const { body: audit } = await plane.ask("/v1/audit");
    expect(audit.entries.at(-1)).toMatchObject({
      action: "approved",
      domain: id,
      detail: { name: "release", reason: "reviewed by hand" },
    });
  });
  asRoot("of a name that no rule waits for are refused", async () => {
    const { id } = await plane.make();
    const body = { domain: id, name: "release" };
    expect(brief(await plane.ask("/v1/approvals", { body }))).toBe("404 not-found");
  });
});

describe("what happened", () => {
  asRoot("events of a domain, waited for", async () => {
    const { id } = await plane.make();
    const waits = plane.ask(`/v1/events?domain=${id}&wait=30`);
    await Bun.sleep(50);
    plane.refuse(id);
    const { body } = await waits;
    expect(body.events).toMatchObject([{ domain: id, type: "match", outcome: "refused" }]);
  });
  asRoot("provenance of its processes", async () => {
    const { id } = await plane.make('source A = exec "agent"\nrule r: block exec "git" if A');
    const { number, session } = plane.daemon.control.existing(id);
    plane.engine.processes.set(10, number);
    plane.engine.emit({
      type: "exec",
      domain: number,
      session: session.number,
      tgid: 10,
      ops: 1,
      labels: [0],
      first: new TextEncoder().encode("/bin/agent"),
      second: new TextEncoder().encode("agent"),
      words: 1,
    });
    const { body } = await plane.ask(`/v1/provenance?domain=${id}`);
    expect(body.processes).toMatchObject([
      {
        pid: 10,
        exe: "/bin/agent",
        script: null,
        labels: [{ label: "A", how: "exec", what: "/bin/agent", complete: true, left_out: 0 }],
      },
    ]);
    expect(body.processes[0].labels[0].hops).toMatchObject([
      { how: "exec", who: { pid: 10, exe: "/bin/agent" }, what: "/bin/agent" },
    ]);
  });
});

describe("attaching", () => {
  asRoot("says what it cannot know", async () => {
    const { id } = await plane.make();
    const child = Bun.spawn(["sleep", "60"], { stdin: "ignore" });
    const { status, body } = await plane.ask(`/v1/domains/${id}/processes`, {
      body: { pid: child.pid },
    });
    child.kill(9);
    await child.exited;
    expect(status).toBe(201);
    expect(body.members).toEqual([child.pid]);
    expect(body.unknown[0]).toMatchObject({ kind: "history" });
    expect(body.unknown).toContainEqual({
      kind: "descriptor",
      what: "/dev/null",
      text: "descriptor 0 was open already: its opening was not judged",
    });
  });
  asRoot("a domain whose process is not there is not made", async () => {
    const answer = await plane.ask("/v1/domains", { body: { name: "x", pid: 2 ** 22 + 1 } });
    expect(brief(answer)).toBe("409 process-not-there");
    expect(plane.daemon.registry.size).toBe(0);
  });
  asRoot("neither the daemon nor the first process", async () => {
    const { id } = await plane.make();
    for (const pid of [1, process.pid])
      expect(brief(await plane.ask(`/v1/domains/${id}/processes`, { body: { pid } }))).toBe(
        "403 not-allowed",
      );
  });
  asRoot("a member moves its own processes down to its children", async () => {
    const { id } = await plane.make();
    const { id: child } = await plane.make("", { parent: id });
    const { number } = plane.daemon.control.existing(id);
    const sleeper = Bun.spawn(["sleep", "60"]);
    plane.engine.processes.set(sleeper.pid, number);
    plane.become(id);
    const path = (to: string) => `/v1/domains/${to}/processes`;
    const body = { pid: sleeper.pid };
    expect(brief(await plane.ask(path(child), { body }))).toBe("201");
    // It is the child's now, and only the child's members move it.
    expect(brief(await plane.ask(path(id), { body }))).toBe("403 not-allowed");
    sleeper.kill(9);
    await sleeper.exited;
  });
});

describe("files that have several names already", () => {
  const files = ["2049:7", "2049:8"];
  const left = "there are more files than are looked at: ";
  const kept = "2 files have several names and may go by what rules said before: ";
  const noted = async (path: string, body: object) =>
    (await plane.ask(path, { body })).body.notes.map((note: string) => `${note.split(": ")[0]}: `);
  asRoot("the answer says where not all were looked at", async () => {
    plane.engine.shown = { isComplete: false, isHeeded: true, files: [] };
    expect(await noted("/v1/domains", { name: "x", policy: { text: more } })).toEqual([left]);
    expect(await noted("/v1/domains", { name: "x", dry_run: true })).toEqual([]);
  });
  asRoot("and where other names are not heeded", async () => {
    plane.engine.shown = { isComplete: true, isHeeded: false, files: ["2049:7"] };
    expect(await noted("/v1/domains", { name: "x", policy: { text: more } })).toEqual([
      "1 file has several names and may be used by any: ",
    ]);
  });
  asRoot("and where one goes by what rules of its session said before", async () => {
    plane.engine.shown = { isComplete: true, isHeeded: true, files };
    const { id } = await plane.make();
    const path = `/v1/domains/${id}/policies`;
    expect(await noted(path, { text: more })).toEqual([kept]);
    // With another session nothing was said of it.
    expect(await noted("/v1/domains", { name: "x", policy: { text: more } })).toEqual([]);
    plane.engine.shown = { isComplete: true, isHeeded: true, files: ["2049:9"] };
    expect(await noted(path, { text: 'rule other: block exec "cp"' })).toEqual([]);
    // A child without rules of its own adds nothing.
    plane.engine.shown = { isComplete: true, isHeeded: true, files: ["2049:9"] };
    expect(await noted("/v1/domains", { name: "child", parent: id })).toEqual([]);
  });
});

describe("monitoring", () => {
  test("health, readiness, version and the page need nobody", async () => {
    for (const path of ["/healthz", "/readyz", "/version", "/", "/openapi.json"])
      expect((await plane.tcp(path, null)).status).toBe(200);
  });
  asRoot("is not ready while nothing can be written", async () => {
    const { id } = await plane.make();
    const { written } = plane.daemon.store;
    plane.daemon.store.written = () => {
      throw new Error("disk full");
    };
    plane.refuse(id);
    await Bun.sleep(1);
    expect((await plane.ask("/readyz")).body).toEqual({ status: "state: disk full" });
    plane.daemon.store.written = written.bind(plane.daemon.store);
    plane.refuse(id);
    await Bun.sleep(1);
    expect((await plane.ask("/readyz")).body).toEqual({ status: "ready" });
  });
  asRoot("metrics count matches by rule and effect, with their latency", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    await Bun.sleep(1);
    const { body } = await plane.ask("/metrics");
    expect(body).toContain(
      'actplane_events_total{domain="agent",rule="no-git",effect="block",verdict="blocked-before"} 1',
    );
    expect(body).toContain("actplane_feedback_latency_seconds_count 1");
    expect(body).toContain('actplane_policy_generation{domain="d1"} 1');
    expect(body).toMatch(/^actplane_table_bytes [1-9]\d*$/m);
    expect(body).toContain('actplane_rule_enforceable{tier="lsm",verdict="blocked-before"} 1');
  });
  // By the type each counter has to be here, and by the test it has to be there.
  const counters = {
    events: 101,
    eventsLost: 102,
    checks: 103,
    matches: 104,
    refused: 105,
    killed: 106,
    strictPath: 107,
    strictArgs: 108,
    strictState: 109,
    procsFull: 110,
    objectsFull: 111,
    runsFull: 112,
    errors: 113,
    hitsFull: 114,
    untold: 115,
    unjudged: 116,
    slipped: 117,
    namesFull: 119,
    skipped: 118,
  } satisfies Counters;
  asRoot("metrics have every counter of the kernel half", async () => {
    plane.engine.counted = counters;
    const { body } = await plane.ask("/metrics");
    for (const [name, value] of Object.entries(counters))
      expect(body).toContain(`\nactplane_kernel_total{name="${name}"} ${value}\n`);
    expect(body).toContain('\nactplane_events_lost_total{where="ring"} 102\n');
  });
  asRoot("health tells operators, and nobody else, what was lost or judged strictly", async () => {
    plane.engine.counted = { matches: 7, slipped: 3, strictPath: 0 };
    expect((await plane.ask("/healthz")).body).toEqual({ status: "ok", losses: { slipped: 3 } });
    expect((await plane.tcp("/healthz", null)).body).toEqual({ status: "ok" });
  });
  test("openapi.json names every route", async () => {
    const { body } = await plane.ask("/openapi.json");
    expect(body.openapi).toBe("3.1.0");
    expect(Object.keys(body.paths).sort()).toMatchSnapshot();
    const schema = body.paths["/v1/domains"].post.requestBody.content["application/json"].schema;
    expect(JSON.stringify(schema)).toContain("inherit");
  });
});

asRoot(
  "a disk that is full is told as such, and keeps nobody from stopping the daemon",
  async () => {
    plane.daemon.store.run("PRAGMA max_page_count = 1");
    const text = `${more} because "${"x".repeat(200_000)}"`;
    const { status, body } = await plane.ask("/v1/domains", {
      body: { name: "x", policy: { text } },
    });
    expect([status, body.code]).toEqual([507, "no-room"]);
    expect((await plane.ask("/v1/domains")).body.domains).toEqual([]);
    expect(plane.logged).toEqual(["the disk that the daemon keeps its state on is full"]);
    // Until nothing at all can be written.
    const noted = () =>
      plane.daemon.control.audit.note(null, "noted", null, { why: "x".repeat(3_000) });
    for (let i = 0; i < 100; i++)
      try {
        noted();
      } catch {
        break;
      }
    expect(noted).toThrow("is full");
    expect((await plane.ask("/v1/stop", { body: { all: true } })).status).toBe(202);
    expect(plane.stopped).toEqual([{ all: true }]);
  },
);

asRoot("a daemon that is stopped answers those who wait", async () => {
  const other = await new ServedPlane().open();
  const { id } = await other.make();
  const waits = other.ask(`/v1/domains/${id}/feedback?after=0&wait=60`);
  await Bun.sleep(50);
  const closed = other.close();
  expect((await waits).status).toBe(200);
  await closed;
});

describe("a client that takes its time", () => {
  const opened = async (bytes: string, patience: { idleMs: number; bodyMs: number }) => {
    const other = new ServedPlane();
    other.patience = patience;
    await other.open();
    const socket = connect(other.socket);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    const started = performance.now();
    socket.write(bytes);
    await new Promise((resolve) => socket.once("close", resolve));
    const ms = performance.now() - started;
    await other.close();
    return { ms, text };
  };
  test("over its header is let go", async () => {
    const { ms, text } = await opened("GET / HTTP/1.1\r\nX-A: ", { idleMs: 100, bodyMs: 60_000 });
    expect(ms).toBeLessThan(10_000);
    expect(text).toBe("");
  });
  test("over its next request is let go, after the answer to the first", async () => {
    const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const { text } = await opened(request, { idleMs: 300, bodyMs: 60_000 });
    expect(text).toStartWith("HTTP/1.1 200 OK");
  });
  test("over its body is let go", async () => {
    const head = "POST /v1/check HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n";
    const request = `${head}content-length: 100\r\n\r\n{`;
    const { ms } = await opened(request, { idleMs: 60_000, bodyMs: 100 });
    expect(ms).toBeLessThan(10_000);
  });
  asRoot(
    "over reading a stream keeps nobody else waiting, and holds no records in memory",
    async () => {
      const { id } = await plane.make();
      const slow = connect(plane.socket);
      slow.pause();
      slow.write(
        `GET /v1/domains/${id}/feedback/stream?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      await Bun.sleep(50);
      let read = 0;
      const { queue } = plane.daemon;
      const before = queue.read.bind(queue);
      queue.read = (...given) => {
        read++;
        return before(...given);
      };
      for (let i = 0; i < 900; i++) plane.refuse(id);
      await Bun.sleep(300);
      const perRead = 16;
      expect(read * perRead).toBeLessThan(900);
      const { body } = await plane.ask(`/v1/domains/${id}/feedback?after=0&limit=1000`);
      expect(body.records).toHaveLength(900);
      slow.destroy();
    },
  );
});
