// Files, pipes and sockets by their identity: what a name stands for changes, and a number that is used
// again is another object.

import type { KernelObject, ObjectKind } from "../kernel/kernel.ts";

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

export function objectReference({
  kind,
  device,
  inode,
  generation,
}: KernelObject): ObjectReference {
  const minorBits = 20;
  const minor = device & ((1 << minorBits) - 1);
  return { kind, device: `${device >>> minorBits}:${minor}`, inode: `${inode}`, generation };
}
