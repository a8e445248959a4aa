// `npm run demo` as a newcomer runs it: its checks of the outside world are its own, so its last line is the test.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const vmCache = process.env.ACTPLANE_VM_CACHE ?? "/var/cache/actplane-vm";

async function expectDemo(flags: readonly string[], tier: RegExp): Promise<void> {
  const demo = Bun.spawn(["bash", "scripts/demo.sh", ...flags], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(demo.stdout).text(),
    new Response(demo.stderr).text(),
    demo.exited,
  ]);
  const lines = out.trimEnd().split("\n");
  const failures = lines.filter((line) => line.startsWith("  FAILED"));
  expect({ status, failures, err: status === 0 ? "" : err }).toEqual({
    status: 0,
    failures: [],
    err: "",
  });
  expect(lines.at(-1)).toBe("demo: 12 checks passed, 0 failed");
  expect(lines.filter((line) => line.startsWith("actplane: ")).join("\n")).toMatch(tier);
}

test("the demo's governed agent does only what the policy allows, and its twin everything", async () => {
  await expectDemo([], /^actplane: (?:lsm|modify-return|tracepoint) tier, 3 clauses$/m);
}, 120_000);

test.if(existsSync(join(vmCache, "kernels/6.12/release")))(
  "the demo ends the same where hooks refuse",
  async () => {
    await expectDemo(["--vm"], /^actplane: lsm tier, 3 clauses$/m);
  },
  600_000,
);

test("the demo refuses options that it does not know", async () => {
  const demo = Bun.spawn(["bash", "scripts/demo.sh", "--fast"], { cwd: root, stderr: "pipe" });
  expect(await new Response(demo.stderr).text()).toBe("error: usage: npm run demo [-- --vm]\n");
  expect(await demo.exited).toBe(1);
});

test("an interrupted demo ends there", async () => {
  const demo = Bun.spawn(["bash", "demo/demo.sh"], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A process group of its own, to which the interrupt goes as from a terminal.
    detached: true,
  });
  let out = "";
  const read = (async () => {
    for await (const chunk of demo.stdout) {
      out += new TextDecoder().decode(chunk);
      if (out.includes("agent: push") && demo.exitCode === null) process.kill(-demo.pid, "SIGINT");
    }
  })();
  const [err, status] = await Promise.all([new Response(demo.stderr).text(), demo.exited, read]);
  expect({ status, err }).toEqual({ status: 130, err: "demo: interrupted\n" });
  expect(out).not.toContain("== the same script without");
}, 120_000);
