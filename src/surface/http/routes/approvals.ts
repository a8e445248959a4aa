// Approvals: an operator's word that opens or closes the gate of `unless approved "NAME"`.

import { Hono } from "hono";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { idOf } from "./domains.ts";

export function approvalRoutes({ daemon }: Served) {
  const routes = new Hono<Environment>();

  routes.post(
    "/",
    answers("Open or close an approval gate", "approvals", 201, schemas.approvalView),
    takes("json", schemas.approval),
    (context) => {
      const caller = context.get("caller");
      const { domain, name, open, reason } = context.req.valid("json");
      const gates = daemon.control.approve(
        caller,
        idOf(domain, caller, daemon),
        name,
        open,
        reason ?? null,
      );
      return context.json({ schema_version: 1 as const, name, open, gates }, 201);
    },
  );

  return routes;
}
