// The reading end of a BPF ring buffer: events come to a callback on the main thread, soon after the kernel wrote them.
//
//   const ring = new RingBuffer(mapFd, (event) => journal.take(event));
//   ring.listen();
//   ...
//   ring.drain();          // everything the kernel has written until now
//   await ring.close();
//
// `event` is one buffer used over and over: it holds only during the callback, which copies what it keeps.

import { JSCallback, type Pointer, ptr } from "bun:ffi";
import { constants } from "node:os";
import { assert } from "../base/assert.ts";
import { type OwnedBytes, ownedBytes } from "../base/bytes.ts";
import { Doorbell } from "./doorbell.ts";
import { checkedPointer, libbpf } from "./libbpf/library.ts";
import { libc, SystemError } from "./libc.ts";

// A flood must not keep the main thread from its timers and sockets: after this many events it looks around.
const eventsPerTurn = 1024;
const eventBytesMax = 64 * 1024;

const pollEveryMs = 2;
const doorbellAfterMs = 100;

export class RingBuffer {
  readonly #address: Pointer;
  readonly #callback: JSCallback;
  readonly #onEvent: (event: Uint8Array) => void;
  readonly #event: OwnedBytes = ownedBytes(eventBytesMax);
  readonly #views = new Map<number, Uint8Array>();
  #doorbell: Promise<Doorbell> | null = null;
  /** Until the doorbell is there. */
  #polling: Timer | null = null;
  #doorbellDue: Timer | null = null;
  #consuming = false;
  #closed = false;
  #eventsLeft = 0;

  constructor(mapFd: number, onEvent: (event: Uint8Array) => void) {
    this.#onEvent = onEvent;
    this.#callback = new JSCallback(
      (_: Pointer, data: Pointer, length: number) => this.#take(data, length),
      {
        args: ["ptr", "ptr", "u32"],
        returns: "i32",
      },
    );
    const address = libbpf().ring_buffer__new(mapFd, this.#callback.ptr, null, null);
    this.#address = checkedPointer("ring_buffer__new", address);
  }

  /**
   * From here on events come by themselves. At first the ring is looked at now and then: to start the doorbell's worker
   * takes longer than many a command runs (30-40 ms, measured), and holds up what starts beside it.
   */
  listen(): void {
    assert(this.#polling === null && this.#doorbell === null, "a ring buffer is listened to once");
    this.#polling = setInterval(() => this.#consume(eventsPerTurn), pollEveryMs);
    this.#doorbellDue = setTimeout(() => {
      this.#doorbell = this.#startDoorbell();
    }, doorbellAfterMs);
    this.#polling.unref();
    this.#doorbellDue.unref();
  }

  /** Resolves when the doorbell has taken over from looking now and then. */
  async settled(): Promise<void> {
    while (this.#doorbell === null && !this.#closed) await Bun.sleep(doorbellAfterMs);
    await this.#doorbell;
  }

  async #startDoorbell(): Promise<Doorbell> {
    const ringFd = libbpf().ring_buffer__epoll_fd(this.#address);
    const doorbell = await Doorbell.start(ringFd, () => this.#answer(doorbell));
    this.#stopPolling();
    return doorbell;
  }

  #stopPolling(): void {
    if (this.#polling !== null) clearInterval(this.#polling);
    if (this.#doorbellDue !== null) clearTimeout(this.#doorbellDue);
  }

  /** Hands over everything that is in the ring now, before it returns. Does nothing inside the callback. */
  drain(): void {
    this.#consume(Number.POSITIVE_INFINITY);
  }

  /** Hands over what is left, then ends. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#stopPolling();
    await (await this.#doorbell)?.stop();
    this.drain();
    this.#closed = true;
    libbpf().ring_buffer__free(this.#address);
    this.#callback.close();
  }

  #answer(doorbell: Doorbell): void {
    if (this.#closed) return;
    const more = this.#consume(eventsPerTurn);
    if (more) setImmediate(() => this.#answer(doorbell));
    else doorbell.lower();
  }

  /** Whether it stopped because `eventsMax` were taken. */
  #consume(eventsMax: number): boolean {
    if (this.#consuming || this.#closed) return false;
    this.#consuming = true;
    this.#eventsLeft = eventsMax;
    const result = libbpf().ring_buffer__consume(this.#address);
    this.#consuming = false;
    if (result === -constants.errno.EAGAIN) return true;
    if (result < 0) throw new SystemError("ring_buffer__consume", -result);
    return false;
  }

  // Called from C, through which no exception may pass: one of `onEvent` is a bug and comes out as an uncaught error.
  #take(data: Pointer, length: number): number {
    try {
      assert(length <= eventBytesMax, `an event has at most ${eventBytesMax} bytes, not ${length}`);
      libc.memcpy(ptr(this.#event), data, length);
      this.#onEvent(this.#viewOfLength(length));
    } catch (failure) {
      queueMicrotask(() => {
        throw failure;
      });
    }
    this.#eventsLeft -= 1;
    // libbpf has then counted this event as read, and stops.
    return this.#eventsLeft > 0 ? 0 : -constants.errno.EAGAIN;
  }

  #viewOfLength(length: number): Uint8Array {
    let view = this.#views.get(length);
    if (view === undefined) {
      view = this.#event.subarray(0, length);
      this.#views.set(length, view);
    }
    return view;
  }
}
