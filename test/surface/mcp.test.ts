// `actplane mcp` as an agent's harness uses it: the executable, on its standard input and output, in the
// revision with a handshake and in the one without.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Story } from "../runtime/story.ts";
import { makePlace } from "./support.ts";

setDefaultTimeout(30_000);
const tool = join(import.meta.dir, "../../dist/actplane");
const place = makePlace();
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
  place.remove();
});

place.write(
  "actplane.yaml",
  'version: 1\npolicy: |\n  rule no-push:\n    block exec "git" "push"\n    because "a person pushes"\n',
);

type Json = Record<string, unknown>;

/** Requests, one after the other, and their results by place. */
async function talk(requests: readonly Json[], socket = join(place.folder, "none")) {
  const child = Bun.spawn([tool, "mcp"], {
    cwd: place.folder,
    env: { PATH: process.env.PATH, ACTPLANE_SOCKET: socket },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = child.stdout.getReader();
  const answers: Json[] = [];
  let text = "";
  for (const [id, request] of requests.entries()) {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`);
    child.stdin.flush();
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(await new Response(child.stderr).text());
      text += new TextDecoder().decode(value);
    }
    answers.push(JSON.parse(text.slice(0, text.indexOf("\n"))));
    text = text.slice(text.indexOf("\n") + 1);
  }
  child.stdin.end();
  return { answers, code: await child.exited, err: await new Response(child.stderr).text() };
}

const initialize = {
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
};
const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const call = (name: string, given: Json = {}) => ({
  method: "tools/call",
  params: { name, arguments: given },
});

/** What a tool said, in a session of its own. */
async function said(request: Json, socket?: string) {
  const { answers } = await talk([initialize, request], socket);
  const result = answers[1]?.result as {
    content: { text: string }[];
    isError?: boolean;
    structuredContent?: Json;
  };
  return {
    text: result.content[0]?.text ?? "",
    isError: result.isError ?? false,
    data: result.structuredContent,
  };
}

describe.skipIf(!existsSync(tool))("mcp", () => {
  test("the revision with a handshake: tools, resources, and an end with the input", async () => {
    const { answers, code, err } = await talk([
      initialize,
      { method: "tools/list" },
      { method: "resources/list" },
    ]);
    const results = answers.map(({ result }) => result as Json);
    expect(results[0]).toMatchObject({
      protocolVersion: "2025-11-25",
      serverInfo: { name: "actplane" },
    });
    const names = ((results[1]?.tools ?? []) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(["check", "explain", "why", "add_policy", "poll_feedback", "ack"]);
    const uris = ((results[2]?.resources ?? []) as { uri: string }[]).map(({ uri }) => uri);
    expect(uris).toEqual(["actplane:///policy", "actplane:///feedback"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  test("the revision without one: every request for itself", async () => {
    const { answers } = await talk([
      { method: "server/discover", params: { _meta: meta } },
      { method: "tools/list", params: { _meta: meta } },
      { ...call("check"), params: { ...call("check").params, _meta: meta } },
    ]);
    const [discovered, listed, checked] = answers.map(({ result }) => result as Json);
    expect(discovered?.supportedVersions).toContain("2026-07-28");
    expect(listed?.tools).toHaveLength(6);
    expect(checked?.content).toEqual([{ type: "text", text: "no faults\n" }]);
  });

  test("check and explain need no daemon", async () => {
    expect((await said(call("check", { text: "rule r: blok exec any" }))).text).toContain(
      "did you mean `block`?",
    );
    expect((await said(call("explain"))).text).toContain("rule no-push");
  });

  test("why without a daemon is answered from the nearest policy file, and says so", async () => {
    const { text, data } = await said(call("why", { operation: ["exec", "git", "push"] }));
    expect(text).toStartWith("There is no actplane daemon that knows this process");
    expect(text).toContain("because  a person pushes");
    expect(data).toMatchObject({ effect: "block", matched: [{ name: "no-push" }] });
  });

  test("what needs the daemon says that there is none", async () => {
    for (const request of [
      call("poll_feedback"),
      call("ack", { seq: 1 }),
      call("add_policy", { text: 'rule r: block exec "x"' }),
    ]) {
      const { text, isError } = await said(request);
      expect(isError).toBe(true);
      expect(text).toStartWith("There is no actplane daemon");
    }
  });

  test("a question that makes no sense is answered, not broken", async () => {
    const { text, isError } = await said(call("why", { operation: ["exce"] }));
    expect(isError).toBe(true);
    expect(text).toStartWith("there is no operation `exce`");
  });

  test("arguments are held against their schema", async () => {
    const { answers } = await talk([initialize, call("ack", { seq: "x" }), call("why", {})]);
    for (const { result, error } of answers.slice(1) as { result?: Json; error?: Json }[])
      expect(error !== undefined || result?.isError === true).toBe(true);
  });

  // ---- with a daemon ----

  const story = new Story('rule no-push: block exec "git" "push"');
  story.exec(100, "/usr/bin/claude", ["claude"]);
  story.match(100, "exec", "/usr/bin/git", { argv: ["git", "push"], outcome: "refused" });

  function daemon(answers: Record<string, Response | (() => Response)>, asked: string[] = []) {
    const socket = join(place.folder, `daemon-${stops.length}.sock`);
    const server = Bun.serve({
      unix: socket,
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const body = await request.text();
        asked.push([request.method, `${pathname}${search}`, body].join(" ").trim());
        const answer = answers[`${request.method} ${pathname}`];
        if (answer === undefined) return Response.json({ detail: "no" }, { status: 404 });
        return typeof answer === "function" ? answer() : answer;
      },
    });
    stops.push(() => server.stop(true));
    return socket;
  }

  test("poll_feedback tells the model, ack acknowledges", async () => {
    const asked: string[] = [];
    const socket = daemon(
      {
        "GET /v1/domains/self/feedback": () => Response.json({ records: story.records, missed: 2 }),
        "POST /v1/domains/self/feedback/ack": () => Response.json({ last: 1, acked: 1 }),
      },
      asked,
    );
    const polled = await said(call("poll_feedback", { wait_seconds: 3, after: 0 }), socket);
    expect(polled.text).toContain("1. REFUSED (EPERM, nothing happened)");
    expect(polled.text).toContain("2 older records were dropped.");
    expect(polled.text).toEndWith("Acknowledge with `ack`, seq 1.");
    expect((await said(call("ack", { seq: 1 }), socket)).text).toBe("Acknowledged up to 1.");
    expect(asked).toEqual([
      "GET /v1/domains/self/feedback?after=0&wait=3",
      'POST /v1/domains/self/feedback/ack {"seq":1}',
    ]);
  });

  test("a policy that is refused is refused with its faults", async () => {
    const problem = {
      code: "policy-loosens",
      detail: "the text takes something back",
      diagnostics: [
        { code: "T001", message: "it loosens", help: null, start: { line: 1, column: 3 } },
      ],
    };
    const socket = daemon({
      "POST /v1/domains/self/policies": () => Response.json(problem, { status: 422 }),
    });
    const { text, isError } = await said(call("add_policy", { text: "x" }), socket);
    expect(isError).toBe(true);
    expect(text).toBe(
      "REFUSED (policy-loosens): the text takes something back\n  1:3 [T001] it loosens",
    );
  });

  test("a daemon that refuses is not called absent", async () => {
    const busy = () => Response.json({ code: "too-many", detail: "ask later" }, { status: 429 });
    const socket = daemon({
      "GET /v1/domains/self/feedback": busy,
      "POST /v1/domains/self/feedback/ack": busy,
      "POST /v1/why": busy,
    });
    for (const request of [
      call("poll_feedback"),
      call("ack", { seq: 1 }),
      call("why", { operation: ["exec", "x"] }),
    ])
      expect((await said(request, socket)).text).toBe("REFUSED (too-many): ask later");
  });

  test("why is asked of the domain's own policy, with names as the agent's folder has them", async () => {
    const asked: string[] = [];
    const answer = {
      effect: "none",
      operation: "x",
      verdict: null,
      matched: [],
      passed: [],
      gained: [],
      opens: [],
      makes_stale: [],
      notes: [],
    };
    const socket = daemon({ "POST /v1/why": () => Response.json(answer) }, asked);
    const { text } = await said(call("why", { operation: ["write", "new"] }), socket);
    expect(text).toBe("nothing keeps it from happening: x\n");
    const { operation } = JSON.parse(asked[0]?.slice("POST /v1/why ".length) ?? "");
    expect(operation).toEqual({ op: "write", path: join(place.folder, "new"), is_new: true });
  });
});
