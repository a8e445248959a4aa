// `Idempotency-Key`: a request that is sent again, because its answer was lost, is answered again and not done
// again. Answers are kept a day. A token is told once: the repeated answer does not have it.

import { createHash } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { Caller } from "../../runtime/caller.ts";
import { Refusal } from "../../runtime/refusal.ts";
import type { Environment, Served } from "./environment.ts";

interface Answer {
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

const keptMs = 24 * 3600 * 1000;

export function repeatable({ daemon }: Served): MiddlewareHandler<Environment> {
  const { store } = daemon;
  const underWay = new Set<string>();
  return async (context, next) => {
    const key = context.req.header("idempotency-key");
    if (key === undefined || context.req.method !== "POST") return next();
    if (!/^[\x21-\x7e]{1,128}$/.test(key))
      throw new Refusal("bad-request", "Idempotency-Key: 1 to 128 visible characters");
    const caller = ownerOf(context.get("caller"));
    const request = createHash("sha256")
      .update(`${context.req.path}\n${await context.req.text()}`)
      .digest("hex");
    const before = store.one<Answer>(
      "SELECT request, status, body FROM answers WHERE caller = ? AND key = ?",
      caller,
      key,
    );
    if (before !== null) {
      if (before.request !== request)
        throw new Refusal("key-reused", "the key was used for another request");
      return new Response(before.body, {
        status: before.status,
        headers: { "content-type": "application/json", "idempotent-replayed": "true" },
      });
    }
    const name = `${caller} ${key}`;
    if (underWay.has(name))
      throw new Refusal("key-reused", "a request of this key is still under way");
    underWay.add(name);
    try {
      await next();
      const { status } = context.res;
      if (status >= 200 && status < 300)
        keep(
          store,
          caller,
          key,
          { request, status, body: await withoutToken(context.res) },
          daemon,
        );
    } finally {
      underWay.delete(name);
    }
  };
}

function keep(
  store: Served["daemon"]["store"],
  caller: string,
  key: string,
  { request, status, body }: Answer,
  daemon: Served["daemon"],
): void {
  const passed = new Date(daemon.options.epochMs() - keptMs).toISOString();
  store.transaction(() => {
    store.run("DELETE FROM answers WHERE time < ?", passed);
    store.run(
      "INSERT OR REPLACE INTO answers(caller, key, request, status, body, time) VALUES (?, ?, ?, ?, ?, ?)",
      caller,
      key,
      request,
      status,
      body,
      daemon.now(),
    );
  });
}

async function withoutToken(response: Response): Promise<string> {
  const body: unknown = await response.clone().json();
  return JSON.stringify(body, (name, value) => (name === "token" ? null : value));
}

/** Operators share their keys; a domain has its own. */
function ownerOf(caller: Caller): string {
  return caller.kind === "member" ? caller.domain : caller.kind;
}
