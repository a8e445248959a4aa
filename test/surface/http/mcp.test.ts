// The Model Context Protocol over HTTP: the same tools, as the caller who calls them.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Answer, ServedPlane } from "./served.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);
let plane: ServedPlane;
beforeEach(async () => {
  plane = await new ServedPlane().open();
});
afterEach(() => plane.close());

const accept = { accept: "application/json, text/event-stream" };

/** In the revision of 2026: no handshake, every request for itself. */
async function request(token: string | null, method: string, params: object = {}): Promise<Answer> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const name = (params as { name?: string; uri?: string }).name ?? (params as { uri?: string }).uri;
  return plane.tcp("/mcp", token, {
    body: { jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } },
    headers: {
      ...accept,
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name === undefined ? {} : { "mcp-name": name }),
    },
  });
}

async function call(token: string | null, name: string, given: object = {}) {
  const { body } = await request(token, "tools/call", { name, arguments: given });
  return { text: body.result.content[0].text as string, isError: body.result.isError === true };
}

asRoot("tools are listed and called in the revision of 2026", async () => {
  const { token } = await plane.make();
  const { body } = await request(token, "tools/list");
  expect(body.result.tools).toHaveLength(6);
  const why = await call(token, "why", { operation: ["exec", "git"] });
  expect(why.text).toStartWith("block: /usr/bin/git");
});

asRoot("and in the revisions before, with a handshake that leaves nothing behind", async () => {
  const { token } = await plane.make();
  const older = (method: string, params: object) =>
    plane.tcp("/mcp", token, {
      body: { jsonrpc: "2.0", id: 1, method, params },
      headers: { ...accept, "mcp-protocol-version": "2025-11-25" },
    });
  const { body } = await older("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  });
  const opened =
    typeof body === "string" ? JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? "") : body;
  expect(opened.result.protocolVersion).toBe("2025-11-25");
  expect((await older("tools/list", {})).status).toBe(200);
});

asRoot("an agent tightens its own domain, and hears why it may not loosen", async () => {
  const { id, token } = await plane.make();
  const added = await call(token, "add_policy", {
    text: 'rule more: block exec "dd"',
    name: "more",
  });
  expect(added).toMatchObject({ isError: false });
  expect(added.text).toContain('more: block exec "dd"');
  expect(plane.daemon.control.existing(id).texts).toHaveLength(2);
  const faulty = await call(token, "add_policy", { text: "rule more: blok" });
  expect(faulty.isError).toBe(true);
  expect(faulty.text).toStartWith("REFUSED (policy-faulty)");
});

asRoot("feedback is polled and acknowledged", async () => {
  const { id, token } = await plane.make();
  plane.refuse(id);
  const polled = await call(token, "poll_feedback", { wait_seconds: 5 });
  expect(polled.text).toContain("1. REFUSED");
  await call(token, "ack", { seq: 1 });
  expect((await call(token, "poll_feedback")).text).toBe("Nothing was refused since.");
});

asRoot("the policy is read as a resource", async () => {
  const { token } = await plane.make();
  const { body } = await request(token, "resources/read", { uri: "actplane:///policy" });
  expect(body.result.contents[0].text).toContain('rule no-git: block exec "git"');
});

asRoot("who has no token gets no more than anybody", async () => {
  await plane.make();
  expect((await call(null, "add_policy", { text: 'rule x: block exec "x"' })).isError).toBe(true);
  expect((await call(null, "check", { text: 'rule x: blok exec "x"' })).text).toContain("P010");
});
