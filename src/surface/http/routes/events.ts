// What happened: events of the kernel half, changes by people and agents, and where labels came from.

import { Hono } from "hono";
import type { Caller } from "../../../runtime/caller.ts";
import { requireOperator, requireOwn } from "../../../runtime/caller.ts";
import type { LoggedEvent } from "../../../runtime/event-log.ts";
import { acquiredBy } from "../../../runtime/feedback.ts";
import { policyAt } from "../../../runtime/intake.ts";
import { chainOfProcess } from "../../../runtime/provenance.ts";
import { Refusal } from "../../../runtime/refusal.ts";
import { eventJson } from "../../text/event.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { idOf } from "./domains.ts";

/** Readers of events that wait at once; each wakes for every event. */
const waitingMax = 64;

export function eventRoutes({ daemon, stopping }: Served) {
  const routes = new Hono<Environment>();
  const { control, eventLog, eventWaiters } = daemon;

  routes.get(
    "/events",
    answers("Events, waiting for the next with `wait`", "events", 200, schemas.eventsView),
    takes("query", schemas.eventsQuery),
    async (context) => {
      const { domain: asked, after = 0, wait, limit } = context.req.valid("query");
      const domain = scopeOf(context.get("caller"), asked);
      const read = () => eventLog.read({ domain, after, limit });
      let entries = read();
      if (entries.length === 0 && wait > 0) {
        if (eventWaiters.count() >= waitingMax)
          throw new Refusal("too-many", `${waitingMax} readers wait for events already`);
        const signal = AbortSignal.any([context.req.raw.signal, stopping]);
        await eventWaiters.wait(domain ?? "*", wait * 1000, signal);
        entries = read();
      }
      return context.json({
        schema_version: 1 as const,
        events: entries.map(entryJson),
        next: entries.at(-1)?.id ?? after,
      });
    },
  );

  routes.get(
    "/audit",
    answers("Who changed what, and why", "events", 200, schemas.auditView),
    takes("query", schemas.eventsQuery),
    (context) => {
      requireOperator(context.get("caller"), "read the audit");
      const { domain, after = 0, limit } = context.req.valid("query");
      const entries = daemon.control.audit.after(domain ?? null, after, limit);
      return context.json({
        schema_version: 1 as const,
        entries,
        next: entries.at(-1)?.id ?? after,
      });
    },
  );

  routes.get(
    "/provenance",
    answers(
      "Processes of a session and where their labels came from",
      "events",
      200,
      schemas.answerView,
    ),
    takes("query", schemas.provenanceQuery),
    (context) => {
      const caller = context.get("caller");
      const { domain: asked, pid } = context.req.valid("query");
      const id = idOf(asked, caller, daemon);
      requireOwn(caller, id, "read its provenance");
      const domain = control.existing(id);
      const { processes } = daemon.intake.history(domain.session);
      // A member sees its own processes, and of their ancestors what its records tell anyway.
      const members = pid === undefined ? daemon.engine.members(domain.number) : [pid];
      const own = members.filter((each) => daemon.engine.domainOf(each) === domain.number);
      const clock = daemon.clock();
      const nodes = own.slice(0, 1_000).flatMap((each) => {
        const process = processes.get(each);
        if (process === null) return [];
        return [
          {
            pid: each,
            parent: process.parent,
            exe: process.program,
            script: process.script,
            argv: process.argv,
            started: clock.iso(process.startedNs),
            ancestry: processes
              .ancestors(each)
              .map(({ tgid, program }) => ({ pid: tgid, exe: program })),
            labels: [...process.acquired.values()].flatMap((origin) => {
              const label = domain.session.numbering.labels[origin.label];
              if (label === undefined || label.hidden) return [];
              const chain = chainOfProcess(each, origin.label, processes, clock);
              return [acquiredBy(label.name, origin, chain, clock)];
            }),
          },
        ];
      });
      return context.json({ schema_version: 1 as const, processes: nodes });
    },
  );

  /** Operators see all; a member its own domain. */
  const scopeOf = (caller: Caller, asked: string | undefined): string | null => {
    if (caller.kind === "operator" && asked === undefined) return null;
    const id = idOf(asked ?? "self", caller, daemon);
    requireOwn(caller, id, "read its events");
    return id;
  };

  const entryJson = ({ id, domain, event }: LoggedEvent) => {
    const state = daemon.registry.get(domain);
    const compiled = state?.compiled == null ? null : policyAt(state, event);
    const { tier } = daemon.engine;
    return { id, domain, ...eventJson(event, { compiled, clock: daemon.clock(), tier }) };
  };

  return routes;
}
