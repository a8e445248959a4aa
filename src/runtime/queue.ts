// The feedback of each domain as a durable queue: numbered without gaps, read any number of times, forgotten
// from its oldest end. Waiting readers are woken when a record is written, never before.
//
// INVARIANT: what a reader was given, or what lies between the last acknowledged and the last record, is lost
// only where `dropped` says so: a queue holds `recordsMax`, and drops its oldest.

import type { FeedbackRecord } from "./feedback.ts";
import type { Store } from "./store.ts";
import { Waiters } from "./waiters.ts";

/** Records of one domain. At most some 4 KB each: 16 MB of disk for a domain whose agent never reads. */
export const recordsMax = 4096;
/** Trimmed when so many are over, so that a full queue costs one delete in many. */
const slack = 256;

export interface QueueState {
  /** Number of the last record; 0: none yet. */
  readonly last: number;
  /** Everything up to here was acknowledged. */
  readonly acked: number;
  /** Records that were dropped before anybody acknowledged them. */
  readonly dropped: number;
}

export interface Batch {
  readonly records: readonly FeedbackRecord[];
  /** What to ask for next: `after`. */
  readonly next: number;
  /** Records after `after` that are no longer there. */
  readonly missed: number;
}

interface Queue extends QueueState {
  /** Number of the first record that is still there, less one. */
  readonly cut: number;
}

const empty: Queue = { last: 0, acked: 0, dropped: 0, cut: 0 };

export class FeedbackQueue {
  readonly #queues = new Map<string, Queue>();
  /** The last number given out, where records wait to be written. */
  readonly #reserved = new Map<string, number>();
  /** By domain. */
  readonly waiters = new Waiters();

  constructor(private readonly store: Store) {
    const rows = store.all<QueueState & { domain: string; first: number | null }>(
      `SELECT queues.*, (SELECT min(seq) FROM feedback WHERE feedback.domain = queues.domain) AS first FROM queues`,
    );
    for (const { domain, last, acked, dropped, first } of rows)
      this.#queues.set(domain, { last, acked, dropped, cut: (first ?? last + 1) - 1 });
  }

  state(domain: string): QueueState {
    return this.#queues.get(domain) ?? empty;
  }

  /** The number of the domain's next record, which is then written with it or not at all. */
  reserve(domain: string): number {
    const seq = (this.#reserved.get(domain) ?? this.state(domain).last) + 1;
    this.#reserved.set(domain, seq);
    return seq;
  }

  /** Inside of the caller's transaction; `wake` follows when it is committed. All or none of them are written. */
  append(records: readonly { readonly domain: string; readonly record: FeedbackRecord }[]): void {
    const changed = new Map<string, Queue>();
    for (const { domain, record } of records) {
      const queue = changed.get(domain) ?? this.#queues.get(domain) ?? empty;
      this.store.run(
        "INSERT INTO feedback(domain, seq, record) VALUES (?, ?, ?)",
        domain,
        record.seq,
        JSON.stringify(record),
      );
      changed.set(domain, this.#trimmed(domain, { ...queue, last: record.seq }));
    }
    for (const [domain, queue] of changed) this.#write(domain, queue);
    for (const [domain, queue] of changed) this.#queues.set(domain, queue);
  }

  /** Drops the oldest beyond the limit, the acknowledged ones without a word. */
  #trimmed(domain: string, queue: Queue): Queue {
    if (queue.last - queue.cut <= recordsMax + slack) return queue;
    const cut = queue.last - recordsMax;
    this.store.run("DELETE FROM feedback WHERE domain = ? AND seq <= ?", domain, cut);
    const unread = Math.max(0, cut - Math.max(queue.cut, queue.acked));
    return { ...queue, cut, dropped: queue.dropped + unread };
  }

  /** Inside of the caller's transaction: so many records of the domain were not even made. */
  addDropped(domain: string, count: number): void {
    const queue = this.#queues.get(domain) ?? empty;
    const changed = { ...queue, dropped: queue.dropped + count };
    this.#write(domain, changed);
    this.#queues.set(domain, changed);
  }

  #write(domain: string, { last, acked, dropped }: Queue): void {
    this.store.run(
      `INSERT INTO queues(domain, last, acked, dropped) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT(domain) DO UPDATE SET last = ?2, acked = ?3, dropped = ?4`,
      domain,
      last,
      acked,
      dropped,
    );
  }

  /** Records after `after`, oldest first. */
  read(domain: string, after: number, limit: number): Batch {
    const { last, cut } = this.#queues.get(domain) ?? empty;
    const rows = this.store.all<{ seq: number; record: string }>(
      "SELECT seq, record FROM feedback WHERE domain = ? AND seq > ? ORDER BY seq LIMIT ?",
      domain,
      after,
      limit,
    );
    const records = rows.map(({ record }) => JSON.parse(record) as FeedbackRecord);
    return {
      records,
      next: rows.at(-1)?.seq ?? Math.max(after, Math.min(cut, last)),
      missed: Math.max(0, cut - after),
    };
  }

  /** Resolves when there is a record after `after`, when the time is over, or when `signal` is raised. */
  async wait(domain: string, after: number, timeMs: number, signal?: AbortSignal): Promise<void> {
    if (this.state(domain).last > after) return;
    await this.waiters.wait(domain, timeMs, signal);
  }

  /** Everything up to `seq` was read and acted on. Acknowledging less than before changes nothing. */
  ack(domain: string, seq: number): QueueState {
    const queue = this.#queues.get(domain) ?? empty;
    const acked = Math.max(queue.acked, Math.min(seq, queue.last));
    if (acked !== queue.acked) {
      // An acknowledgement that is lost has the record told again, which it may be anyway.
      this.store.written(() => this.#write(domain, { ...queue, acked }));
      this.#queues.set(domain, { ...queue, acked });
    }
    return this.state(domain);
  }

  /** Forgets all of a domain. */
  remove(domain: string): void {
    this.store.run("DELETE FROM feedback WHERE domain = ?", domain);
    this.store.run("DELETE FROM queues WHERE domain = ?", domain);
    const queue = this.#queues.get(domain);
    this.store.onFailure(() => queue && this.#queues.set(domain, queue));
    this.#queues.delete(domain);
    this.#reserved.delete(domain);
    this.waiters.wake(domain);
  }
}
