// How a route says what it answers, for openapi.json.

import type { MiddlewareHandler } from "hono";
import { describeRoute, resolver, validator } from "hono-openapi";
import { type GenericSchema, getDotPath } from "valibot";
import { Refusal } from "../../runtime/refusal.ts";
import { problem as problemSchema } from "./schemas.ts";

/** `status`: of success. Whatever is refused is a problem. */
export function answers(
  summary: string,
  tag: string,
  status: 200 | 201 | 202 | 204,
  schema: GenericSchema | null,
): MiddlewareHandler {
  const body =
    schema === null ? {} : { content: { "application/json": { schema: resolver(schema) } } };
  return describeRoute({
    summary,
    tags: [tag],
    responses: {
      [status]: { description: "done", ...body },
      default: {
        description: "refused",
        content: { "application/problem+json": { schema: resolver(problemSchema) } },
      },
    },
  });
}

/** The body of a request, or its query. */
export function takes<Target extends "json" | "query", Schema extends GenericSchema>(
  target: Target,
  schema: Schema,
) {
  return validator(target, schema, (result) => {
    if (result.success) return;
    const [issue] = result.error as readonly { message: string; path?: unknown }[];
    const at = issue === undefined ? null : getDotPath(issue as never);
    throw new Refusal("bad-request", `${at ?? target}: ${issue?.message ?? "not understood"}`);
  });
}
