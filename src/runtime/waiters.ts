// Readers that wait for something of theirs to happen: each is let go once, by the event, its time or its end.

export class Waiters {
  readonly #waiters = new Map<string, Set<() => void>>();

  /** Readers that wait now; of one key or of all. */
  count(key?: string): number {
    if (key !== undefined) return this.#waiters.get(key)?.size ?? 0;
    let count = 0;
    for (const waiters of this.#waiters.values()) count += waiters.size;
    return count;
  }

  /** Resolves when `key` is woken, when the time is over, or when `signal` is raised. */
  wait(key: string, timeMs: number, signal?: AbortSignal): Promise<void> {
    if (timeMs <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        waiters.delete(done);
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
        resolve();
      };
      const timer = setTimeout(done, timeMs);
      signal?.addEventListener("abort", done);
      waiters.add(done);
    });
  }

  wake(key: string): void {
    for (const done of [...(this.#waiters.get(key) ?? [])]) done();
  }

  wakeAll(): void {
    for (const key of [...this.#waiters.keys()]) this.wake(key);
  }
}
