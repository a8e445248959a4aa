// The notation of endpoints: addresses, networks, names, ports and sockets.

import { describe, expect, test } from "bun:test";
import { parseEndpoint, parseIPv4, parseIPv6 } from "../../src/dsl/endpoint.ts";

/** `KIND [protocol] address/bits :low-high`, the address as hex of its 16 bytes without leading zeros. */
function reads(text: string, expected: string): void {
  const { endpoint, problems } = parseEndpoint(text);
  expect(problems).toEqual([]);
  expect(shown(endpoint)).toBe(expected);
}

function shown(endpoint: ReturnType<typeof parseEndpoint>["endpoint"]): string {
  if (endpoint.kind === "unix") return `unix ${endpoint.abstract ? "@" : ""}${endpoint.pattern}`;
  const ports = endpoint.ports === null ? "" : ` :${endpoint.ports.low}-${endpoint.ports.high}`;
  const protocol = endpoint.protocol === null ? "" : ` ${endpoint.protocol}`;
  switch (endpoint.kind) {
    case "any":
      return `any${protocol}${ports}`;
    case "host":
      return `host${protocol} ${endpoint.host}${ports}`;
    case "address": {
      const hex = endpoint.address.map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return `address${protocol} ${hex.replace(/^0+(?=.)/, "")}/${endpoint.prefixBits}${ports}`;
    }
  }
}

describe("endpoints", () => {
  test("every address", () => reads("*", "any"));
  test("every address at a port", () => reads("*:443", "any :443-443"));
  test("one protocol", () => reads("udp://*:53", "any udp :53-53"));
  test("an IPv4 address", () => reads("10.1.2.3", "address ffff0a010203/128"));
  test("an IPv4 address at a port", () => reads("10.1.2.3:80", "address ffff0a010203/128 :80-80"));
  test("a range of ports", () => reads("10.1.2.3:80-90", "address ffff0a010203/128 :80-90"));
  test("an IPv4 network", () => reads("10.0.0.0/8", "address ffff0a000000/104"));
  test("a network is cut at its prefix", () => reads("10.1.2.3/8", "address ffff0a000000/104"));
  test("the whole of IPv4", () => reads("0.0.0.0/0", "address ffff00000000/96"));
  test("a network at a port", () => reads("10.0.0.0/8:443", "address ffff0a000000/104 :443-443"));
  test("ActPlane's dotted prefix", () => reads("127.", "address ffff7f000000/104"));
  test("two dotted numbers", () => reads("10.0.", "address ffff0a000000/112"));
  test("stars for the rest of an address", () => reads("10.1.*.*", "address ffff0a010000/112"));
  test("a star for the end of an address", () =>
    reads("10.1.2.*:22", "address ffff0a010200/120 :22-22"));
  test("an IPv6 address", () =>
    reads("2001:db8::1", "address 20010db8000000000000000000000001/128"));
  test("the shortest IPv6 address", () => reads("::", "address 0/128"));
  test("an IPv6 network", () =>
    reads("2001:db8::/32", "address 20010db8000000000000000000000000/32"));
  test("an IPv6 address in brackets at a port", () => reads("[::1]:53", "address 1/128 :53-53"));
  test("an IPv6 network in brackets", () =>
    reads("[fe80::/10]:1-2", "address fe800000000000000000000000000000/10 :1-2"));
  test("an IPv6 network behind brackets", () =>
    reads("[fe80::]/10:1-2", "address fe800000000000000000000000000000/10 :1-2"));
  test("a mapped address is its IPv4 address", () =>
    reads("::ffff:10.1.2.3", "address ffff0a010203/128"));
  test("a mapped address in hexadecimal too", () =>
    reads("::ffff:a01:203", "address ffff0a010203/128"));
  test("a host name", () => reads("API.GitHub.com", "host api.github.com"));
  test("a host glob at a port", () => reads("*.github.com:443", "host *.github.com :443-443"));
  test("a host name with its last dot", () => reads("example.com.", "host example.com"));
  test("a host name that starts with a number", () => reads("1password.com", "host 1password.com"));
  test("a path socket", () => reads("unix:/run/docker.sock", "unix /run/docker.sock"));
  test("a path socket by glob", () => reads("unix:/run/**/*.sock", "unix /run/**/*.sock"));
  test("an abstract socket", () => reads("unix:@dbus-*", "unix @dbus-*"));
});

describe("literals", () => {
  for (const text of [
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.x",
    " 1.2.3.4",
  ]) {
    test(`\`${text}\` is no IPv4 address`, () => expect(parseIPv4(text)).toBeNull());
  }
  for (const text of [
    "",
    ":",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1::2",
    "12345::",
    "g::",
    "::1.2.3",
    "1:2:3:4:5:6:7::8",
    "1.2.3.4::",
  ]) {
    test(`\`${text}\` is no IPv6 address`, () => expect(parseIPv6(text)).toBeNull());
  }
});
