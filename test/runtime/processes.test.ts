// Who started whom, what runs, and from where labels came.

import { expect, test } from "bun:test";
import { operationBits } from "../../src/ir/abi.ts";
import type { KernelEvent } from "../../src/kernel/kernel.ts";
import { Processes } from "../../src/runtime/processes.ts";
import { addressBytes, encoded, eventOf } from "./story.ts";

/** Events a nanosecond apart. */
function after(...told: readonly Partial<KernelEvent>[]): Processes {
  const processes = new Processes(() => null);
  told.forEach((more, index) => processes.observe(eventOf({ timeNs: BigInt(index + 1), ...more })));
  return processes;
}

const fork = (parent: number, tgid: number): Partial<KernelEvent> => ({
  type: "fork",
  parent,
  tgid,
});
const exec = (tgid: number, program: string, labels: number[] = []): Partial<KernelEvent> => ({
  type: "exec",
  tgid,
  ops: operationBits.exec,
  first: encoded(program),
  words: 1,
  second: encoded(`${program}\0`),
  labels,
});
const exit = (tgid: number): Partial<KernelEvent> => ({ type: "exit", tgid });
const read = (tgid: number, path: string, labels: number[]): Partial<KernelEvent> => ({
  type: "label",
  tgid,
  ops: operationBits.open | operationBits.read,
  first: encoded(path),
  labels,
});

const programs = (processes: Processes, tgid: number) =>
  processes.ancestors(tgid).map(({ program }) => program);

test("a child runs what its parent runs until it runs something else", () => {
  const processes = after(exec(10, "/bin/sh"), fork(10, 11));
  expect(processes.get(11)).toMatchObject({ parent: 10, program: "/bin/sh", argv: ["/bin/sh"] });
  processes.observe(eventOf(exec(11, "/bin/ls")));
  expect(processes.get(11)?.program).toBe("/bin/ls");
  expect(processes.get(10)?.program).toBe("/bin/sh");
});

test("ancestors are told nearest first, ended ones too", () => {
  const processes = after(
    exec(10, "/a"),
    fork(10, 11),
    exec(11, "/b"),
    fork(11, 12),
    exec(12, "/c"),
    exit(11),
  );
  expect(programs(processes, 12)).toEqual(["/b", "/a"]);
  expect(processes.get(11)?.ended).toBe(true);
});

test("a process that nothing is known of has no ancestors", () => {
  const processes = after();
  expect(processes.get(5)).toBeNull();
  expect(processes.ancestors(5)).toEqual([]);
});

test("a reused number begins anew", () => {
  const processes = after(exec(10, "/a", [0]), fork(10, 11), exit(11), fork(10, 11));
  expect(processes.get(11)).toMatchObject({ ended: false, program: "/a" });
});

test("a reused number whose fork was lost begins anew as well", () => {
  const processes = after(exec(11, "/a", [0]), exit(11), exec(11, "/b"));
  expect(processes.get(11)).toMatchObject({ ended: false, program: "/b" });
  expect(processes.get(11)?.acquired.size).toBe(0);
});

test("whoever got a dead parent's number is not its children's parent", () => {
  const processes = after(
    exec(10, "/a"),
    fork(10, 11),
    exec(11, "/parent"),
    fork(11, 12),
    exit(11),
    fork(10, 11),
    exec(11, "/stranger"),
  );
  expect(programs(processes, 12)).toEqual([]);
});

test("a line of ancestors has an end", () => {
  const forks = Array.from({ length: 500 }, (_, i) => fork(i + 10, i + 11));
  expect(after(exec(10, "/a"), ...forks).ancestors(510)).toHaveLength(64);
});

test("a process that is its own parent is no ring", () =>
  expect(after(fork(10, 10)).ancestors(10).length).toBeLessThanOrEqual(64));

test("a label's origin is the first operation that brought it", () => {
  const processes = after(
    exec(10, "/bin/agent", [0]),
    read(10, "/etc/secret", [0, 1]),
    read(10, "/etc/other", [0, 1]),
  );
  const common = {
    tgid: 10,
    startedNs: 1n,
    program: "/bin/agent",
    object: null,
    isSource: null,
    gain: 0,
  };
  expect([...(processes.get(10)?.acquired.values() ?? [])]).toEqual([
    { ...common, label: 0, how: "exec", what: "/bin/agent", timeNs: 1n },
    { ...common, label: 1, how: "read", what: "/etc/secret", timeNs: 2n },
  ]);
});

test("a child's labels come from where its parent had them", () => {
  const processes = after(read(10, "/etc/secret", [1]), fork(10, 11), exec(11, "/bin/cat", [1]));
  expect(processes.get(11)?.acquired.get(1)).toMatchObject({ tgid: 10, what: "/etc/secret" });
});

test("a label that was taken away and comes back has a new origin", () => {
  const processes = after(
    read(10, "/etc/secret", [1]),
    exec(10, "/bin/redact", []),
    read(10, "/etc/other", [1]),
  );
  expect(processes.get(10)?.acquired.get(1)?.what).toBe("/etc/other");
});

test("a label that comes back with the next program has its old origin", () => {
  const processes = after(
    read(10, "/etc/secret", [1]),
    exec(10, "/bin/redact", []),
    fork(10, 11),
    exec(11, "/bin/sh", [1]),
  );
  expect(processes.get(10)?.acquired.size).toBe(0);
  expect(processes.get(11)?.acquired.get(1)?.what).toBe("/etc/secret");
});

test("a label of an address", () => {
  const first = addressBytes("tcp", "10.0.0.1", 80);
  const processes = after({ type: "label", ops: operationBits.connect, first, labels: [3] });
  expect(processes.get(10)?.acquired.get(3)).toMatchObject({
    how: "connect",
    what: "tcp://10.0.0.1:80",
  });
});

/** An exec of a script, which the kernel hands to `program` with `argv`. */
const script = (tgid: number, program: string, argv: readonly string[], at: number) => ({
  ...exec(tgid, program),
  words: argv.length,
  second: encoded(argv.map((word) => `${word}\0`).join("")),
  script: at,
});

test("a script is what its interpreter goes by", () => {
  const processes = after(script(10, "/bin/bash", ["/bin/bash", "-e", "./deploy.sh"], 2));
  expect(processes.get(10)).toMatchObject({ program: "/bin/bash", script: "./deploy.sh" });
  processes.observe(eventOf(exec(10, "/bin/ls")));
  expect(processes.get(10)?.script).toBeNull();
});

test("a script that env finds the interpreter of goes on to be that script", () => {
  const told = script(10, "/usr/bin/env", ["/usr/bin/env", "node", "./cli"], 2);
  const node = script(10, "/usr/bin/node", ["node", "./cli"], 0);
  expect(after(told, node).get(10)?.script).toBe("./cli");
  expect(after(told, { ...node, words: 1 }).get(10)?.script).toBeNull();
});

test("a child runs the script of its parent", () =>
  expect(after(script(10, "/bin/sh", ["sh", "./x"], 1), fork(10, 11)).get(11)?.script).toBe("./x"));

test("ended processes are forgotten before there are too many", () => {
  const processes = new Processes(() => null);
  for (let tgid = 1; tgid <= 70_000; tgid++) {
    processes.observe(eventOf(fork(0, tgid)));
    if (tgid > 1) processes.observe(eventOf(exit(tgid)));
  }
  expect(processes.get(1)?.ended).toBe(false);
  expect(processes.get(2)).toBeNull();
  expect(processes.get(70_000)).not.toBeNull();
});
