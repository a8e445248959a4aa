// What keeps the daemon from starting is told in a sentence, and leaves nothing behind.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { clean, patience, runTool, scratchFolder, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const runs = test.skipIf(whyNot() !== null);

const pins = `/sys/fs/bpf/actplane-not-started-${process.pid}/v1`;
let folder = "";
beforeAll(() => {
  folder = scratchFolder();
});
afterAll(() => clean(folder));

/** Starts it with everything in `folder`, but for what `flags` say. */
async function check(flags: readonly string[], expected: string): Promise<void> {
  const places = ["--socket", join(folder, "socket"), "--state", join(folder, "state")];
  const { code, stderr } = await runTool(["serve", ...places, "--pins", pins, ...flags]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `actplane: ${expected.replaceAll("FOLDER", folder)}\n`,
  });
  expect([existsSync(pins), existsSync(join(folder, "socket"))]).toEqual([false, false]);
}

runs("a port that is taken", async () => {
  const server = await new Promise<Server>((resolve) => {
    const made = createServer().listen(0, "127.0.0.1", () => resolve(made));
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await check(["--tcp", `${port}`], `cannot listen on 127.0.0.1:${port}: another program has it`);
  server.close();
});

runs("a socket's path where a file is, which stays", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "mine");
  await check(["--socket", file], "FOLDER/file is there and is no socket");
  expect(readFileSync(file, "utf8")).toBe("mine");
});

runs("a state folder that is a file", async () => {
  writeFileSync(join(folder, "occupied"), "");
  await check(
    ["--state", join(folder, "occupied")],
    "the state cannot be kept in FOLDER/occupied: something else is there already",
  );
});

runs("a state that is not ours", async () => {
  mkdirSync(join(folder, "foreign"));
  const words = "not a database, but longer than the header of one\n".repeat(40);
  writeFileSync(join(folder, "foreign", "state.sqlite"), words);
  await check(
    ["--state", join(folder, "foreign")],
    "the state cannot be kept in FOLDER/foreign: state.sqlite is not a database",
  );
});

runs("pins outside of a bpffs", () =>
  check(
    ["--pins", join(folder, "pins")],
    "the rules cannot be kept in FOLDER/pins: it is not below a bpffs, such as /sys/fs/bpf",
  ),
);

runs("rules of another version: they stay until they are ended, by any version", async () => {
  const daemon = new TestDaemon();
  await daemon.start();
  await daemon.make('rule no-touch: block exec "touch" because "x"');
  await daemon.kill();
  // Where another version's record would be, there is none that we can read.
  rmSync(join(daemon.pins, "maps", "engine"));
  const places = ["--socket", daemon.socket, "--state", join(daemon.folder, "state")];
  const started = await runTool(["serve", ...places, "--pins", daemon.pins]);
  expect(started).toMatchObject({
    code: 1,
    stderr: `actplane: the rules cannot be kept in ${daemon.pins}: what is pinned was laid out by another version of actplane; \`actplane stop --all\` ends it\n`,
  });
  expect(existsSync(daemon.pins)).toBe(true);
  const stop = ["stop", "--all", "--socket", daemon.socket, "--pins", daemon.pins];
  expect(await runTool(stop)).toMatchObject({
    code: 0,
    stdout: "the rules of another version of actplane have ended\n",
  });
  expect(existsSync(daemon.pins)).toBe(false);
  expect((await runTool(stop)).stdout).toBe("there are no rules\n");
  await daemon.end();
});
