// The guardian: what it holds, when it lets go, and what it says.

import { expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ownedBytes, viewOf } from "../../src/base/bytes.ts";
import { linkFdById } from "../../src/kernel/libbpf/ids.ts";
import { BpfMap } from "../../src/kernel/libbpf/map.ts";
import { bun, compiledBpf, root } from "./compile.ts";

setDefaultTimeout(30_000);
await compiledBpf("probe");

/** Runs fixtures/supervise.ts to its end; `err` ends when the guardian does. */
async function supervise(end: string, members: number[]) {
  const command = [
    bun,
    join(import.meta.dir, "fixtures/supervise.ts"),
    join(root, "build/test/probe.bpf.o"),
    end,
  ];
  const child = Bun.spawn([...command, ...members.map(String)], { stdout: "pipe", stderr: "pipe" });
  const err = child.stderr.text();
  const { linkId, mapId, guardian, self } = JSON.parse(await child.stdout.text());
  await child.exited;
  return { linkId, mapId, guardian, self, err };
}

function isAttached(linkId: number): boolean {
  try {
    closeSync(linkFdById(linkId));
    return true;
  } catch {
    return false;
  }
}

/** Ended, though perhaps not yet reaped by init. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

function remove(mapId: number, member: number): void {
  const map = BpfMap.byId(mapId);
  const key = ownedBytes(4);
  viewOf(key).setUint32(0, member, true);
  map.delete(key);
  map.close();
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition() && performance.now() < deadline) await Bun.sleep(5);
  expect(condition()).toBe(true);
}

test("it leaves at once and in silence when it is told to", async () => {
  const { linkId, guardian, err } = await supervise("leave", [1, 2]);
  await until(() => hasEnded(guardian));
  await until(() => !isAttached(linkId)); // the kernel drops a link a little later than its last holder
  expect(await err).toBe("");
});

test("when the supervisor is killed the rules stay until the last member is gone", async () => {
  const { linkId, mapId, guardian, self, err } = await supervise("kill", [1, 2]);
  await Bun.sleep(400);
  expect(isAttached(linkId)).toBe(true);
  remove(mapId, 1);
  await Bun.sleep(400);
  expect(isAttached(linkId)).toBe(true);
  remove(mapId, 2);
  await until(() => hasEnded(guardian));
  await until(() => !isAttached(linkId)); // the kernel drops a link a little later than its last holder
  expect(await err).toBe(
    `actplane: the supervisor (pid ${self}) is gone; the rules stay in force for 2 processes, but refusals are no longer explained here\n`,
  );
});

test("with no member left a killed supervisor leaves nothing, in silence", async () => {
  const { linkId, guardian, err } = await supervise("kill", []);
  await until(() => hasEnded(guardian));
  await until(() => !isAttached(linkId)); // the kernel drops a link a little later than its last holder
  expect(await err).toBe("");
});

test("it stays for processes that the command left behind", async () => {
  const { linkId, mapId, guardian, err } = await supervise("stay", [7]);
  await Bun.sleep(300);
  expect(isAttached(linkId)).toBe(true);
  remove(mapId, 7);
  await until(() => hasEnded(guardian));
  expect(await err).toContain("the rules stay in force for 1 process it left behind");
});

test("keys and hang-ups do not end it; SIGTERM does once it is alone", async () => {
  const { linkId, guardian } = await supervise("kill", [1]);
  for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP"] as const) process.kill(guardian, signal);
  await Bun.sleep(300);
  expect(isAttached(linkId)).toBe(true);
  process.kill(guardian, "SIGTERM");
  await until(() => hasEnded(guardian));
  await until(() => !isAttached(linkId)); // the kernel drops a link a little later than its last holder
});
