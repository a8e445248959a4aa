// The worker that waits for a grace period where the main thread must not: see grace.ts.

import { ptr } from "bun:ffi";
import { ownedBytes, viewOf } from "../../base/bytes.ts";
import { errno, libc, SystemError } from "../libc.ts";

declare const self: Worker;

export interface GraceOrders {
  outerFd: number;
  innerFd: number;
}

/** Puts the inner map into the outer one, where it may be already: the kernel returns when the old one is unseen. */
function wait({ outerFd, innerFd }: GraceOrders): void {
  const [SYS_bpf, BPF_MAP_UPDATE_ELEM] = [process.arch === "arm64" ? 280 : 321, 2];
  const key = ownedBytes(4);
  const value = ownedBytes(4);
  viewOf(value).setUint32(0, innerFd, true);
  const attributes = ownedBytes(32);
  const view = viewOf(attributes);
  view.setUint32(0, outerFd, true);
  view.setBigUint64(8, BigInt(ptr(key)), true);
  view.setBigUint64(16, BigInt(ptr(value)), true);
  const result = libc.syscall(
    SYS_bpf,
    BPF_MAP_UPDATE_ELEM,
    ptr(attributes),
    attributes.length,
    0,
    0,
    0,
  );
  if (result < 0n) throw new SystemError("bpf_map_update_elem grace", errno());
}

self.onmessage = ({ data }: MessageEvent<GraceOrders>) => {
  try {
    wait(data);
    self.postMessage(null);
  } catch (failure) {
    self.postMessage(String(failure));
  }
};
