// The Model Context Protocol over HTTP, stateless: what `actplane mcp` offers, for callers that the daemon
// knows by their process or their token. Its tools ask this same API as the caller who called them.

import { Hono } from "hono";
import type { AskDaemon } from "../../daemon-client.ts";
import { remoteBackend } from "../../mcp/remote.ts";
import type { Environment } from "../environment.ts";

/** `app` is the API itself, which is asked like from outside. */
export function mcpRoutes(app: Hono<Environment>) {
  const routes = new Hono<Environment>();

  routes.all("/", async (context) => {
    const { authorization } = context.req.header();
    const ask: AskDaemon = async (method, path, body) => {
      const request = new Request(`http://actplane${path}`, {
        method,
        headers: {
          host: context.req.header("host") ?? "actplane",
          "content-type": "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        },
        signal: context.req.raw.signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const response = await app.fetch(request, context.env);
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : JSON.parse(text) };
    };
    // Large, and not needed by a daemon whom nobody asks so.
    const [{ createMcpHandler }, { mcpServer }] = await Promise.all([
      import("@modelcontextprotocol/server"),
      import("../../mcp/server.ts"),
    ]);
    const handler = createMcpHandler(() => mcpServer(remoteBackend(ask)), { maxSubscriptions: 0 });
    return handler.fetch(context.req.raw);
  });

  return routes;
}
