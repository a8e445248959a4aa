// What labels lie with that is no inode: `enum channel_device` of bpf/abi.h, and what each stands for.

import type { KernelObject, ObjectKind } from "./kernel.ts";

export const channelDevices = {
  embryo: 0xfff00001,
  unixNamed: 0xfff00002,
  stream: 0xfff00003,
  place: 0xfff00004,
  terminal: 0xfff00005,
  common: 0xfff00006,
  memory: 0xfff00007,
  segment: 0xfff00008,
  queue: 0xfff00009,
  first: 0xfff0000a,
  /** No channel, and never told: a path of a file that was not remembered. */
  name: 0xfff0000b,
} as const;

const kinds: ReadonlyMap<number, ObjectKind> = new Map([
  [channelDevices.embryo, "socket"],
  [channelDevices.unixNamed, "socket"],
  [channelDevices.stream, "tcp"],
  [channelDevices.place, "udp"],
  [channelDevices.terminal, "terminal"],
  [channelDevices.common, "memory"],
  [channelDevices.memory, "memory"],
  [channelDevices.segment, "segment"],
  [channelDevices.queue, "queue"],
  [channelDevices.first, "tcp"],
]);

/** Of this process only: whoever reads events must not learn where the kernel has what. */
const seed = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;

/** What lies under a key of `objects`. */
export function keyObject(inode: bigint, device: number, generation: number): KernelObject {
  const isAddress = device === channelDevices.embryo;
  return {
    kind: kinds.get(device) ?? "file",
    inode: isAddress ? Bun.hash.wyhash(`${inode}`, seed) : inode,
    device,
    generation,
  };
}

/** An address as bpf/channel.h folds it, and a port, as the kernel has them in memory. */
function addressText(address: number, port: number): string {
  const bytes = [0, 8, 16, 24].map((shift) => (address >>> shift) & 255);
  const host = Math.floor(port / 256) | ((port & 255) << 8);
  if (bytes[0] === 255) return `[...]:${host}`;
  return bytes.join(".") === "0.0.0.1" ? `[::1]:${host}` : `${bytes.join(".")}:${host}`;
}

/** What people know it by; null: it is an inode's. */
export function channelText({ kind, device, inode, generation }: KernelObject): string | null {
  switch (device) {
    case channelDevices.stream:
      return `tcp://${addressText(Number(inode & 0xffffffffn), generation & 0xffff)}`;
    case channelDevices.first:
      return `tcp://${addressText(Number(inode), generation)}`;
    case channelDevices.place:
      return `udp://${addressText(Number(inode), generation)}`;
    case channelDevices.terminal:
      return `/dev/pts/${inode}`;
    case channelDevices.memory:
      return `memory:[${generation}]`;
    case channelDevices.common:
      return "memory:[common]";
    default:
      return kinds.has(device) ? `${kind}:[${inode}]` : null;
  }
}
