// Names and addresses as the kernel half tells them, as text.

import { describe, expect, test } from "bun:test";
import { operationBits } from "../../src/ir/abi.ts";
import { endpointText, pathText, targetText, wordsOf } from "../../src/runtime/bytes.ts";
import { addressBytes, encoded } from "./story.ts";

describe("addresses", () => {
  const check = (host: string, expected: string) =>
    test(`${host} is ${expected}`, () =>
      expect(endpointText(addressBytes("tcp", host, 443))).toBe(`tcp://${expected}:443`));
  check("10.0.0.1", "10.0.0.1");
  check("0.0.0.0", "0.0.0.0");
  check("0:0:0:0:0:0:0:1", "[::1]");
  check("0:0:0:0:0:0:0:0", "[::]");
  check("2001:db8:0:0:0:0:2:1", "[2001:db8::2:1]");
  check("2001:DB8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]");
  check("2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]");
  check("2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]");
  check("fe80:0:0:0:0:0:0:0", "[fe80::]");
  check("10:0:1:0:0:1:1:1", "[10:0:1::1:1:1]");
  check("0:0:1:0:0:0:1:0", "[0:0:1::1:0]");
  // All but the mark of a mapped address.
  check("0:0:0:0:0:ff00:a00:1", "[::ff00:a00:1]");
  check("0:0:0:0:1:ffff:a00:1", "[::1:ffff:a00:1]");
  test("the protocol is named", () => {
    expect(endpointText(addressBytes("udp", "1.1.1.1", 53))).toBe("udp://1.1.1.1:53");
    const other = addressBytes("udp", "1.1.1.1", 53);
    other[0] = 132;
    expect(endpointText(other)).toBe("protocol-132://1.1.1.1:53");
  });
  test("a port of two bytes", () =>
    expect(endpointText(addressBytes("tcp", "1.1.1.1", 65535))).toEndWith(":65535"));
});

describe("targets", () => {
  const of = (ops: number, first: Uint8Array) => targetText({ ops, first });
  test("of an operation on addresses", () =>
    expect(of(operationBits.connect, addressBytes("tcp", "1.1.1.1", 1))).toBe("tcp://1.1.1.1:1"));
  test("of an operation on files, whatever its length", () =>
    expect(of(operationBits.read, encoded("/nineteen/bytes/ab."))).toBe("/nineteen/bytes/ab."));
  test("a name where an address was to be expected", () =>
    expect(of(operationBits.connect, encoded("/run/x.sock"))).toBe("/run/x.sock"));
});

describe("words", () => {
  test("joined and ended by NUL", () =>
    expect(wordsOf(encoded("git\0push\0"), 2)).toEqual(["git", "push"]));
  test("what follows the last is left out", () =>
    expect(wordsOf(encoded("git\0push\0HOME=/root\0"), 2)).toEqual(["git", "push"]));
  test("cut ones are fewer", () => expect(wordsOf(encoded("git\0pu"), 5)).toEqual(["git", "pu"]));
  test("empty ones count", () => expect(wordsOf(encoded("a\0\0b\0"), 3)).toEqual(["a", "", "b"]));
  test("none", () => expect(wordsOf(new Uint8Array(), 0)).toEqual([]));
});

test("what is no UTF-8 is replaced, and a byte order mark stays", () => {
  expect(pathText(Uint8Array.of(47, 255, 97))).toBe("/\ufffda");
  expect(pathText(encoded("\ufeffa"))).toBe("\ufeffa");
});
