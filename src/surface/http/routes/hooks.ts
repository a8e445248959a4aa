// Hooks of agent harnesses as they post them: the harness's own JSON in, its own contract out. The same
// as `actplane hooks answer`, for harnesses that call a URL.

import { Hono } from "hono";
import { answerHook, hookInput } from "../../hooks/answer.ts";
import { harnessNames } from "../../hooks/harness.ts";
import { harnesses } from "../../hooks/harnesses.ts";
import type { Environment, Served } from "../environment.ts";
import { problem } from "../problem.ts";

/** Records that one answer is made of; what is behind them comes with the next. */
const recordsMax = 100;
/** A refusal is on the disk in some milliseconds; a hook that is posted at once would be there before it. */
const failureWaitMs = 100;

export function hookRoutes({ daemon, stopping }: Served) {
  const routes = new Hono<Environment>();
  const { queue } = daemon;

  for (const name of harnessNames) {
    routes.post(`/${name}`, async (context) => {
      const input = hookInput(await context.req.json().catch(() => null));
      if (input === null)
        return problem(400, "bad-request", "the input of a hook is a JSON object");
      const caller = context.get("caller");
      // A hook that is registered where nothing is governed says nothing.
      if (caller.kind !== "member") return context.json({});
      const id = caller.domain;
      const { acked } = queue.state(id);
      if (harnesses[name].isFailure(input)) {
        const signal = AbortSignal.any([context.req.raw.signal, stopping]);
        await queue.wait(id, acked, failureWaitMs, signal);
      }
      const { records, missed } = queue.read(id, acked, recordsMax);
      const answered = answerHook(harnesses[name], input, { records, lost: missed });
      if (answered === null) return context.json({});
      queue.ack(id, answered.seq);
      return context.json(answered.body);
    });
  }

  return routes;
}
