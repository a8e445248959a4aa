// Waiting until no program can still see what it read before: the kernel's own grace period. A change of a map of maps
// returns after one, which is its documented meaning; membarrier(2) would do nothing on a machine with one processor.
//
// It takes 10 to 120 ms, so a worker waits. Whoever asks while one is under way waits for the next.

import { pathToFileURL } from "node:url";
import { BpfMap, MapType } from "../libbpf/map.ts";
import type { GraceOrders } from "./grace.worker.ts";

export class Grace {
  #worker: Worker | null = null;
  #maps: { readonly outer: BpfMap; readonly inner: BpfMap } | null = null;
  #underWay: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** Resolves when every program that ran at this moment has ended. */
  over(): Promise<void> {
    if (this.#underWay === null) return this.#begin();
    this.#next ??= this.#underWay.then(() => {
      this.#next = null;
      return this.#begin();
    });
    return this.#next;
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#underWay);
    this.#worker?.terminate();
    this.#maps?.outer.close();
    this.#maps?.inner.close();
    this.#worker = null;
    this.#maps = null;
  }

  #begin(): Promise<void> {
    this.#maps ??= makeMaps();
    this.#worker ??= startWorker();
    const { outer, inner } = this.#maps;
    const worker = this.#worker;
    const orders: GraceOrders = { outerFd: outer.fd, innerFd: inner.fd };
    const ended = new Promise<void>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<string | null>) =>
        data === null ? resolve() : reject(new Error(data));
      worker.onerror = ({ message }) => reject(new Error(`the grace worker failed: ${message}`));
    });
    worker.ref();
    worker.postMessage(orders);
    this.#underWay = ended.finally(() => {
      worker.unref();
      this.#underWay = null;
    });
    return this.#underWay;
  }
}

function makeMaps() {
  const inner = BpfMap.create({
    type: MapType.array,
    name: "grace_inner",
    keyBytes: 4,
    valueBytes: 4,
    entriesMax: 1,
  });
  const outer = BpfMap.create({
    type: MapType.arrayOfMaps,
    name: "grace",
    keyBytes: 4,
    valueBytes: 4,
    entriesMax: 1,
    innerMapFd: inner.fd,
  });
  return { outer, inner };
}

/** As of doorbell.ts. */
function startWorker(): Worker {
  const compiled = import.meta.url.startsWith(pathToFileURL("/$bunfs/").href);
  return new Worker(
    compiled
      ? "/$bunfs/root/kernel/engine/grace.worker.js"
      : new URL("./grace.worker.ts", import.meta.url).href,
  );
}
