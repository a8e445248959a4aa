// Domains: made, looked at, given processes, ended.

import { Hono } from "hono";
import type { InferOutput } from "valibot";
import { findUser } from "../../../kernel/user.ts";
import type { Caller } from "../../../runtime/caller.ts";
import { requireOperator, requireOwn } from "../../../runtime/caller.ts";
import type { Daemon } from "../../../runtime/daemon.ts";
import type { LaunchRequest } from "../../../runtime/membership.ts";
import { Refusal } from "../../../runtime/refusal.ts";
import { withDescendants } from "../../../runtime/registry.ts";
import { diagnosticsJson } from "../../text/diagnostic.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { attachedJson, domainJson, verdictsJson } from "../views.ts";

type NewDomainBody = InferOutput<typeof schemas.newDomain>;

export function domainRoutes({ daemon }: Served) {
  const routes = new Hono<Environment>();
  const { control, membership, registry } = daemon;

  routes.post(
    "/",
    answers("Make a domain, and launch or attach a process", "domains", 201, schemas.madeView),
    takes("json", schemas.newDomain),
    async (context) => {
      const caller = context.get("caller");
      const body = context.req.valid("json");
      if (body.pid !== undefined && body.argv !== undefined)
        throw new Refusal("bad-request", "a domain is begun with `pid` or with `argv`, not both");
      if (body.argv !== undefined) requireOperator(caller, "have the daemon launch commands");
      const { user, home } = userOf(body);
      const made = await control.createDomain(caller, {
        name: body.name,
        parent: body.parent,
        policy: body.policy && { ...body.policy, policyDomain: body.policy.domain },
        disable: body.disable,
        workspace: body.workspace,
        home,
        degraded: body.degraded,
        dryRun: body.dry_run,
      });
      const { domain, token, verdicts, diagnostics, notes } = made;
      const common = {
        schema_version: 1 as const,
        verdicts: verdictsJson(verdicts),
        diagnostics: [...diagnosticsJson(diagnostics).diagnostics],
        notes: [...notes],
      };
      if (body.dry_run)
        return context.json({ ...common, domain: null, token: null, process: null }, 200);
      const process = await begin(daemon, caller, domain.id, body, user).catch(async (failure) => {
        // What it was made for does not run: nobody knows of it, and nothing is in it.
        await control.discard(domain.id);
        throw failure;
      });
      const answer = { ...common, domain: domainJson(domain, daemon), token, process };
      return context.json(answer, 201, {
        location: `/v1/domains/${domain.id}`,
        etag: etagOf(domain.revision),
      });
    },
  );

  routes.get("/", answers("Domains", "domains", 200, schemas.domainsView), (context) => {
    const caller = context.get("caller");
    if (caller.kind === "anyone") requireOperator(caller, "list domains");
    const seen =
      caller.kind === "member"
        ? withDescendants(control.existing(caller.domain))
        : [...registry.domains];
    return context.json({
      schema_version: 1 as const,
      domains: seen.map((domain) => domainJson(domain, daemon)),
    });
  });

  routes.get("/:id", answers("One domain", "domains", 200, schemas.domainView), (context) => {
    const id = idOf(context.req.param("id"), context.get("caller"), daemon);
    requireOwn(context.get("caller"), id, "look at it");
    const domain = control.existing(id);
    return context.json(domainJson(domain, daemon), 200, { etag: etagOf(domain.revision) });
  });

  routes.delete(
    "/:id",
    answers("End a domain and those below it", "domains", 204, null),
    takes("query", schemas.endQuery),
    async (context) => {
      const caller = context.get("caller");
      requireOperator(caller, "end a domain");
      const id = idOf(context.req.param("id"), caller, daemon);
      if (context.req.valid("query").kill) await membership.killAll(caller, id);
      await control.endDomain(caller, id);
      return context.body(null, 204);
    },
  );

  routes.post(
    "/:id/processes",
    answers("Attach a process that runs", "domains", 201, schemas.processView),
    takes("json", schemas.newProcess),
    (context) => {
      const caller = context.get("caller");
      const { pid } = context.req.valid("json");
      return context.json(
        attachedJson(membership.attach(caller, idOf(context.req.param("id"), caller, daemon), pid)),
        201,
      );
    },
  );

  routes.post(
    "/:id/launches",
    answers("Launch a command", "domains", 201, schemas.processView),
    takes("json", schemas.launch),
    async (context) => {
      const body = context.req.valid("json");
      const caller = context.get("caller");
      requireOperator(caller, "have the daemon launch commands");
      const id = idOf(context.req.param("id"), caller, daemon);
      const process = await begin(daemon, caller, id, body, userOf(body).user);
      return context.json(process ?? undefined, 201);
    },
  );

  return routes;
}

/** `self` is the domain of the member who asks. For an operator a name does where only one domain has it. */
export function idOf(id: string, caller: Caller, { registry }: Daemon): string {
  if (id === "self") {
    if (caller.kind === "member") return caller.domain;
    throw new Refusal("not-found", "`self` is for members of a domain, and the caller is in none");
  }
  if (caller.kind !== "operator" || registry.get(id) !== null) return id;
  const [first, ...others] = registry.named(id);
  if (first === undefined) return id;
  if (others.length === 0) return first.id;
  const ids = [first, ...others].map((each) => each.id).join(", ");
  throw new Refusal("not-found", `${others.length + 1} domains are called ${id}: ${ids}`);
}

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

function userOf(body: Pick<NewDomainBody, "user" | "home">) {
  if (body.user === undefined) return { user: null, home: body.home };
  const user = findUser(body.user);
  if (user === null) throw new Refusal("bad-request", `there is no user \`${body.user}\``);
  return { user, home: body.home ?? user.home };
}

type Begin = Pick<NewDomainBody, "argv" | "cwd" | "env" | "output" | "pid">;

/** Its first process; null: it is begun without one. */
async function begin(
  daemon: Daemon,
  caller: Caller,
  id: string,
  body: Begin,
  user: ReturnType<typeof userOf>["user"],
) {
  const { membership } = daemon;
  if (body.pid === undefined && body.argv === undefined) return null;
  if (body.pid !== undefined) return attachedJson(membership.attach(caller, id, body.pid));
  const { pid } = await membership.launch(caller, id, launchOf(body, user));
  const members = daemon.engine.members(daemon.control.existing(id).number);
  return { pid, members, unknown: [], more: 0 };
}

function launchOf(
  { argv = [], cwd, env, output }: Begin,
  user: ReturnType<typeof userOf>["user"],
): LaunchRequest {
  const home = user?.home ?? "/root";
  const name = user?.name ?? "root";
  const environment = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    USER: name,
    LOGNAME: name,
    ...env,
  };
  return { argv, cwd: cwd ?? home, environment, identity: user, output: output ?? null };
}
