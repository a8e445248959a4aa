// The feedback of the caller's own domain, as the daemon keeps it: what waits, and the word that it was
// told.

import type { FeedbackRecord } from "../runtime/feedback.ts";
import type { AskDaemon, Reply } from "./daemon-client.ts";
import type { Waiting } from "./hooks/answer.ts";

const queue = "/v1/domains/self/feedback";

/** With `waitSeconds` the daemon answers when there is some. */
export function askFeedback(
  ask: AskDaemon,
  after: number | null = null,
  waitSeconds = 0,
): Promise<Reply | null> {
  const asked = new URLSearchParams();
  if (after !== null) asked.set("after", `${after}`);
  if (waitSeconds > 0) asked.set("wait", `${waitSeconds}`);
  const path = asked.size === 0 ? queue : `${queue}?${asked}`;
  return ask("GET", path, undefined, waitSeconds * 1000);
}

/** Null: nobody keeps feedback for us. */
export function waitingIn(reply: Reply | null): Waiting | null {
  if (reply === null || reply.status !== 200) return null;
  const body = reply.body as { records?: readonly FeedbackRecord[]; missed?: number };
  return { records: body.records ?? [], lost: body.missed ?? 0 };
}

/** Everything up to and with `seq` was told. */
export function acknowledge(ask: AskDaemon, seq: number): Promise<Reply | null> {
  return ask("POST", `${queue}/ack`, { seq });
}
