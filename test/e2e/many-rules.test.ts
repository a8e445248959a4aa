// Ten thousand rules in the real kernel: one from their middle of each kind is enforced, and what no rule names goes on.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clean, patience, runTool, scratchFolder } from "./tool.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);
const count = 10_000;
// To compile them takes a second, and many of those on a busy machine.
setDefaultTimeout(120_000 * patience);

let folder = "";
beforeAll(() => {
  folder = scratchFolder();
  writeFileSync(join(folder, "many.policy"), policy());
});
afterAll(() => clean(folder));

/** Every third rule is about a program, a file, an address. */
function policy(): string {
  const clauses = [
    (i: number) => `block exec "tool-${i}" "argument-${i}"`,
    (i: number) => `block read "**/secret-${i}"`,
    (i: number) => `block connect "127.${i >> 8}.${i & 255}.9:${addressPort}"`,
  ];
  return Array.from(
    { length: count },
    (_, i) => `rule r${i}:\n  ${clauses[i % 3]?.(i)}\n  because "x"`,
  ).join("\n");
}

const addressPort = 4873;
const [exec, read, connect] = [7776, 7777, 7778] as const;

async function governed(script: string) {
  const run = await runTool(
    ["run", "--json", "--policy", join(folder, "many.policy"), "--", "/bin/bash", "-c", script],
    { cwd: folder, timeoutMs: 60_000 * patience },
  );
  const lines = run.stderr.split("\n").filter((line) => line.startsWith("{"));
  const matches = lines
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "match")
    .map(({ rule }) => rule.name);
  return { ...run, matches };
}

/** The exit status of an attempt to connect: 0 refused by nobody there, 1 EPERM. */
const connectTo = (address: string) =>
  `/usr/bin/python3 -c 'import socket, errno; raise SystemExit(socket.socket().connect_ex(("${address}", ${addressPort})) == errno.EPERM)'`;
const addressOf = (rule: number) => `127.${rule >> 8}.${rule & 255}.9`;

describe(`of ${count} rules`, () => {
  asRoot(
    "one about a program is enforced, and a program and an argument beside it are not",
    async () => {
      for (const name of [`tool-${exec}`, `tool-${exec + count}`]) {
        copyFileSync("/bin/true", join(folder, name));
        chmodSync(join(folder, name), 0o755);
      }
      const refused = await governed(`./tool-${exec} argument-${exec}`);
      expect(refused.matches).toEqual([`r${exec}`]);
      expect(refused.code).not.toBe(0);
      const passed = await governed(
        `./tool-${exec} argument-${exec + 3} && ./tool-${exec + count} argument-${exec}`,
      );
      expect(passed.matches).toEqual([]);
      expect(passed.code).toBe(0);
    },
  );

  asRoot("one about a file is enforced, and a file beside it is read", async () => {
    for (const name of [`secret-${read}`, `secret-${read}-not`])
      writeFileSync(join(folder, name), "content");
    const refused = await governed(`cat secret-${read}`);
    expect(refused.matches).toEqual([`r${read}`]);
    expect(refused.stdout).toBe("");
    const passed = await governed(`cat secret-${read}-not`);
    expect(passed.matches).toEqual([]);
    expect(passed.stdout).toBe("content");
  });

  asRoot("one about an address is enforced, and an address beside it is not", async () => {
    const refused = await governed(connectTo(addressOf(connect)));
    expect(refused.matches).toEqual([`r${connect}`]);
    expect(refused.code).toBe(1);
    const passed = await governed(connectTo(addressOf(connect).replace(".9", ".10")));
    expect(passed.matches).toEqual([]);
    expect(passed.code).toBe(0);
  });
});
