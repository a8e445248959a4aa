// What monitoring asks, and a small page.

import { Hono } from "hono";
import { requireOperator } from "../../../runtime/caller.ts";
import { lossesOf } from "../../text/losses.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import { metricsText } from "../metrics.ts";
import { pageText } from "../page.ts";
import * as schemas from "../schemas.ts";

export function healthRoutes({ daemon, version, stop, stopping, log }: Served) {
  const routes = new Hono<Environment>();

  routes.get("/", (context) => context.html(pageText(daemon, version)));

  routes.get(
    "/healthz",
    answers("It answers; to operators with what went wrong", "health", 200, schemas.healthView),
    (context) =>
      context.json(
        context.get("caller").kind === "operator"
          ? { status: "ok", losses: lossesOf(daemon.engine.counters()) }
          : { status: "ok" },
      ),
  );

  routes.get(
    "/readyz",
    answers("Programs are attached, and state can be written", "health", 200, schemas.healthView),
    (context) => {
      if (stopping.aborted) return context.json({ status: "stopping" }, 503);
      const { failure } = daemon.intake;
      if (failure !== null) return context.json({ status: `state: ${failure}` }, 503);
      return context.json({ status: "ready" });
    },
  );

  routes.get("/version", answers("Version", "health", 200, schemas.versionView), (context) =>
    context.json({ schema_version: 1 as const, version, tier: daemon.engine.tier }),
  );

  routes.get("/metrics", (context) => {
    // Names of rules and domains: for operators, and over TCP for nobody.
    requireOperator(context.get("caller"), "read the metrics");
    return context.text(metricsText(daemon), 200, { "content-type": "text/plain; version=0.0.4" });
  });

  routes.post(
    "/v1/stop",
    answers("End the daemon; with `all` the rules as well", "health", 202, schemas.healthView),
    takes("json", schemas.stop),
    async (context) => {
      const caller = context.get("caller");
      requireOperator(caller, "stop the daemon");
      const { all, kill } = context.req.valid("json");
      try {
        daemon.control.audit.note(caller, "stopped", null, { all, kill });
      } catch (failure) {
        // A full disk is no reason to go on against the operator's word.
        log(`the audit does not tell of this stop: ${failure}`);
      }
      if (kill) {
        const roots = [...daemon.registry.domains].filter(({ parent }) => parent === null);
        for (const { id } of roots) await daemon.membership.killAll(caller, id);
      }
      stop({ all });
      return context.json({ status: "stopping" }, 202);
    },
  );

  return routes;
}
