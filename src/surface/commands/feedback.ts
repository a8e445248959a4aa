// `actplane feedback`: the refusals of a domain, in the words that its agent is told.

import type { FeedbackRecord } from "../../runtime/feedback.ts";
import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import type { Io } from "../io.ts";
import { renderFeedback } from "../text/feedback.ts";

export interface FeedbackArguments extends DaemonChoice {
  readonly domain: string;
  readonly follow?: boolean;
  readonly ack?: boolean;
  readonly after?: number;
  readonly json?: boolean;
}

interface Told {
  readonly records: readonly FeedbackRecord[];
  readonly next: number;
  readonly missed: number;
}

const waitSeconds = 25;

export function feedback(io: Io, given: FeedbackArguments): Promise<number> {
  return undoneTold(io, async () => {
    const daemon = new DaemonAnswers(io, given);
    const path = `/v1/domains/${encodeURIComponent(given.domain)}/feedback`;
    for (let after = given.after; ; ) {
      const asked = new URLSearchParams({ limit: "100" });
      if (after !== undefined) asked.set("after", `${after}`);
      if (given.follow === true) asked.set("wait", `${waitSeconds}`);
      const answer = await daemon.ask<Told>("GET", `${path}?${asked}`, undefined, 60_000);
      if (answer.missed > 0 && given.json !== true)
        io.stderr.write(`actplane: ${answer.missed} older records were dropped\n`);
      for (const record of answer.records)
        io.stdout.write(
          given.json === true ? `${JSON.stringify(record)}\n` : `${renderFeedback(record)}\n`,
        );
      if (given.ack === true && answer.records.length > 0)
        await daemon.ask("POST", `${path}/ack`, { seq: answer.next });
      if (answer.records.length === 0 && given.follow !== true) return 0;
      after = answer.next;
    }
  });
}
