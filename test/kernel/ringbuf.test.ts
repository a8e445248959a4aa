// The ring buffer and its doorbell, with events that a SEC("syscall") program writes on demand.

import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { $ } from "bun";
import { ownedBytes, viewOf } from "../../src/base/bytes.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";
import { monotonicNs } from "../../src/kernel/libc.ts";
import { RingBuffer } from "../../src/kernel/ringbuf.ts";
import { bun, compiledBpf, root } from "./compile.ts";

const elf = await compiledBpf("probe");

interface Seen {
  tell(count?: number): void;
  ring: RingBuffer;
  /** The sequence number and age of each event, in order of arrival. */
  events: { sequence: number; ageNs: bigint; bytes: number }[];
}

let close: () => Promise<void> = async () => {};
afterEach(() => close());

function start(ringBytes = 1 << 20): Seen {
  const object = BpfObject.open("probe", elf);
  object.map("events").setEntriesMax(ringBytes);
  object.load();
  const events: Seen["events"] = [];
  const ring = new RingBuffer(object.map("events").fd, (event) => {
    const view = viewOf(event);
    const ageNs = monotonicNs() - view.getBigUint64(0, true);
    ring.drain(); // changes nothing inside the callback
    events.push({ sequence: view.getUint32(16, true), ageNs, bytes: event.length });
  });
  const argument = ownedBytes(16);
  close = async () => {
    await ring.close();
    object.close();
  };
  return {
    ring,
    events,
    tell: (count = 1) => {
      for (let index = 0; index < count; index++) object.program("tell").run(argument);
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!condition() && performance.now() < deadline) await Bun.sleep(1);
}

const countingFrom0 = (count: number) => Array.from({ length: count }, (_, index) => index);

test("drain hands over what is there, at once and in order", () => {
  const { ring, events, tell } = start();
  tell(3);
  expect(events).toEqual([]);
  ring.drain();
  expect(events.map((event) => event.sequence)).toEqual([0, 1, 2]);
  expect(events[0]!.bytes).toBe(24);
});

test("events come by themselves once the ring is listened to", async () => {
  const { ring, events, tell } = start();
  ring.listen();
  await ring.settled();
  for (let round = 1; round <= 50; round++) {
    tell();
    await until(() => events.length === round);
  }
  expect(events.map((event) => event.sequence)).toEqual(countingFrom0(50));
  const ages = events.map((event) => Number(event.ageNs)).sort((left, right) => left - right);
  expect(ages[25]!).toBeLessThan(5_000_000);
});

test("a flood is taken in turns, so a timer still runs", async () => {
  const { ring, events, tell } = start(1 << 22);
  const flood = 20_000;
  tell(flood);
  const seenAtTimer: number[] = [];
  const timer = setInterval(() => seenAtTimer.push(events.length), 0);
  ring.listen();
  await ring.settled();
  await until(() => events.length === flood);
  clearInterval(timer);
  expect(events.map((event) => event.sequence)).toEqual(countingFrom0(flood));
  expect(seenAtTimer.some((count) => count > 0 && count < flood)).toBe(true);
});

test("close hands over what is left and ends the worker at once", async () => {
  const { ring, events, tell } = start();
  ring.listen();
  await ring.settled();
  tell(2);
  const before = performance.now();
  await ring.close();
  expect(performance.now() - before).toBeLessThan(500);
  expect(events.length).toBe(2);
});

test("the doorbell rings in a compiled executable, from any folder", async () => {
  const executable = join(root, "build/test/ring");
  const main = join(import.meta.dir, "fixtures/ring.ts");
  const worker = join(root, "src/kernel/doorbell.worker.ts");
  await $`${bun} build --compile --format=esm --splitting --root ${join(root, "src")} ${main} ${worker} --outfile ${executable}`.quiet();
  const object = join(root, "build/test/probe.bpf.o");
  expect(await $`${executable} ${object}`.cwd("/").text()).toBe("ring 0\nring 1\nring 2\nclosed\n");
}, 30_000);
