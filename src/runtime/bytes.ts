// Kernel bytes as text: paths and arguments are bytes that usually, but not always, are UTF-8.

import type { Protocol } from "../dsl/endpoint.ts";

const decoder = new TextDecoder();

export function pathText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The first `count` of the words that are joined by NUL. */
export function wordsOf(bytes: Uint8Array, count: number): string[] {
  if (bytes.length === 0) return [];
  return decoder.decode(bytes).split("\0", count);
}

const protocols: Readonly<Record<number, Protocol>> = { 6: "tcp", 17: "udp" };

/** 19 bytes as bpf/network.h lays them out: `tcp://10.0.0.1:443`, `udp://[::1]:53`. */
export function endpointText(bytes: Uint8Array): string {
  const protocol = protocols[bytes[0] ?? 0] ?? `protocol-${bytes[0]}`;
  const port = ((bytes[17] ?? 0) << 8) | (bytes[18] ?? 0);
  const address = bytes.subarray(1, 17);
  const mapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 255;
  return mapped
    ? `${protocol}://${address.subarray(12).join(".")}:${port}`
    : `${protocol}://[${ipv6Text(address)}]:${port}`;
}

/** RFC 5952: lower case, the longest run of zero groups left out. */
function ipv6Text(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((address[i * 2] ?? 0) << 8) | (address[i * 2 + 1] ?? 0)).toString(16),
  );
  const runs = groups.join(":").match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return groups.join(":");
  return groups
    .join(":")
    .replace(longest, "")
    .replace(/^:|:$/g, "::")
    .replace(/:{3,}|::/, "::");
}
