// Which files below some folders the rules of an image name: looked for on a thread of its own (packaging/libbpf/names.c),
// and then shown to the kernel half.
//
//   const search = new NameSearch({ image, places, ... });
//   ...                                          // meanwhile it looks
//   search.wait();
//   search.show(() => program, domain);
//   search.end();

import { type Pointer, ptr, read } from "bun:ffi";
import { assert } from "../../base/assert.ts";
import { cString, type OwnedBytes, ownedBytes, ownedView, viewOf } from "../../base/bytes.ts";
import { copyFromC, pointerFromC } from "../libc.ts";
import { checkedResult, own } from "./library.ts";
import type { BpfProgram } from "./program.ts";
import { startThread } from "./threads.ts";

/** A folder to look in, or a single name. */
export interface Place {
  /** Absolute. */
  readonly path: string;
  /** Levels below it at which names may match; 0: the path itself. */
  readonly depth: number;
}

/** The mount of a whole file system. */
export interface Whole {
  /** Major number in the upper 12 bits, minor in the lower 20. */
  readonly device: number;
  readonly id: number;
}

export interface NamesWanted {
  readonly image: Uint32Array;
  /** What is first is not left out where there is too much. */
  readonly places: readonly Place[];
  /** Below another mount than the one that is given here for its file system, rules may know files by other names. */
  readonly wholes: readonly Whole[];
  /** Files with a single name too, and folders. */
  readonly all: boolean;
  /** No folder where names below are judged as below any other. */
  readonly skipsPlain: boolean;
  /** Names that are looked at, and files that are found: where there are more, it is not complete. */
  readonly most: number;
  readonly mostFound: number;
  readonly milliseconds: number;
}

// struct place, struct whole, struct found and struct search of packaging/libbpf/names.c.
const ofPlace = { bytes: 16, path: 0, depth: 8 };
const ofWhole = { bytes: 16, major: 0, minor: 4, mount: 8 };
const ofFound = { bytes: 24, device: 8, inode: 16 };
const ofSearch = {
  bytes: 88,
  image: 0,
  places: 8,
  wholes: 16,
  placesCount: 24,
  wholesCount: 28,
  wantsAll: 32,
  skipsPlain: 36,
  most: 40,
  mostFound: 44,
  milliseconds: 48,
  found: 56,
  foundCount: 64,
  isComplete: 68,
  shouldEnd: 72,
  isDone: 76,
};
const anyDepth = 0xffffffff;

/** Threads have the addresses of these, whoever has forgotten them. */
const alive = new Set<NameSearch>();

export class NameSearch {
  readonly all: boolean;
  readonly #search: OwnedBytes;
  readonly #image: OwnedBytes;
  readonly #paths: readonly OwnedBytes[];
  readonly #places: OwnedBytes;
  readonly #wholes: OwnedBytes;
  /** Null: it was done at once, for there is nothing to do or there are no threads to be had. */
  readonly #join: (() => void) | null;

  constructor(wanted: NamesWanted) {
    const { image, places, wholes } = wanted;
    assert(image.length > 0, "there is an image");
    this.all = wanted.all;
    this.#image = ownedView(new Uint8Array(image.buffer, image.byteOffset, image.byteLength));
    this.#paths = places.map(({ path }) => cString(path));
    this.#places = ownedBytes(Math.max(places.length, 1) * ofPlace.bytes);
    const placesView = viewOf(this.#places);
    places.forEach(({ depth }, index) => {
      const at = index * ofPlace.bytes;
      const path = BigInt(ptr(this.#paths[index] as OwnedBytes));
      placesView.setBigUint64(at + ofPlace.path, path, true);
      placesView.setUint32(at + ofPlace.depth, Math.min(depth, anyDepth), true);
    });
    this.#wholes = ownedBytes(Math.max(wholes.length, 1) * ofWhole.bytes);
    const wholesView = viewOf(this.#wholes);
    wholes.forEach(({ device, id }, index) => {
      const at = index * ofWhole.bytes;
      wholesView.setUint32(at + ofWhole.major, device >>> 20, true);
      wholesView.setUint32(at + ofWhole.minor, device & 0xfffff, true);
      wholesView.setUint32(at + ofWhole.mount, id, true);
    });
    this.#search = ownedBytes(ofSearch.bytes);
    const view = viewOf(this.#search);
    view.setBigUint64(ofSearch.image, BigInt(ptr(this.#image)), true);
    view.setBigUint64(ofSearch.places, BigInt(ptr(this.#places)), true);
    view.setBigUint64(ofSearch.wholes, BigInt(ptr(this.#wholes)), true);
    view.setUint32(ofSearch.placesCount, places.length, true);
    view.setUint32(ofSearch.wholesCount, wholes.length, true);
    view.setUint32(ofSearch.wantsAll, Number(wanted.all), true);
    view.setUint32(ofSearch.skipsPlain, Number(wanted.skipsPlain), true);
    view.setUint32(ofSearch.most, wanted.most, true);
    view.setUint32(ofSearch.mostFound, wanted.mostFound, true);
    view.setUint32(ofSearch.milliseconds, wanted.milliseconds, true);
    alive.add(this);
    this.#join = places.length === 0 ? null : this.#start();
    if (this.#join === null) own().actplane_search_names(this.#address);
  }

  /** Whether nothing was left out. Of one that is not done, false. */
  get isComplete(): boolean {
    return this.#isDone && this.#read(ofSearch.isComplete) === 1;
  }

  /** Keeps this thread. */
  wait(): void {
    own().actplane_await_names(this.#address);
  }

  /** Leaves this thread to others; until the search is done, or for a while longer than it should take. */
  async waitPatiently(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while (!this.#isDone && performance.now() < deadline) await Bun.sleep(1);
  }

  /** Runs a program (any_name; null: none) with each file that is found by now. Throws SystemError. */
  show(program: (() => BpfProgram) | null, domain: number): void {
    // To load one for nothing takes milliseconds.
    if (this.#read(ofSearch.foundCount) === 0) return;
    const fd = program?.().fd ?? -1;
    const result = own().actplane_show_names(this.#address, fd, domain, Number(this.all));
    checkedResult("bpf_prog_test_run_opts any_name", result);
  }

  /** What was shown, as text: a device and an inode each. */
  get files(): string[] {
    const count = this.#read(ofSearch.foundCount);
    const address = pointerFromC(read.ptr(this.#address, ofSearch.found) as Pointer);
    if (address === null) return [];
    const view = viewOf(copyFromC(address, count * ofFound.bytes));
    return Array.from({ length: count }, (_, index) => index * ofFound.bytes)
      .map((at) => [
        view.getBigUint64(at + ofFound.device, true),
        view.getBigUint64(at + ofFound.inode, true),
      ])
      .filter(([, inode]) => inode !== 0n)
      .map(([device, inode]) => `${device}:${inode}`);
  }

  /** One that is not done ends when it can: nobody waits for a file system that does not answer. */
  end(): void {
    viewOf(this.#search).setUint32(ofSearch.shouldEnd, 1, true);
    for (const search of alive) {
      if (search.#read(ofSearch.shouldEnd) === 0 || !search.#isDone) continue;
      alive.delete(search);
      search.#join?.();
      own().actplane_forget_names(search.#address);
    }
  }

  #start(): (() => void) | null {
    const routine = pointerFromC(own().actplane_name_searcher()) as Pointer;
    return startThread(routine, this.#address);
  }

  get #address(): Pointer {
    return ptr(this.#search);
  }

  get #isDone(): boolean {
    return this.#read(ofSearch.isDone) === 1;
  }

  #read(word: number): number {
    return viewOf(this.#search).getUint32(word, true);
  }
}
