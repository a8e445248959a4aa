// The lines of --events.

import { expect, test } from "bun:test";
import { operationBits } from "../../src/ir/abi.ts";
import { eventTypes, type KernelEvent } from "../../src/kernel/kernel.ts";
import { clockAt } from "../../src/runtime/clock.ts";
import { eventJson } from "../../src/surface/text/event.ts";
import { addressBytes, compiledPolicy, encoded, eventOf } from "../runtime/story.ts";
import { hostileName } from "./golden.ts";

const { compiled } = compiledPolicy(
  'source AGENT = exec "claude"\nrule r: block exec "git" if AGENT unless lineage-includes exec "make"',
);
const clock = clockAt(0n, Date.UTC(2030, 0, 1));

function line(more: Partial<KernelEvent>) {
  const json = eventJson(eventOf(more), { compiled, clock, tier: "tracepoint" });
  expect(JSON.stringify(json)).not.toContain("\n");
  return json;
}

test("every type of event says the same things of itself", () => {
  const keys = eventTypes.map((type) => Object.keys(line({ type })).join(" "));
  expect(new Set(keys).size).toBe(1);
  for (const type of eventTypes) {
    const common = {
      schema_version: 1,
      type,
      tier: "tracepoint",
      pid: 10,
      time: "2030-01-01T00:00:00.000Z",
    };
    expect(line({ type })).toMatchObject(common);
  }
});

test("an exec has a program and its arguments", () =>
  expect(
    line({
      type: "exec",
      ops: operationBits.exec,
      first: encoded("/bin/ls"),
      words: 2,
      second: encoded("ls\0-l\0X"),
    }),
  ).toMatchObject({
    ops: ["exec"],
    target: "/bin/ls",
    argv: ["ls", "-l"],
    outcome: null,
    status: null,
  }));

test("an exit has a status as wait(2) gives it", () =>
  expect(line({ type: "exit", status: 9 })).toMatchObject({ status: 9, target: null, argv: null }));

test("an object has its identity, a script its name", () =>
  expect(
    line({
      type: "exec",
      first: encoded("/bin/sh"),
      words: 2,
      second: encoded("/bin/sh\0./x\0"),
      script: 1,
      object: { kind: "file", inode: 2n ** 63n, device: (8 << 20) | 1, generation: 7 },
    }),
  ).toMatchObject({
    script: "./x",
    object: { kind: "file", device: "8:1", inode: "9223372036854775808", generation: 7 },
  }));

test("an address is text", () =>
  expect(
    line({ ops: operationBits.connect, first: addressBytes("udp", "1.1.1.1", 53) }).target,
  ).toBe("udp://1.1.1.1:53"));

test("labels have their names", () => {
  const labels = compiled.labels.map(({ bit }) => bit);
  expect(line({ labels }).labels).toContain("AGENT");
});

test("a match says what was done and whether strictly", () => {
  expect(
    line({ effect: "block", outcome: "killed-before", clauses: [0], strictPath: true }),
  ).toMatchObject({
    effect: "block",
    outcome: "killed-before",
    clauses: [0],
    builtin: null,
    strict: "path",
  });
  expect(line({ builtin: "bpf", strictArgs: true })).toMatchObject({
    builtin: "bpf",
    strict: "arguments",
  });
});

test("a name with line breaks stays in its line, whole", () => {
  const json = line({ ops: operationBits.read, first: encoded(hostileName) });
  expect(JSON.parse(JSON.stringify(json)).target).toBe(hostileName);
});
