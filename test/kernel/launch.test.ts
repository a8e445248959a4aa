// The launcher with real programs: exit codes, identity, signals, limits, descriptors, and what happens to it when we die.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { $ } from "bun";
import { bun } from "./compile.ts";

setDefaultTimeout(60_000);
const run = join(import.meta.dir, "fixtures/run.ts");

/** Runs `script` in bash, where `$RUN` before a command runs it under the launcher. */
async function shell(script: string, variables: Record<string, string> = {}) {
  const child = Bun.spawn(["bash", "-c", script], {
    env: { ...process.env, RUN: `${bun} ${run}`, ...variables },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { out, err, code: await child.exited };
}

async function check(script: string, expected: { out?: string; err?: string; code?: number }) {
  expect(await shell(script)).toEqual({ out: "", err: "", code: 0, ...expected });
}

test("the exit code of the command is ours", () => check("$RUN sh -c 'exit 7'", { code: 7 }));

test("a command killed by signal n gives 128 + n", () =>
  check("$RUN sh -c 'kill -9 $$'", { code: 137 }));

test("a missing command gives 127", () =>
  check("$RUN no-such-command", {
    code: 127,
    err: "actplane: no-such-command: command not found\n",
  }));

test("a missing command's name moves no cursor", () =>
  check(`$RUN "$(printf 'no\\033[2J\\n\\302\\233x-\\303\\266')"`, {
    code: 127,
    err: "actplane: no?[2J???x-ö: command not found\n",
  }));

test("a missing path gives 127", () =>
  check("$RUN /no/such", { code: 127, err: "actplane: /no/such: No such file or directory\n" }));

test("a file that cannot be executed gives 126", () =>
  check("$RUN /etc/passwd", { code: 126, err: "actplane: /etc/passwd: Permission denied\n" }));

test("arguments and environment arrive as given", () =>
  check(`A='x  y' $RUN sh -c 'printf "%s|%s|%s" "$A" "$1" "$2"' - 'a b' ''`, { out: "x  y|a b|" }));

test("the environment is the one given: nothing is added, BUN_OPTIONS is only passed on", () =>
  check("env -i PATH=/usr/bin:/bin BUN_OPTIONS=--smol $RUN env | sort", {
    out: "BUN_OPTIONS=--smol\nPATH=/usr/bin:/bin\n",
  }));

test("the command is looked for in its own PATH", () =>
  check(
    "cd $(mktemp -d); printf '#!/bin/sh\\necho mine' >ls; chmod +x ls; PATH=$PWD:$PATH $RUN ls",
    {
      out: "mine\n",
    },
  ));

test("another user is taken on with its groups, for good", () =>
  check("$RUN --as nobody sh -c 'id -u; id -G; grep -E ^Cap[EP] /proc/self/status'", {
    out: "65534\n65534\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n",
  }));

test("the soft limit on open files is the one of our caller", () =>
  check("ulimit -Sn 999; $RUN sh -c 'ulimit -Sn; [ $(ulimit -Hn) -gt 999 ] && echo more'; true", {
    out: "999\nmore\n",
  }));

test("signals are as our caller left them: default, or ignored under nohup", () =>
  check(
    "$RUN grep SigIgn /proc/self/status; trap '' HUP; $RUN grep -E 'Sig(Ign|Blk)' /proc/self/status",
    { out: "SigIgn:\t0000000000000000\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n" },
  ));

test("descriptors of the caller keep their numbers", () =>
  check("$RUN sh -c 'cat <&5; cat /dev/fd/9' 5< <(echo five) 9< <(echo nine)", {
    out: "five\nnine\n",
  }));

test("nothing of ours stays open in the command", () =>
  check(
    'for fd in $(ls /proc/self/fd); do (( fd > 2 )) && eval "exec $fd>&-"; done; $RUN ls /proc/self/fd',
    {
      out: "0\n1\n2\n3\n", // 3 is the listing
    },
  ));

test("the command runs where we were called", () => check("cd /usr; $RUN pwd", { out: "/usr\n" }));

test("SIGTERM to us ends the command", () =>
  check("$RUN sleep 100 & sleep 0.5; kill -TERM $!; wait $!", { code: 143 }));

test("without a terminal SIGINT to us is for the command", async () => {
  const child = Bun.spawn([bun, run, "sleep", "100"], { detached: true, stdout: "ignore" });
  await Bun.sleep(500);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
});

// Two orphans end while the command runs; it counts what is left of them.
test("as PID 1 we reap orphans and still tell the command's exit code", () =>
  check(
    "unshare --pid --fork --mount-proc $RUN sh -c '(sleep 0.1 &); (sleep 0.2 &); sleep 0.6; ps -e -o stat= | grep -c ^Z; exit 3'",
    { out: "0\n", code: 3 },
  ));

test("as PID 1 we hand SIGTERM on", () =>
  check(
    'unshare --pid --fork --mount-proc --kill-child=TERM bash -c \'exec $RUN sh -c "trap \\"echo told; exit 4\\" TERM; sleep 0.3 & wait; kill -TERM 1; sleep 2 & wait"\'',
    { out: "told\n", code: 4 },
  ));

test("when we die before the release the command never runs", async () => {
  const marker = `/tmp/actplane-launch-test-${process.pid}`;
  const { code } = await shell(`$RUN touch ${marker}`, { DIE_BEFORE_RELEASE: "1" });
  expect(code).toBe(137);
  await Bun.sleep(100);
  expect(await Bun.file(marker).exists()).toBe(false);
  expect((await $`pgrep -f __launch`.nothrow().text()).trim()).toBe("");
});
