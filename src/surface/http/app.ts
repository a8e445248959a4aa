// The API as a function from request to response; which socket it came by is server.ts's.

import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { openAPIRouteHandler } from "hono-openapi";
import { Refusal } from "../../runtime/refusal.ts";
import { StoreFull } from "../../runtime/store.ts";
import type { Environment, Served } from "./environment.ts";
import { guardBody, guardOrigin, guardRate, secureHeaders } from "./guard.ts";
import { callerOf } from "./identity.ts";
import { notFound, problemOf } from "./problem.ts";
import { repeatable } from "./repeat.ts";
import { approvalRoutes } from "./routes/approvals.ts";
import { domainRoutes } from "./routes/domains.ts";
import { eventRoutes } from "./routes/events.ts";
import { feedbackRoutes } from "./routes/feedback.ts";
import { healthRoutes } from "./routes/health.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { mcpRoutes } from "./routes/mcp.ts";
import { policyRoutes } from "./routes/policies.ts";
import { questionRoutes } from "./routes/questions.ts";

export function buildApp(served: Served): Hono<Environment> {
  const app = new Hono<Environment>();
  app.onError((error) => {
    const isOurs = !(error instanceof Refusal) && !(error instanceof HTTPException);
    if (error instanceof StoreFull) served.log(error.message);
    else if (isOurs) served.log(`a request failed: ${error.stack ?? error.message}`);
    return problemOf(error);
  });
  app.notFound(notFound);
  app.use(secureHeaders, guardOrigin, guardBody);
  app.use(async (context, next) => {
    const authorization = context.req.header("authorization");
    context.set("caller", callerOf(context.env.way, authorization, served.daemon));
    await next();
  });
  app.use("/v1/domains/*", guardRate());
  app.use("/v1/*", repeatable(served));
  app.route("/v1/domains", domainRoutes(served));
  app.route("/v1/domains", policyRoutes(served));
  app.route("/v1/domains", feedbackRoutes(served));
  app.route("/v1/approvals", approvalRoutes(served));
  app.route("/v1", eventRoutes(served));
  app.route("/v1", questionRoutes(served));
  app.route("/hooks", hookRoutes(served));
  app.route("/mcp", mcpRoutes(app));
  app.route("/", healthRoutes(served));
  app.get(
    "/openapi.json",
    openAPIRouteHandler(app, {
      documentation: {
        openapi: "3.1.0",
        info: {
          title: "actplane",
          version: served.version,
          description:
            "Policies for AI agents on Linux: domains, rules that only tighten, feedback about refusals.",
        },
        components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      },
    }),
  );
  return app;
}
