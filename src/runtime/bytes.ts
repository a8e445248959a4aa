// Kernel bytes as text: paths and arguments are bytes that usually, but not always, are UTF-8.

import type { Protocol } from "../dsl/endpoint.ts";
import { operationBits } from "../ir/abi.ts";
import type { KernelEvent } from "../kernel/kernel.ts";

/** What is no UTF-8 becomes U+FFFD; a byte order mark is a character like others. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function pathText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The first `count` of the words that are joined by NUL. */
export function wordsOf(bytes: Uint8Array, count: number): string[] {
  if (bytes.length === 0) return [];
  return decoder.decode(bytes).split("\0", count);
}

const protocols: Readonly<Record<number, Protocol>> = { 6: "tcp", 17: "udp" };

const endpointBytes = 19;

/** 19 bytes as bpf/network.h lays them out: `tcp://10.0.0.1:443`, `udp://[::1]:53`. */
export function endpointText(bytes: Uint8Array): string {
  const protocol = protocols[bytes[0] ?? 0] ?? `protocol-${bytes[0]}`;
  const port = ((bytes[17] ?? 0) << 8) | (bytes[18] ?? 0);
  const address = bytes.subarray(1, 17);
  const mapped =
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 255 &&
    address[11] === 255;
  return mapped
    ? `${protocol}://${address.subarray(12).join(".")}:${port}`
    : `${protocol}://[${ipv6Text(address)}]:${port}`;
}

/** RFC 5952: lower case, the longest run of zero groups left out, the first of equally long ones. */
function ipv6Text(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((address[i * 2] ?? 0) << 8) | (address[i * 2 + 1] ?? 0)).toString(16),
  );
  const zeros = (start: number) => {
    const end = groups.findIndex((group, i) => i >= start && group !== "0");
    return (end < 0 ? groups.length : end) - start;
  };
  const start = groups.reduce((best, _, i) => (zeros(i) > zeros(best) ? i : best), 0);
  if (zeros(start) < 2) return groups.join(":");
  const before = groups.slice(0, start).join(":");
  return `${before}::${groups.slice(start + zeros(start)).join(":")}`;
}

export const addressOps =
  operationBits.connect | operationBits.bind | operationBits.send | operationBits.recv;

/** What an event is about: an address of an operation on addresses, else a path. */
export function targetText(event: Pick<KernelEvent, "ops" | "first">): string {
  const isAddress = (event.ops & addressOps) !== 0 && event.first.length === endpointBytes;
  return isAddress ? endpointText(event.first) : pathText(event.first);
}
