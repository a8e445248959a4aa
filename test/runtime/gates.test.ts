// What becomes of a gate, event by event.

import { expect, test } from "bun:test";
import type { KernelEvent } from "../../src/kernel/kernel.ts";
import { type GateHistory, Gates } from "../../src/runtime/gates.ts";
import { encoded, eventOf } from "./story.ts";

/** Events at 1, 2, 3 ns of gate 0, and what is known of it then. */
function check(
  expected: Partial<GateHistory>,
  told: readonly Partial<KernelEvent>[],
  opensAtStart = false,
): void {
  const gates = new Gates(() => opensAtStart);
  told.forEach((more, index) =>
    gates.observe(eventOf({ gates: [0], timeNs: BigInt(index + 1), ...more })),
  );
  expect(gates.history(0)).toMatchObject(expected);
}

const start = { type: "gate-start", tgid: 20 } as const;
const open = { type: "gate-open", tgid: 20 } as const;
const failed = { type: "run-failed", tgid: 20 } as const;
const exit = (status: number, tgid = 20) => ({ type: "exit", gates: [], tgid, status }) as const;
const stale = { type: "gate-stale", tgid: 30, first: encoded("/src/a.c") } as const;

test("nothing yet", () =>
  check({ startedNs: null, running: false, satisfiedNs: null, failedStatus: null }, []));

test("a run under way", () => check({ startedNs: 1n, running: true, satisfiedNs: null }, [start]));

test("a run that satisfied it: the instant is its start", () =>
  check({ startedNs: 1n, running: false, satisfiedNs: 1n }, [start, open, exit(0)]));

test("a run that failed tells its status", () =>
  check({ running: false, satisfiedNs: null, failedStatus: 256 }, [start, failed, exit(256)]));

test("a success after a failure", () =>
  check({ satisfiedNs: 4n, failedStatus: null }, [start, failed, exit(256), start, open, exit(0)]));

test("a failure after a success leaves it open", () =>
  check({ satisfiedNs: 1n, failedStatus: 9, stale: null }, [
    start,
    open,
    exit(0),
    start,
    failed,
    exit(9),
  ]));

test("two runs at once: the first to end leaves the other running", () =>
  check({ running: true, satisfiedNs: 1n }, [start, { ...start, tgid: 21 }, open, exit(0)]));

test("a run that its caller could steer does not count, until the next one", () => {
  const steered = { type: "exec", steered: "loader" } as const;
  check({ startedNs: null, steeredNs: 1n }, [steered]);
  check({ startedNs: 2n, steeredNs: null }, [steered, start]);
});

test("stale, and who did it", () =>
  check(
    { satisfiedNs: 1n, stale: { timeNs: 4n, what: "/src/a.c", how: "change", tgid: 30, exe: "" } },
    [start, open, exit(0), stale],
  ));

test("opened again it is stale no longer", () =>
  check({ satisfiedNs: 5n, stale: null }, [start, open, exit(0), stale, start, open, exit(0)]));

test("without `exits` its start opens it", () =>
  check({ startedNs: 1n, running: false, satisfiedNs: 1n }, [start], true));

test("and opens it again", () =>
  check({ satisfiedNs: 3n, stale: null }, [start, stale, start], true));

test("an exit of somebody else means nothing", () =>
  check({ running: true, failedStatus: null }, [start, exit(1, 99)]));

test("a run whose end was lost ends with its process", () =>
  check({ running: false, satisfiedNs: null }, [start, exit(0)]));

test("gates are told apart", () => {
  const gates = new Gates(() => false);
  gates.observe(eventOf({ ...start, gates: [0, 5], timeNs: 1n }));
  gates.observe(eventOf({ ...open, gates: [5], timeNs: 2n }));
  expect(gates.history(0)).toMatchObject({ satisfiedNs: null });
  expect(gates.history(5)).toMatchObject({ satisfiedNs: 1n });
});
