// Every event of the kernel half, kept for who asks later and to know the processes again after a restart:
// a record says where a label came from although the daemon of that time is gone.

import { blankEvent, type KernelEvent } from "../kernel/kernel.ts";
import type { Store } from "./store.ts";

/** Events of one domain; some 400 bytes each. */
export const eventsMax = 20_000;
const slack = 2_000;

export interface LoggedEvent {
  readonly id: number;
  /** The domain's id. */
  readonly domain: string;
  readonly event: KernelEvent;
}

export interface EventQuery {
  /** Null: of all domains. */
  readonly domain: string | null;
  readonly after: number;
  readonly limit: number;
}

export class EventLog {
  readonly #counts = new Map<string, number>();

  constructor(private readonly store: Store) {
    const rows = store.all<{ domain: string; count: number }>(
      "SELECT domain, count(*) AS count FROM events GROUP BY domain",
    );
    for (const { domain, count } of rows) this.#counts.set(domain, count);
  }

  /** Inside of the caller's transaction. */
  append(session: number, domain: string, event: KernelEvent): void {
    this.store.run(
      "INSERT INTO events(session, domain, event) VALUES (?, ?, ?)",
      session,
      domain,
      encodeEvent(event),
    );
    const count = (this.#counts.get(domain) ?? 0) + 1;
    this.#counts.set(domain, count);
    if (count > eventsMax + slack) this.#trim(domain);
  }

  #trim(domain: string): void {
    this.store.run(
      `DELETE FROM events WHERE domain = ?1 AND id <= (
         SELECT id FROM events WHERE domain = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`,
      domain,
      eventsMax,
    );
    this.#counts.set(domain, eventsMax);
  }

  /** Oldest first. */
  read({ domain, after, limit }: EventQuery): LoggedEvent[] {
    const rows =
      domain === null
        ? this.store.all<Row>(
            "SELECT id, domain, event FROM events WHERE id > ? ORDER BY id LIMIT ?",
            after,
            limit,
          )
        : this.store.all<Row>(
            "SELECT id, domain, event FROM events WHERE domain = ? AND id > ? ORDER BY id LIMIT ?",
            domain,
            after,
            limit,
          );
    return rows.map(({ id, domain: of, event }) => ({ id, domain: of, event: decodeEvent(event) }));
  }

  /** What became of a session until now, in order. */
  *replay(session: number): Generator<KernelEvent> {
    const pageSize = 5_000;
    for (let after = 0; ; ) {
      const rows = this.store.all<Row>(
        "SELECT id, domain, event FROM events WHERE session = ? AND id > ? ORDER BY id LIMIT ?",
        session,
        after,
        pageSize,
      );
      for (const { event } of rows) yield decodeEvent(event);
      if (rows.length < pageSize) return;
      after = rows.at(-1)?.id ?? after;
    }
  }

  remove(domain: string): void {
    this.store.run("DELETE FROM events WHERE domain = ?", domain);
    const count = this.#counts.get(domain);
    this.store.onFailure(() => count !== undefined && this.#counts.set(domain, count));
    this.#counts.delete(domain);
  }
}

interface Row {
  readonly id: number;
  readonly domain: string;
  readonly event: string;
}

/** Only what differs from a blank event is written: most events have few of the members. */
export function encodeEvent(event: KernelEvent): string {
  const entries = Object.entries(event).filter(([name, value]) => !isBlank(name, value));
  return JSON.stringify(Object.fromEntries(entries), (_, value) => {
    if (typeof value === "bigint") return { [numberTag]: `${value}` };
    return value instanceof Uint8Array
      ? { [bytesTag]: Buffer.from(value).toString("base64") }
      : value;
  });
}

export function decodeEvent(text: string): KernelEvent {
  const stored = JSON.parse(text, (_, value) => {
    if (typeof value?.[numberTag] === "string") return BigInt(value[numberTag]);
    if (typeof value?.[bytesTag] !== "string") return value;
    return new Uint8Array(Buffer.from(value[bytesTag], "base64"));
  });
  return { ...blankEvent, ...stored };
}

/** What JSON has no word for. */
const [numberTag, bytesTag] = ["$number", "$bytes"];

function isBlank(name: string, value: unknown): boolean {
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return value === blankEvent[name as keyof KernelEvent];
}
