// What went wrong, as application/problem+json (RFC 9457): a stable code, the status, a sentence, and of
// policies every fault with its place.

import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { Refusal, type RefusalCode } from "../../runtime/refusal.ts";
import { StoreFull } from "../../runtime/store.ts";
import { diagnosticsJson } from "../text/diagnostic.ts";
import { printable } from "../text/printable.ts";
import { type ClauseVerdict, verdictJson } from "../text/verdicts.ts";

const statuses = {
  "bad-request": 400,
  "not-identified": 401,
  "not-allowed": 403,
  "not-found": 404,
  "domain-ended": 410,
  "domain-in-use": 409,
  "generation-differs": 412,
  "key-reused": 409,
  "policy-faulty": 422,
  "policy-loosens": 422,
  "policy-weak-here": 422,
  "policy-too-large": 413,
  "no-room": 507,
  "process-not-there": 409,
  "process-elsewhere": 409,
  "launch-failed": 422,
  "too-many": 429,
  unavailable: 503,
} as const satisfies Record<RefusalCode, number>;

/** Codes that are the wire's own. */
const wireTitles: Readonly<Record<number, string>> = {
  400: "malformed",
  404: "not-found",
  408: "too-slow",
  413: "too-large",
  415: "not-json",
  431: "too-large",
};

export function problemOf(error: unknown): Response {
  if (error instanceof Refusal) return refusalProblem(error);
  if (error instanceof StoreFull) return problem(statuses["no-room"], "no-room", error.message);
  if (error instanceof HTTPException)
    return problem(error.status, wireTitles[error.status] ?? "malformed", error.message);
  // What it was is for the log: a stranger gets no line of our source.
  return problem(500, "fault", "this is a fault of actplane; its log says more");
}

function refusalProblem({ code, message, diagnostics, facts }: Refusal): Response {
  const { weak, ...rest } = facts;
  return problem(statuses[code], code, message, {
    ...(diagnostics.length === 0 ? {} : { diagnostics: diagnosticsJson(diagnostics).diagnostics }),
    ...(Array.isArray(weak) ? { weak: (weak as ClauseVerdict[]).map(verdictJson) } : {}),
    ...rest,
  });
}

export function problem(
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): Response {
  const body = {
    type: `urn:actplane:problem:${code}`,
    code,
    title: code.replaceAll("-", " "),
    status,
    detail: printable(detail),
    ...more,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(status === 429 ? { "retry-after": "1" } : {}),
    },
  });
}

export function notFound(context: Context): Response {
  return problem(404, "not-found", `there is no ${context.req.method} ${context.req.path}`);
}
