// Recorded kernel events become the trace they were: by hand here, from a kernel elsewhere.

import { expect, test } from "bun:test";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import { blankEvent, type KernelEvent } from "../../src/kernel/kernel.ts";
import { prepare } from "./agreement.ts";
import { compareRecorded, recordedFrom } from "./recorded.ts";

const roots = { workspace: "/w", home: "/h" };
const policy = `
  source SECRET = file ".env"
  rule watch:
    notify exec any
    notify open any
    notify write any
    notify connect any
  rule no-leak:
    block connect "*" if SECRET`;
const watch = { exec: 0, open: 1, write: 2, connect: 3, leak: 4 };

test("a record in which the kernel did as the policy says has no differences", () => {
  expect(compare(secretRead, leakRefused)).toEqual([]);
});

test("a leak that the kernel let pass is one difference", () => {
  const passed = {
    ...leakRefused,
    effect: "notify",
    outcome: "observed",
    clauses: [watch.connect],
  } as const;
  expect(compare(secretRead, passed)).toEqual([
    {
      command: "2 connect tcp 10.0.0.1 443",
      kernel: "notify watch:3 {SECRET}",
      model: "block no-leak:0 watch:3 {}",
      simulation: "block no-leak:0 watch:3 {}",
    },
  ]);
});

test("the judgements of a script and of its interpreter are one exec", () => {
  const script = match(["exec"], "/w/run.sh", [watch.exec], {
    second: text("./run.sh\0a\0"),
    words: 2,
  });
  const interpreter = match(["exec"], "/bin/sh", [watch.exec]);
  const done = { ...interpreter, type: "exec", effect: "none", clauses: [] } as const;
  expect(compare(script, interpreter, done)).toEqual([]);
});

test("the judgements of the two names of a rename are one rename", () => {
  const from = match(["rename"], "/w/.env", [watch.write]);
  const to = match(["rename", "create"], "/tmp/x", [watch.write]);
  const read = match(["open", "read"], "/tmp/x", [watch.open], { labels: [0] });
  expect(compare(from, to, read)).toEqual([]);
});

const secretRead = match(["open", "read"], "/w/.env", [watch.open], { labels: [0] });
const leakRefused = match(["connect"], "", [watch.connect, watch.leak], {
  first: Uint8Array.from([6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1, 1, 187]),
  labels: [0],
  effect: "block",
  outcome: "refused",
});

/** Differences of a record in which process 10 forks 20 and 20 then does all of it. */
function compare(...events: readonly KernelEvent[]): unknown {
  const fork: KernelEvent = { ...match([], "", []), type: "fork", effect: "none", parent: 10 };
  const recorded = [fork, ...events].map(recordedFrom);
  return compareRecorded(prepare(policy, roots), roots, JSON.parse(JSON.stringify(recorded)), 10);
}

function match(
  operations: readonly OperationName[],
  target: string,
  clauses: readonly number[],
  more: Partial<KernelEvent> = {},
): KernelEvent {
  return {
    ...blankEvent,
    timeNs: 1_000_000n,
    tgid: 20,
    tid: 20,
    parent: 10,
    domain: 1,
    session: 1,
    generation: 1,
    ops: operations.reduce((mask, name) => mask | operationBits[name], 0),
    effect: "notify",
    clauses,
    first: text(target),
    ...more,
  };
}

function text(of: string): Uint8Array {
  return new TextEncoder().encode(of);
}
