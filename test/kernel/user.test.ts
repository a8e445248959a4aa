// Users of the machine, and the one behind sudo. sudo itself is played by a shell of that name, as root.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { environmentFor, findUser, sudoUser } from "../../src/kernel/user.ts";
import { bun } from "./compile.ts";

setDefaultTimeout(30_000);

test("a user is found by name and by number", () => {
  const root = { name: "root", uid: 0, gid: 0, home: "/root" };
  expect(findUser("root")).toMatchObject(root);
  expect(findUser("0")).toMatchObject(root);
  expect(findUser("root")?.groups).toContain(0);
  expect(findUser("no-such-user")).toBeNull();
  // 2 ** 32 is not 0.
  expect(findUser("4294967296")).toBeNull();
});

test("without sudo nobody called, and root calling itself is nobody", () => {
  expect(sudoUser({})).toBeNull();
  expect(sudoUser({ SUDO_UID: "0" })).toBeNull();
  expect(sudoUser({ SUDO_UID: "not a number" })).toBeNull();
});

test("who called sudo and is not known by name is that number, and never root", () => {
  const caller = { SUDO_UID: "4242424", SUDO_GID: "4242", SUDO_USER: "ann" };
  const known = { name: "ann", uid: 4242424, gid: 4242, groups: [4242], home: "/" };
  expect(sudoUser(caller)).toMatchObject(known);
  expect(sudoUser({ SUDO_UID: "4294967296" })).toBeNull();
});

test("an environment made another user's keeps the rest", () => {
  const environment = environmentFor(
    { HOME: "/root", SUDO_UID: "1", LANG: "C", PATH: "/bin" },
    { name: "ann", uid: 7, gid: 7, groups: [7], home: "/home/ann", shell: "/bin/sh" },
  );
  expect(environment).toEqual({
    HOME: "/home/ann",
    LANG: "C",
    LOGNAME: "ann",
    PATH: "/bin",
    SHELL: "/bin/sh",
    USER: "ann",
  });
});

/** Runs the fixture below a process called sudo, which was started with `before` and resets to `after`. */
async function belowSudo(before: Record<string, string>, after: Record<string, string>) {
  const sudo = join(mkdtempSync(join(tmpdir(), "actplane-sudo-")), "sudo");
  await $`cp ${Bun.which("bash")} ${sudo}`;
  const fixture = join(import.meta.dir, "fixtures/before-sudo.ts");
  const variables = Object.entries(after).map(([name, value]) => `${name}=${value}`);
  const script = '"$@"; exit $?';
  const reset = ["env", "-i", ...variables];
  return await $`${sudo} -c ${script} - ${reset} ${bun} ${fixture}`.env(before).text();
}

test("the environment before sudo is the user's own, with what was added on the way", async () => {
  const before = {
    PATH: "/home/x/bin:/usr/bin:/bin",
    API_KEY: "secret",
    HOME: "/home/x",
    TERM: "a",
  };
  const after = { SUDO_UID: "65534", PATH: "/usr/bin:/bin", HOME: "/root", ADDED: "1", TERM: "b" };
  expect(await belowSudo(before, after)).toBe(
    "nobody\nADDED=1\nAPI_KEY=secret\nHOME=/home/x\nPATH=/home/x/bin:/usr/bin:/bin\nTERM=b\n",
  );
});
