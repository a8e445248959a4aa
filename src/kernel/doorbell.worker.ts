// The worker that waits for a ring buffer: it blocks where the main thread must not, and says "there is something".
//
// It never reads the ring. The main thread consumes and then lowers the bell; until then the worker waits on the bell, so
// at most one message is under way however many events come. Started and stopped by ringbuf.ts.

import { pollReadable } from "./libc.ts";

declare const self: Worker;

export interface DoorbellOrders {
  /** Readable when the ring has something. */
  ringFd: number;
  /** Hung up when the worker shall end. */
  stopFd: number;
  /** One Int32: 1 from the message until the main thread has consumed. */
  bell: SharedArrayBuffer;
}

export type DoorbellMessage = "ready" | "ring" | "stopped";

// A wake-up that the kernel failed to give would be made good after this time.
const waitMsMax = 1000;

function watch({ ringFd, stopFd, bell }: DoorbellOrders): void {
  const cell = new Int32Array(bell);
  for (;;) {
    if (pollReadable([ringFd, stopFd], waitMsMax).includes(1)) return;
    Atomics.store(cell, 0, 1);
    tell("ring");
    while (Atomics.load(cell, 0) === 1) {
      Atomics.wait(cell, 0, 1, waitMsMax);
      if (pollReadable([stopFd], 0).length > 0) return;
    }
  }
}

function tell(message: DoorbellMessage): void {
  self.postMessage(message);
}

self.onmessage = ({ data }: MessageEvent<DoorbellOrders>) => {
  tell("ready");
  watch(data);
  tell("stopped");
};
