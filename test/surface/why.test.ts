// `actplane why` and `actplane simulate` as typed.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Tier } from "../../src/kernel/kernel.ts";
import { makePlace } from "./support.ts";

const place = makePlace();
afterAll(() => place.remove());

const host = {
  knownProbe: async (tier: Tier) => ({ works: tier === "lsm", answer: "" }),
};

place.write(
  "actplane.yaml",
  `version: 1
policy: |
  source AGENT = exec "claude"
  source SECRET = file "**/.env"
  rule no-push:
    block exec "git" "push" if AGENT
    because "a person reviews the work and pushes it"
    fix "say that it is ready"
  rule tests-first:
    block exec "git" "commit"
      unless after exec "make" "test" exits 0 since write "src/**"
  rule secrets-stay:
    kill connect "*" if SECRET
  rule keep-vault:
    block write "vault/**"
  rule no-scripts:
    block exec "deploy.sh" "--now"
  rule no-hosts:
    block connect "example.com:443"
`,
);
for (const name of ["git", "make", "claude"]) {
  place.write(`bin/${name}`, "");
  chmodSync(join(place.folder, "bin", name), 0o755);
}
place.write("deploy.sh", "#! /bin/bash -e\n");
chmodSync(join(place.folder, "deploy.sh"), 0o755);
mkdirSync(join(place.folder, "vault"));
symlinkSync("vault", join(place.folder, "link"));

async function why(...words: string[]) {
  const env = { PATH: join(place.folder, "bin"), NO_COLOR: "1" };
  const ran = await place.run(["why", ...words], { host, env });
  return { ...ran, out: ran.out.replaceAll(place.folder, "/place") };
}

test("an operation that is refused is explained", async () => {
  const { code, out, err } = await why("--label", "AGENT", "exec", "git", "push", "-f");
  expect({ code, err }).toEqual({ code: 2, err: "" });
  expect(out).toBe(`block: /place/bin/git push -f
  here     blocked-before
  rule     no-push: block exec "git" "push" if AGENT (actplane.yaml:6:5)
  why      the process carries AGENT
  because  a person reviews the work and pushes it
  fix      say that it is ready
`);
});

test("what would satisfy a gate is said", async () => {
  const { out } = await why("exec", "git", "commit");
  expect(out).toContain(
    '  to pass  first do `exec "make" "test"` and let it end with exit code 0; then do it before any `write "src/**"`\n',
  );
});

test("an operation that passes says which clauses are about it", async () => {
  const { code, out } = await why("exec", "git", "push");
  expect(code).toBe(0);
  expect(out).toBe(`nothing keeps it from happening: /place/bin/git push
about it too, and not matching as things stand:
  rule     no-push: block exec "git" "push" if AGENT (actplane.yaml:6:5)
  why      the process does not carry AGENT
`);
});

test("what the operation changes is said", async () => {
  expect((await why("read", ".env")).out).toContain("  gains    SECRET\n");
  expect((await why("exec", "make", "test")).out).toContain(
    'since write "src/**": opens when the run ends with exit code 0\n',
  );
  expect((await why("write", "src/x")).out).toContain("is stale afterwards\n");
});

describe("names are found as the kernel would find them", () => {
  test.each([
    ["a new file by a symbolic link to its folder", ["write", "link/new"], 2],
    ["the same, not in the folder", ["write", "elsewhere"], 0],
    ["a script by its name and its own arguments", ["exec", "./deploy.sh", "--now"], 2],
    ["the same without the argument", ["exec", "./deploy.sh"], 0],
    ["options before the subcommand", ["--label", "AGENT", "exec", "git", "-C", "x", "push"], 2],
    ["an address", ["--label", "SECRET", "connect", "[::1]:443"], 2],
  ])("%s", async (_, words, code) => {
    expect((await why(...words)).code).toBe(code);
  });
});

test("a program that is not there is judged by its name, and that is said", async () => {
  const { code, err } = await why("exec", "nothing-of-this-name", "x");
  expect(code).toBe(0);
  expect(err).toBe(
    "actplane why: there is no program `nothing-of-this-name` here; judged as /usr/bin/nothing-of-this-name\n",
  );
});

test("a clause that is not carried out is not passed over", async () => {
  const { out } = await why("connect", "10.0.0.1:443");
  expect(out).toContain('note: `block connect "example.com:443"` of no-hosts is not carried out');
});

describe("a question that makes no sense", () => {
  test.each([
    [["exce", "git"], "there is no operation `exce`; did you mean `exec`?\n"],
    [["zzz", "git"], "there is no operation `zzz`; it is one of exec, open"],
    [[], "no operation was named"],
    [["read"], "`read` needs a path"],
    [["rename", "a", "b", "c"], "`rename` takes two paths, and more was given"],
    [["--label", "NO", "read", "x"], "the policy has no label `NO`; it has AGENT, SECRET"],
    [["--gate", "NO", "read", "x"], "the policy has no gate `NO`"],
    [["connect", "10.0.0.1"], "`10.0.0.1` has no port"],
  ])("%p", async (words, message) => {
    const { code, err } = await why(...words);
    expect(code).toBe(1);
    expect(err).toStartWith(`actplane why: ${message}`);
  });
});

test("a policy with errors is shown as check shows it", async () => {
  const { code, err } = await why("--rule", "rule r: blok exec any", "read", "x");
  expect(code).toBe(3);
  expect(err).toContain("--rule:1:9");
});

test("simulate says what the policy would have done about a trace", async () => {
  const lines = [
    { type: "fork", pid: 2, parent: 1 },
    { type: "exec", pid: 2, target: "/opt/claude", argv: ["claude"] },
    { pid: 2, ops: ["open", "read"], target: "/w/.env" },
    { type: "exec", pid: 2, target: "/usr/bin/git", argv: ["git", "push"] },
    { pid: 2, ops: ["connect"], target: "tcp://10.0.0.1:443" },
    { pid: 2, ops: ["open", "read"], target: "/w/x" },
  ];
  place.write("trace.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
  const { code, out } = await place.run(["simulate", "trace.jsonl"], { host });
  expect(code).toBe(2);
  expect(out).toBe(`   1  none         2  exec /opt/claude
   2  none         2  open,read /w/.env
   3  block        2  exec /usr/bin/git push
      no-push (actplane.yaml:6:5)
   4  kill         2  connect tcp://10.0.0.1:443
      secrets-stay (actplane.yaml:13:5)
   5  not reached  2  open,read /w/x
`);
});
