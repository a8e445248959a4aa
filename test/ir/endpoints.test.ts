// Endpoints in the tables against arithmetic on addresses.

import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { type Endpoint, parseEndpoint } from "../../src/dsl/endpoint.ts";
import { clausesOf, compileText } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

const octet = fc.oneof(fc.constantFrom(0, 1, 10, 127, 128, 254, 255), fc.nat({ max: 255 }));
const port = fc.oneof(
  fc.constantFrom(0, 1, 80, 255, 256, 443, 8080, 65535),
  fc.nat({ max: 65535 }),
);
const ipv4 = fc.tuple(octet, octet, octet, octet);
const ports = fc.oneof(
  fc.constant(""),
  port.map((one) => `:${one}`),
  fc.tuple(port, port).map(([a, b]) => `:${Math.min(a, b)}-${Math.max(a, b)}`),
);
const protocol = fc.constantFrom("", "", "tcp://", "udp://");
const pattern = fc.oneof(
  fc.tuple(protocol, ipv4, ports).map(([p, address, range]) => `${p}${address.join(".")}${range}`),
  fc
    .tuple(protocol, ipv4, fc.nat({ max: 32 }), ports)
    .map(([p, address, bits, range]) => `${p}${address.join(".")}/${bits}${range}`),
  fc.tuple(octet, octet).map(([a, b]) => `${a}.${b}.`),
  ports.map((range) => `*${range}`),
  fc.tuple(octet, fc.nat({ max: 128 })).map(([a, bits]) => `2001:db8::${a.toString(16)}/${bits}`),
);

interface Peer {
  readonly protocol: number;
  readonly address: readonly number[];
  readonly port: number;
}
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const peer = fc.record({
  protocol: fc.constantFrom(6, 17),
  address: fc.oneof(
    ipv4.map((address) => [...mapped, ...address]),
    octet.map((last) => [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]),
  ),
  port,
});

function matches(endpoint: Endpoint, { protocol, address, port }: Peer): boolean {
  if (endpoint.kind !== "any" && endpoint.kind !== "address") return false;
  if (endpoint.protocol !== null && protocol !== { tcp: 6, udp: 17 }[endpoint.protocol])
    return false;
  if (endpoint.ports !== null && (port < endpoint.ports.low || port > endpoint.ports.high))
    return false;
  if (endpoint.kind === "any") return true;
  const number = (bytes: readonly number[]) =>
    bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const shift = BigInt(128 - endpoint.prefixBits);
  return number(address) >> shift === number(endpoint.address) >> shift;
}

function peerBytes({ protocol, address, port }: Peer): Uint8Array {
  return Uint8Array.of(protocol, ...address, port >> 8, port & 0xff);
}

test("addresses, networks, ports and protocols match as arithmetic says", () => {
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 1, maxLength: 8 }),
      fc.array(peer, { minLength: 1, maxLength: 12 }),
      (patterns, peers) => {
        const usable = patterns.filter((text) =>
          parseEndpoint(text).problems.every(({ severity }) => severity !== "error"),
        );
        const rules = usable.map(
          (text, i) => `rule r${i}: block connect ${JSON.stringify(text)} because "x"`,
        );
        const compiled = compileText(rules.join("\n"));
        // Beside random peers those whose address or port is that of a pattern.
        const near = usable.flatMap((text): Peer[] => {
          const { endpoint } = parseEndpoint(text);
          if (endpoint.kind !== "address") return [];
          return [{ protocol: 6, address: endpoint.address, port: endpoint.ports?.high ?? 1 }];
        });
        for (const one of [...peers, ...near]) {
          const expected = usable.flatMap((text, i) =>
            matches(parseEndpoint(text).endpoint, one) ? [i] : [],
          );
          expect(clausesOf(compiled, "endpoint", peerBytes(one))).toEqual(expected);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("without a protocol any protocol counts", () => {
  const compiled = compileText('rule r: block connect "10.0.0.0/8" because "x"');
  expect(
    clausesOf(
      compiled,
      "endpoint",
      peerBytes({ protocol: 132, address: [...mapped, 10, 1, 2, 3], port: 9 }),
    ),
  ).toEqual([0]);
});

test("an exception of an address is decided in the tables", () => {
  const compiled = compileText(
    'rule r: block connect "10.0.0.0/8" unless target "10.1.0.0/16:443" because "x"',
  );
  const at = (address: number[], port: number) =>
    clausesOf(
      compiled,
      "endpoint",
      peerBytes({ protocol: 6, address: [...mapped, ...address], port }),
    );
  expect(at([10, 1, 2, 3], 443)).toEqual([]);
  expect(at([10, 1, 2, 3], 80)).toEqual([0]);
  expect(at([10, 2, 2, 3], 443)).toEqual([0]);
  expect(at([11, 2, 2, 3], 443)).toEqual([]);
});
