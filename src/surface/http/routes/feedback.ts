// The feedback of a domain: read now, waited for, streamed, acknowledged.

import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { requireOwn } from "../../../runtime/caller.ts";
import { Refusal } from "../../../runtime/refusal.ts";
import { drawings } from "../../drawings.ts";
import { explainedRecord } from "../../explained.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { idOf } from "./domains.ts";

/** Readers of one domain that wait at once. */
const waitingMax = 1_024;
/** A stream that has nothing to say says so, which also finds a reader that is gone. */
const heartbeatMs = 15_000;

export function feedbackRoutes({ daemon, stopping }: Served) {
  const routes = new Hono<Environment>();
  const { control, queue } = daemon;

  /** The id of the domain that the path names, whose feedback the caller may have. */
  const ownDomain = (context: Context<Environment>, what: string): string => {
    const caller = context.get("caller");
    const id = idOf(context.req.param("id") ?? "self", caller, daemon);
    requireOwn(caller, id, what);
    control.existing(id);
    return id;
  };
  const requireRoom = (id: string) => {
    if (queue.waiters.count(id) >= waitingMax)
      throw new Refusal("too-many", `${waitingMax} readers wait for this domain already`);
  };

  routes.get(
    "/:id/feedback",
    answers("Refusals, waiting for the next with `wait`", "feedback", 200, schemas.feedbackView),
    takes("query", schemas.feedbackQuery),
    async (context) => {
      const id = ownDomain(context, "read its feedback");
      const { wait, limit, after: given } = context.req.valid("query");
      const after = given ?? queue.state(id).acked;
      if (wait > 0 && queue.state(id).last <= after) {
        requireRoom(id);
        const signal = AbortSignal.any([context.req.raw.signal, stopping]);
        await queue.wait(id, after, wait * 1000, signal);
      }
      const { records, next, missed } = queue.read(id, after, limit);
      const { acked, dropped } = queue.state(id);
      return context.json({
        schema_version: 1 as const,
        records: [...records],
        next,
        acked,
        missed,
        dropped,
        lost: daemon.lost(),
      });
    },
  );

  routes.get(
    "/:id/feedback/stream",
    answers("Refusals as server-sent events; `Last-Event-ID` goes on", "feedback", 200, null),
    takes("query", schemas.feedbackQuery),
    (context) => {
      const id = ownDomain(context, "read its feedback");
      requireRoom(id);
      const { after: given, limit } = context.req.valid("query");
      const last = context.req.header("last-event-id");
      const resumed = last !== undefined && /^\d{1,15}$/.test(last) ? Number(last) : undefined;
      let after = resumed ?? given ?? queue.state(id).acked;
      return streamSSE(context, async (stream) => {
        const gone = new AbortController();
        stream.onAbort(() => gone.abort());
        const signal = AbortSignal.any([gone.signal, stopping]);
        while (!signal.aborted && daemon.registry.get(id) !== null) {
          // Read again for every reader and in small pieces: a slow one holds no records in memory.
          const { records, missed, next } = queue.read(id, after, Math.min(limit, 16));
          if (missed > 0)
            await stream.writeSSE({ event: "missed", data: JSON.stringify({ missed }) });
          for (const record of records)
            await stream.writeSSE({
              id: String(record.seq),
              event: "feedback",
              data: JSON.stringify(record),
            });
          after = next;
          if (records.length > 0) continue;
          await queue.wait(id, after, heartbeatMs, signal);
          if (queue.state(id).last <= after && !signal.aborted) await stream.write(": waiting\n\n");
        }
      });
    },
  );

  routes.get(
    "/:id/feedback/:seq{\\d{1,15}}/explanation",
    answers("The whole story of one refusal, as text or as a picture", "feedback", 200, null),
    takes("query", schemas.explainQuery),
    (context) => {
      const id = ownDomain(context, "read its feedback");
      const seq = Number(context.req.param("seq"));
      const [record] = queue.read(id, seq - 1, 1).records;
      if (record?.seq !== seq)
        throw new Refusal("not-found", `there is no record ${seq}, or it is no longer kept`);
      const { format } = context.req.valid("query");
      const type = format === "svg" ? "image/svg+xml" : "text/plain; charset=utf-8";
      return context.body(drawings[format](explainedRecord(record)), 200, { "content-type": type });
    },
  );

  routes.post(
    "/:id/feedback/ack",
    answers("Everything up to `seq` was read and acted on", "feedback", 200, schemas.ackView),
    takes("json", schemas.ack),
    (context) => {
      const id = ownDomain(context, "acknowledge its feedback");
      const { last, acked, dropped } = queue.ack(id, context.req.valid("json").seq);
      return context.json({ schema_version: 1 as const, last, acked, dropped });
    },
  );

  return routes;
}
