// Files, pipes and sockets by their identity, and from whom they have their labels: what a name stands for
// changes, and a number that is used again is another object.

import { operationBits } from "../ir/abi.ts";
import { channelText } from "../kernel/channels.ts";
import type { KernelEvent, KernelObject, ObjectKind } from "../kernel/kernel.ts";

/** An object as records and events tell it. */
export interface ObjectReference {
  readonly kind: ObjectKind;
  /** `8:1`, as mountinfo has it. */
  readonly device: string;
  /** 64 bits, so as text. */
  readonly inode: string;
  /** Another one where a file system uses the inode's number again. */
  readonly generation: number;
}

const minorBits = 20;

export function objectReference({
  kind,
  device,
  inode,
  generation,
}: KernelObject): ObjectReference {
  const minor = device & ((1 << minorBits) - 1);
  return { kind, device: `${device >>> minorBits}:${minor}`, inode: `${inode}`, generation };
}

/** Its path or address, or where it has none what /proc/self/fd calls it: `pipe:[4711]`. */
export function objectText(path: string, object: ObjectReference | null): string {
  if (object === null) return path === "" ? "a pipe" : path;
  const channel = channelText(objectOf(object));
  return channel ?? (path === "" ? `${object.kind}:[${object.inode}]` : path);
}

export function objectOf({ kind, device, inode, generation }: ObjectReference): KernelObject {
  const [major = 0, minor = 0] = device.split(":").map(Number);
  return { kind, inode: BigInt(inode), device: major * 2 ** minorBits + minor, generation };
}

/** How an object came by a label. `Writer` is whoever asks for it to be kept. */
export interface Gain<Writer> {
  /** From 1, in the order of the events. */
  readonly id: number;
  readonly label: number;
  /** `rename`: it is a source itself and got another name, or a second one. */
  readonly how: "write" | "rename";
  readonly object: ObjectReference;
  readonly path: string;
  readonly timeNs: bigint;
  readonly writer: Writer;
}

/** About 20 MB at the most; the eldest are forgotten, and chains end where they were. */
const gainsMax = 32_768;

export class Objects<Writer> {
  readonly #byId = new Map<number, Gain<Writer>>();
  /** The last one of an object and a label: an object whose number is used again gains anew. */
  readonly #last = new Map<string, number>();
  #count = 0;

  /** Gains that are kept. */
  get size(): number {
    return this.#byId.size;
  }

  /** Some have been forgotten. */
  get isComplete(): boolean {
    return this.#count === this.#byId.size;
  }

  gain(id: number): Gain<Writer> | null {
    return this.#byId.get(id) ?? null;
  }

  /** From where the object has the label now. */
  lastGain(object: ObjectReference, label: number): Gain<Writer> | null {
    return this.gain(this.#last.get(keyOf(object, label)) ?? 0);
  }

  /** Take in an object event; `writerOf` tells who gave it that label. */
  observe(event: KernelEvent, path: string, writerOf: (label: number) => Writer): void {
    if (event.object === null) return;
    const object = objectReference(event.object);
    const isRenamed = (event.ops & (operationBits.rename | operationBits.link)) !== 0;
    const how = isRenamed ? "rename" : "write";
    for (const label of event.labels) {
      const id = ++this.#count;
      const { timeNs } = event;
      this.#byId.set(id, { id, label, how, object, path, timeNs, writer: writerOf(label) });
      this.#last.set(keyOf(object, label), id);
    }
    this.#forgetSome();
  }

  #forgetSome(): void {
    for (const [id, { object, label }] of this.#byId) {
      if (this.#byId.size <= gainsMax) return;
      this.#byId.delete(id);
      const key = keyOf(object, label);
      if (this.#last.get(key) === id) this.#last.delete(key);
    }
  }
}

function keyOf({ device, inode, generation }: ObjectReference, label: number): string {
  return `${device} ${inode} ${generation} ${label}`;
}
