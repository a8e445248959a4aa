// The feedback of a domain: numbered, waited for, acknowledged, bounded, and there after a restart.

import { describe, expect, test } from "bun:test";
import { recordsMax } from "../../src/runtime/queue.ts";
import { makePlane, member, operator, restarted, stateFolder } from "./plane.ts";
import { eventOf } from "./story.ts";

const policy = 'rule no-git: block exec "git" because "no"';

async function planeWithDomain(folder: string | null = null) {
  const plane = makePlane(folder);
  const id = await plane.make(policy);
  return { plane, id };
}

test("a match becomes a record of its domain, and of no other", async () => {
  const { plane, id } = await planeWithDomain();
  const other = await plane.make(policy);
  plane.match(id);
  const { records, next, missed } = plane.queue.read(id, 0, 10);
  expect(records.map(({ seq, rule, domain }) => [seq, rule.name, domain])).toEqual([
    [1, "no-git", "agent"],
  ]);
  expect({ next, missed }).toEqual({ next: 1, missed: 0 });
  expect(plane.queue.read(other, 0, 10).records).toEqual([]);
});

test("a record says where its rule stands, in whichever text", async () => {
  const { plane, id } = await planeWithDomain();
  await plane.add(member(id), id, '\n  rule later: block exec "dd"');
  const clause = plane.control
    .existing(id)
    .compiled?.clauses.find(({ rule }) => rule.name.text === "later");
  plane.tell(id, { type: "match", clauses: [clause?.id ?? -1] });
  plane.intake.flush();
  expect(plane.queue.read(id, 0, 10).records[0]?.rule).toMatchObject({ file: "added", line: 2 });
});

describe("waiting", () => {
  test("ends with the record that comes", async () => {
    const { plane, id } = await planeWithDomain();
    const waits = plane.queue.wait(id, 0, 60_000);
    expect(plane.queue.waiters.count()).toBe(1);
    plane.match(id);
    await waits;
    expect(plane.queue.waiters.count()).toBe(0);
    expect(plane.queue.read(id, 0, 10).records).toHaveLength(1);
  });
  test("ends at once where there is one already", async () => {
    const { plane, id } = await planeWithDomain();
    plane.match(id);
    await plane.queue.wait(id, 0, 60_000);
  });
  test("ends with its time, and with its reader", async () => {
    const { plane, id } = await planeWithDomain();
    await plane.queue.wait(id, 0, 5);
    const gone = new AbortController();
    const waits = plane.queue.wait(id, 0, 60_000, gone.signal);
    gone.abort();
    await waits;
    expect(plane.queue.waiters.count()).toBe(0);
  });
});

test("what was acknowledged can be read again, and acknowledging less changes nothing", async () => {
  const { plane, id } = await planeWithDomain();
  for (let i = 0; i < 3; i++) plane.match(id);
  expect(plane.queue.ack(id, 2).acked).toBe(2);
  expect(plane.queue.ack(id, 1).acked).toBe(2);
  expect(plane.queue.ack(id, 99).acked).toBe(3);
  expect(plane.queue.read(id, 0, 10).records).toHaveLength(3);
});

test("a domain that is refused in a loop loses its own records over the rate, counted, and nobody else's", async () => {
  const { plane, id } = await planeWithDomain();
  const other = await plane.make(policy);
  const [clause] = plane.control.existing(id).compiled?.clauses ?? [];
  for (let i = 0; i < 3_000; i++) plane.tell(id, { type: "match", clauses: [clause?.id ?? 0] });
  plane.match(other);
  const { last, dropped } = plane.queue.state(id);
  expect(last + dropped).toBe(3_000);
  expect(last).toBeGreaterThanOrEqual(1_000);
  expect(last).toBeLessThan(1_500);
  expect(plane.queue.state(other)).toMatchObject({ last: 1, dropped: 0 });
});

test("a queue drops its oldest, tells how many nobody acknowledged, and a reader what it missed", async () => {
  const { plane, id } = await planeWithDomain();
  const total = recordsMax + 300;
  plane.match(id);
  const [first] = plane.queue.read(id, 0, 1).records;
  if (first === undefined) throw new Error("a match makes a record");
  const append = (from: number, to: number) =>
    plane.store.transaction(() => {
      const seqs = Array.from({ length: to - from + 1 }, (_, i) => from + i);
      plane.queue.append(seqs.map((seq) => ({ domain: id, record: { ...first, seq } })));
    });
  append(2, 100);
  plane.queue.ack(id, 40);
  append(101, total);
  const { last, dropped } = plane.queue.state(id);
  expect(last).toBe(total);
  const { records, missed } = plane.queue.read(id, 0, 1);
  expect(missed).toBe((records[0]?.seq ?? 0) - 1);
  expect(missed).toBeGreaterThan(40);
  expect(dropped).toBe(missed - 40);
  const kept = plane.store.one<{ n: number }>("SELECT count(*) AS n FROM feedback");
  expect(kept?.n).toBe(total - missed);
});

test("a disk that fails loses nothing: the records are written with the next ones", async () => {
  const { plane, id } = await planeWithDomain();
  const { written } = plane.store;
  plane.store.written = () => {
    throw new Error("database or disk is full");
  };
  plane.match(id);
  expect(plane.intake.failure).toBe("database or disk is full");
  expect(plane.queue.read(id, 0, 10).records).toEqual([]);
  plane.store.written = written.bind(plane.store);
  plane.match(id);
  expect(plane.intake.failure).toBeNull();
  expect(plane.queue.read(id, 0, 10).records.map(({ seq }) => seq)).toEqual([1, 2]);
});

test("a disk that failed is tried again, though nothing more comes", async () => {
  const { plane, id } = await planeWithDomain();
  const { written } = plane.store;
  plane.store.written = () => {
    throw new Error("database or disk is full");
  };
  plane.match(id);
  plane.store.written = written.bind(plane.store);
  const waits = plane.queue.wait(id, 0, 10_000);
  await waits;
  expect(plane.queue.state(id).last).toBe(1);
});

test("events of a domain that nobody knows are counted", () => {
  const plane = makePlane();
  plane.intake.observe({ ...storyless, domain: 77, session: 9 });
  expect(plane.intake.lost).toBe(1);
});

test("a daemon that is started anew has records, numbers, acknowledgements and where labels came from", async () => {
  const { folder, remove } = stateFolder();
  const before = makePlane(folder);
  const id = await before.make('source A = exec "agent"\nrule no-git: block exec "git" if A');
  const text = (words: string) => new TextEncoder().encode(words);
  before.tell(id, { type: "fork", tgid: 10, parent: 9 });
  before.tell(id, {
    type: "exec",
    tgid: 10,
    parent: 9,
    ops: 1,
    labels: [0],
    first: text("/bin/agent"),
    second: text("agent\0--x"),
    words: 2,
  });
  before.match(id);
  before.queue.ack(id, 1);
  const after = await restarted(before, folder);
  expect(after.queue.state(id)).toMatchObject({ last: 1, acked: 1, dropped: 0 });
  after.tell(id, { ...git, clauses: [0], labels: [0] });
  after.intake.flush();
  const [, second] = after.queue.read(id, 0, 10).records;
  expect(second).toMatchObject({
    seq: 2,
    process: { pid: 10, exe: "/bin/agent", argv: ["agent", "--x"] },
    provenance: [{ label: "A", how: "exec", what: "/bin/agent", pid: 10 }],
  });
  after.store.close();
  remove();
});

test("what an operator takes away explains its last events all the same", async () => {
  const { plane, id } = await planeWithDomain();
  await plane.add(member(id), id, 'rule later: block exec "dd"');
  const clause = plane.control.existing(id).compiled?.clauses[1]?.id ?? -1;
  await plane.control.removeText(operator, id, 2);
  plane.tell(id, { type: "match", clauses: [clause] });
  plane.intake.flush();
  expect(plane.queue.read(id, 0, 10).records[0]?.rule.name).toBe("later");
});

const storyless = eventOf();
const git = {
  type: "match",
  tgid: 10,
  ops: 1,
  outcome: "refused",
  first: new TextEncoder().encode("/usr/bin/git"),
} as const;
