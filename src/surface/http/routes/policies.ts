// The texts of a domain: added by its members and operators, taken away by operators.

import { Hono } from "hono";
import { requireOwn } from "../../../runtime/caller.ts";
import { Refusal } from "../../../runtime/refusal.ts";
import { diagnosticsJson } from "../../text/diagnostic.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { textJson, verdictsJson } from "../views.ts";
import { etagOf, idOf } from "./domains.ts";

export function policyRoutes({ daemon }: Served) {
  const routes = new Hono<Environment>();
  const { control } = daemon;

  routes.get(
    "/:id/policies",
    answers("What holds in a domain", "policies", 200, schemas.policiesView),
    (context) => {
      const caller = context.get("caller");
      const id = idOf(context.req.param("id"), caller, daemon);
      requireOwn(caller, id, "read its policies");
      const domain = control.existing(id);
      return context.json(
        {
          schema_version: 1 as const,
          id,
          revision: domain.revision,
          policies: domain.texts.map((text) => textJson(text, true)),
          verdicts: verdictsJson(control.verdictsOf(domain.compiled)),
        },
        200,
        { etag: etagOf(domain.revision) },
      );
    },
  );

  routes.post(
    "/:id/policies",
    answers("Add rules: a text only tightens", "policies", 201, schemas.changedView),
    takes("json", schemas.newText),
    async (context) => {
      const caller = context.get("caller");
      const id = idOf(context.req.param("id"), caller, daemon);
      const body = context.req.valid("json");
      const { domain, verdicts, diagnostics, notes } = await control.addText(
        caller,
        id,
        { name: body.name, text: body.text, policyDomain: body.domain },
        {
          dryRun: body.dry_run,
          degraded: body.degraded,
          ifRevision: revisionOf(context.req.header("if-match")),
        },
      );
      return context.json(
        {
          schema_version: 1 as const,
          id: domain.id,
          policy: body.dry_run ? null : (domain.texts.at(-1)?.id ?? null),
          revision: domain.revision,
          generation: domain.generation,
          verdicts: verdictsJson(verdicts),
          diagnostics: [...diagnosticsJson(diagnostics).diagnostics],
          notes: [...notes],
        },
        body.dry_run ? 200 : 201,
        { etag: etagOf(domain.revision) },
      );
    },
  );

  routes.delete(
    "/:id/policies/:text",
    answers("Take a text away", "policies", 204, null),
    async (context) => {
      const text = Number(context.req.param("text"));
      await control.removeText(context.get("caller"), context.req.param("id"), text);
      return context.body(null, 204);
    },
  );

  return routes;
}

/** Of `If-Match`: the ETag of the domain, or any. */
function revisionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const revision = /^"(\d{1,15})"$/.exec(header.trim())?.[1];
  if (revision === undefined)
    throw new Refusal("bad-request", 'If-Match: one ETag of the domain, as `"3"`');
  return Number(revision);
}
