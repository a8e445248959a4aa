// What is turned away before anybody looks at it: browsers led here by a foreign page, bodies that are no JSON.

import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { Buckets } from "../../runtime/buckets.ts";
import { Refusal } from "../../runtime/refusal.ts";
import type { Environment } from "./environment.ts";
import { problem } from "./problem.ts";

const bodyBytesMax = 16 * 1024 * 1024;

/** Names that mean this machine; a page that has its own name resolve to 127.0.0.1 has another one. */
const hosts: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]", "actplane"]);

/** Nothing we answer is for a page of another origin, whatever its browser is told. */
export const guardOrigin: MiddlewareHandler<Environment> = async (context, next) => {
  const { way } = context.env;
  const host = context.req.header("host") ?? "";
  const [, name = "", port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  const isOurs = hosts.has(name.toLowerCase());
  const isOurPort = way.kind === "socket" || Number(port ?? 80) === way.port;
  if (!isOurs || !isOurPort) return problem(403, "not-allowed", `the host \`${host}\` is not ours`);
  const origin = context.req.header("origin");
  if (origin !== undefined && origin !== `http://${host}`)
    return problem(403, "not-allowed", `the origin \`${origin}\` is not ours`);
  const site = context.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return problem(403, "not-allowed", "a page of another site asked");
  return next();
};

/** A form of a foreign page is no JSON either. */
export const guardBody: MiddlewareHandler<Environment> = async (context, next) => {
  const { method } = context.req;
  if (method === "GET" || method === "HEAD" || method === "DELETE") return next();
  const type = context.req.header("content-type") ?? "";
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type))
    return problem(415, "not-json", "a body is `application/json`");
  return limit(context, next);
};

const limit = bodyLimit({
  maxSize: bodyBytesMax,
  onError: () => problem(413, "too-large", `a body has at most ${bodyBytesMax} bytes`),
});

/** What a member changes is compiled while all else waits. Acknowledging compiles nothing. */
export function guardRate(): MiddlewareHandler<Environment> {
  const changes = new Buckets({ perSecond: 2, burst: 32 });
  return async (context, next) => {
    const caller = context.get("caller");
    const { method, path } = context.req;
    const isChange = method === "POST" && !path.endsWith("/ack");
    if (caller.kind === "member" && isChange && !changes.take(caller.domain))
      throw new Refusal("too-many", "a member changes something twice a second");
    return next();
  };
}

export const secureHeaders: MiddlewareHandler<Environment> = async (context, next) => {
  await next();
  context.header("x-content-type-options", "nosniff");
  context.header("cache-control", "no-store");
  context.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
};
