// One change of a session after the other, and of new sessions too: what one may do depends on what the other did.

import type { SessionState } from "./registry.ts";

export class Turns {
  readonly #queues = new Map<SessionState | null, Promise<unknown>>();

  /** `session` null: a new one. */
  take<T>(session: SessionState | null, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(session) ?? Promise.resolve();
    const result = before.then(work, work);
    const settled = result.catch(() => {});
    this.#queues.set(session, settled);
    void settled.then(() => {
      if (this.#queues.get(session) === settled) this.#queues.delete(session);
    });
    return result;
  }
}
