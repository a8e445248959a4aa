// The main thread's half of the doorbell: starts the worker that waits for a ring buffer, and hears it ring.
//
// A worker because nothing in Bun's own event loop can wait for a descriptor of ours, and a timer is 20 times slower
// while it costs 8 times the idle CPU (measured). One worker lives as long as the ring.

import { pathToFileURL } from "node:url";
import type { DoorbellMessage, DoorbellOrders } from "./doorbell.worker.ts";
import { close, pipe } from "./libc.ts";

export class Doorbell {
  readonly #worker: Worker;
  readonly #bell: Int32Array;
  readonly #stopPipe: { readFd: number; writeFd: number };
  readonly #stopped = Promise.withResolvers<void>();

  private constructor(
    worker: Worker,
    bell: Int32Array,
    stopPipe: { readFd: number; writeFd: number },
  ) {
    this.#worker = worker;
    this.#bell = bell;
    this.#stopPipe = stopPipe;
  }

  /** Rings once when `ringFd` is readable, and again only after `lower()`. Resolves when the worker is watching. */
  static async start(ringFd: number, onRing: () => void): Promise<Doorbell> {
    const bell = new SharedArrayBuffer(4);
    const stopPipe = pipe();
    const worker = new Worker(workerPath());
    const doorbell = new Doorbell(worker, new Int32Array(bell), stopPipe);
    const ready = Promise.withResolvers<void>();
    worker.onerror = (event) =>
      ready.reject(new Error(`the doorbell worker failed: ${event.message}`));
    worker.onmessage = ({ data }: MessageEvent<DoorbellMessage>) => {
      if (data === "ring") onRing();
      else if (data === "ready") ready.resolve();
      else doorbell.#stopped.resolve();
    };
    const orders: DoorbellOrders = { ringFd, stopFd: stopPipe.readFd, bell };
    worker.postMessage(orders);
    await ready.promise;
    // The ring serves what keeps the process alive; it is no reason of its own to stay.
    worker.unref();
    return doorbell;
  }

  /** The ring has been read: the worker may ring again. */
  lower(): void {
    Atomics.store(this.#bell, 0, 0);
    Atomics.notify(this.#bell, 0);
  }

  async stop(): Promise<void> {
    this.#worker.ref();
    close(this.#stopPipe.writeFd);
    this.lower();
    await this.#stopped.promise;
    close(this.#stopPipe.readFd);
    this.#worker.terminate();
  }
}

/**
 * In the executable a worker is found under the path it was bundled from, relative to src. The path is absolute because a
 * relative one is looked for in the current folder, which may be an agent's.
 */
function workerPath(): string {
  const compiled = import.meta.url.startsWith(pathToFileURL("/$bunfs/").href);
  return compiled
    ? "/$bunfs/root/kernel/doorbell.worker.js"
    : new URL("./doorbell.worker.ts", import.meta.url).href;
}
