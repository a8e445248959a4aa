// Endpoints as globs over 19 bytes: protocol, 16 bytes of address, two of port. IPv4 addresses are
// mapped ones, as the kernel half makes them, so there is one form for both families.

import type { Endpoint, PortRange, Protocol } from "../dsl/endpoint.ts";
import type { Glob, GlobPart } from "../dsl/glob.ts";
import { allBytes, byteRange } from "./byte-sets.ts";

const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };
const portMax = 0xffff;

/** Why an endpoint has no bytes, or the globs that are its bytes. */
export function endpointGlobs(endpoint: Endpoint): Glob[] | { readonly unsupported: string } {
  switch (endpoint.kind) {
    case "host":
      return { unsupported: "host names are not resolved yet" };
    case "unix":
      return { unsupported: "unix sockets are not matched yet" };
    case "any":
      return withPorts([protocolPart(endpoint.protocol), ...addressParts([], 0)], endpoint.ports);
    case "address":
      return withPorts(
        [protocolPart(endpoint.protocol), ...addressParts(endpoint.address, endpoint.prefixBits)],
        endpoint.ports,
      );
  }
}

/** Without a protocol any counts, also one that has no name here. */
function protocolPart(protocol: Protocol | null): GlobPart {
  return protocol === null
    ? { kind: "class", set: allBytes }
    : { kind: "byte", byte: protocolNumbers[protocol] };
}

function addressParts(address: readonly number[], prefixBits: number): Glob {
  return Array.from({ length: 16 }, (_, i): GlobPart => {
    const bits = Math.max(0, Math.min(8, prefixBits - i * 8));
    const byte = address[i] ?? 0;
    if (bits === 8) return { kind: "byte", byte };
    const low = byte & ~(0xff >> bits) & 0xff;
    return rangePart(low, low | (0xff >> bits));
  });
}

/** One glob a stretch of ports whose low bytes are alike. */
function withPorts(address: Glob, ports: PortRange | null): Glob[] {
  return portRanges(ports ?? { low: 0, high: portMax }).map((range) => [...address, ...range]);
}

function portRanges({ low, high }: PortRange): Glob[] {
  const [lowHigh, lowLow, highHigh, highLow] = [low >> 8, low & 0xff, high >> 8, high & 0xff];
  if (lowHigh === highHigh) return [[rangePart(lowHigh, lowHigh), rangePart(lowLow, highLow)]];
  const ranges: Glob[] = [];
  const fromLow = lowLow === 0 ? lowHigh : lowHigh + 1;
  const toHigh = highLow === 0xff ? highHigh : highHigh - 1;
  if (fromLow > lowHigh) ranges.push([rangePart(lowHigh, lowHigh), rangePart(lowLow, 0xff)]);
  if (fromLow <= toHigh) ranges.push([rangePart(fromLow, toHigh), rangePart(0, 0xff)]);
  if (toHigh < highHigh) ranges.push([rangePart(highHigh, highHigh), rangePart(0, highLow)]);
  return ranges;
}

const sets = new Map<number, GlobPart>();

function rangePart(low: number, high: number): GlobPart {
  if (low === high) return { kind: "byte", byte: low };
  const key = low * 256 + high;
  const known = sets.get(key);
  if (known !== undefined) return known;
  const part: GlobPart = { kind: "class", set: byteRange(low, high) };
  sets.set(key, part);
  return part;
}

export const endpointBytes = 19;
