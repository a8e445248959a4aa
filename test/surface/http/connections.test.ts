// How many connections there may be, and for whom the last of them are.

import { expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { ServedPlane } from "./served.ts";

setDefaultTimeout(60_000);

const isRoot = process.geteuid?.() === 0;

/** A connection that was let stay a moment later, or null. */
async function opened(dial: () => Socket): Promise<Socket | null> {
  const socket = dial();
  let isClosed = false;
  socket.on("close", () => {
    isClosed = true;
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  // Who is not welcome is let go when the server gets to it, which is before it answers the next one.
  await Bun.sleep(1);
  return isClosed ? null : socket;
}

async function openMany(dial: () => Socket, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const batch = 128;
  for (let i = 0; i < count; i += batch) {
    const some = await Promise.all(
      Array.from({ length: Math.min(batch, count - i) }, () => opened(dial)),
    );
    sockets.push(...some.flatMap((socket) => socket ?? []));
  }
  await Bun.sleep(200);
  return sockets.filter(({ destroyed }) => !destroyed);
}

test.skipIf(!isRoot)("2,048 connections that are not root's, 4,096 in all", async () => {
  const plane = await new ServedPlane().open();
  const overTcp = () => connect(plane.listening.port ?? 0, "127.0.0.1");
  const asRoot = () => connect(plane.socket);
  const strangers = await openMany(overTcp, 2_050);
  expect(strangers.length).toBe(2_048);
  // The rest is not theirs: root is still answered.
  expect((await plane.ask("/healthz")).status).toBe(200);
  const roots = await openMany(asRoot, 2_050);
  expect(strangers.length + roots.length).toBe(4_096);
  await expect(plane.ask("/healthz")).rejects.toThrow();
  // One that leaves makes room.
  const [leaving] = strangers;
  leaving?.destroy();
  await Bun.sleep(200);
  expect((await plane.ask("/healthz")).status).toBe(200);
  for (const socket of [...strangers, ...roots]) socket.destroy();
  await plane.close();
});
