// `actplane events`: what the kernel half told, of one domain or all, up to now or as it comes.

import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import type { Io } from "../io.ts";
import { printable } from "../text/printable.ts";

export interface EventsArguments extends DaemonChoice {
  readonly domain?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

interface Event {
  readonly id: number;
  readonly domain: string;
  readonly time: string;
  readonly type: string;
  readonly pid: number;
  readonly ops: readonly string[];
  readonly target: string | null;
  readonly argv: readonly string[] | null;
  readonly outcome: string | null;
  readonly labels: readonly string[];
}

interface Told {
  readonly events: readonly Event[];
  readonly next: number;
}

const waitSeconds = 25;

export function events(io: Io, given: EventsArguments): Promise<number> {
  return undoneTold(io, async () => {
    const daemon = new DaemonAnswers(io, given);
    for (let after = 0; ; ) {
      const asked = new URLSearchParams({ after: `${after}`, limit: "1000" });
      if (given.domain !== undefined) asked.set("domain", given.domain);
      if (given.follow === true) asked.set("wait", `${waitSeconds}`);
      const path = `/v1/events?${asked}`;
      const answer = await daemon.ask<Told>("GET", path, undefined, 60_000);
      const told = answer.events;
      for (const event of told)
        io.stdout.write(given.json === true ? `${JSON.stringify(event)}\n` : lineOf(event));
      if (told.length === 0 && given.follow !== true) return 0;
      after = answer.next;
    }
  });
}

function lineOf({ time, domain, type, pid, ops, target, argv, outcome, labels }: Event): string {
  const what = [target ?? "", ...(argv?.slice(1) ?? [])].join(" ").slice(0, 300);
  const words = [
    time,
    domain,
    `${pid}`,
    outcome === null ? type : `${type} ${outcome}`,
    type === "match" ? ops.join(",") : "",
    what,
    labels.length === 0 ? "" : `[${labels.join(" ")}]`,
  ];
  return `${printable(words.filter((word) => word !== "").join("  "))}\n`;
}
