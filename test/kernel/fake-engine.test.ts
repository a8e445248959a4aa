// The stand-in keeps the contract's books: what the tests above it rely on.

import { expect, test } from "bun:test";
import type { KernelEvent } from "../../src/kernel/kernel.ts";
import { FakeEngine } from "./fake-engine.ts";

const image = new Uint32Array(64);

test("a domain's generation grows with every policy", async () => {
  const engine = new FakeEngine();
  const session = engine.newSession();
  expect(await engine.setDomain(1, session, image)).toEqual({ generation: 1 });
  expect(await engine.setDomain(1, session, image)).toEqual({ generation: 2 });
});

test("a process moves within its session only", async () => {
  const engine = new FakeEngine();
  const [one, other] = [engine.newSession(), engine.newSession()];
  await engine.setDomain(1, one, image);
  await engine.setDomain(2, one, image);
  await engine.setDomain(3, other, image);
  engine.admit(10, 1);
  engine.admit(10, 2);
  expect([engine.domainOf(10), engine.members(1), engine.members(2)]).toEqual([2, [], [10]]);
  expect(() => engine.admit(10, 3)).toThrow();
  expect(() => engine.endSession(one)).toThrow();
  engine.exit(10);
  engine.endSession(one);
  expect([...engine.domains.keys()]).toEqual([3]);
});

test("what is emitted is told, and counted by the session's clause ids", () => {
  const told: KernelEvent[] = [];
  const engine = new FakeEngine((event) => told.push(event));
  engine.emit({ type: "match", session: 1, clauses: [2] });
  expect(told.map(({ clauses }) => clauses)).toEqual([[2]]);
  expect(engine.hits(1)).toEqual([0, 0, 1]);
});
