// State belongs to processes and files, not to their numbers and names: what gets a number or a name again begins anew.

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allowed, type Case, earlyBlock, exists, type Suite } from "../case.ts";

const policy = `
source KEPT = file "**/kept.env"
rule if-kept:
  block exec "sink-kept" if KEPT
rule if-tested:
  block exec "ship-kept" unless after exec "tests-kept" exits 0
`;

/** Numbers of processes belong to the whole machine, so only a machine of our own gives them out again. */
const ownMachine = () =>
  process.env.ACTPLANE_E2E_TIER === undefined ? "process numbers are the machine's" : null;
const onExt4 = process.env.ACTPLANE_E2E_WORK === "/mnt/ext4";

const sink = "./sink-kept ran";

function prepare(dir: string, bin: string): void {
  for (const name of ["sink-kept", "ship-kept"]) copyFileSync(join(bin, "free"), join(dir, name));
  writeFileSync(join(dir, "tests-kept"), "#!/bin/bash\nread -r line < go\n", { mode: 0o755 });
}

function free(name: string, script: string, more: Partial<Case> = {}): Case {
  const run = ["bash", "-c", script];
  return { name, expected: allowed, files: ["kept.env"], prepare, run, ...more };
}

function held(name: string, script: string, rule = "if-kept"): Case {
  return { ...free(name, script), rule, expected: earlyBlock, code: -1 };
}

/** Runs `then` in a process that has the number in the file `pid`. */
const again = (then: string) =>
  `p=$(cat pid); for i in {1..200}; do echo $((p - 1)) > /proc/sys/kernel/ns_last_pid; ( [ $BASHPID = $p ] && ${then}; exit 99 ) & wait $!; code=$?; [ $code = 99 ] || break; done`;

const cases: readonly Case[] = [
  free(
    "a process number that a labelled process had",
    `bash -c 'echo $$ > pid; read -r line < kept.env'; ${again(`exec ${sink}`)}; exit $code`,
    { needs: ownMachine },
  ),
  {
    ...held(
      "a process number that a run of the tests had, which was killed",
      `mkfifo go; ./tests-kept & echo $! > pid; kill -9 $!; wait; ${again("exit 0")}; [ $code = 0 ] && ./ship-kept ran`,
      "if-tested",
    ),
    needs: ownMachine,
  },
  free(
    "an inode number that a labelled file had",
    `cp kept.env copy; i=$(stat -c %i copy); rm copy; for n in {1..100}; do echo > f$n; [ $(stat -c %i f$n) = $i ] && { echo > reused; break; }; done; read -r line < f$n; ${sink}`,
    { effect: (dir) => exists("mark")(dir) && (exists("reused")(dir) || !onExt4) },
  ),
  free(
    "an inode number that a labelled file had which was replaced",
    `cp kept.env copy; i=$(stat -c %i copy); echo > new; mv new copy; for n in {1..100}; do echo > f$n; [ $(stat -c %i f$n) = $i ] && { echo > reused; break; }; done; read -r line < f$n; ${sink}`,
    { effect: (dir) => exists("mark")(dir) && (exists("reused")(dir) || !onExt4) },
  ),
  free(
    "a name that a labelled file had before it was renamed",
    `cp kept.env copy; mv copy old; echo > copy; read -r line < copy; ${sink}`,
  ),
  free(
    "a name that a labelled file had before it was exchanged",
    `cp kept.env copy; echo > other; {act} rename-exchange copy other; read -r line < copy; ${sink}`,
  ),
  held(
    "a labelled file that was exchanged",
    `cp kept.env copy; echo > other; {act} rename-exchange copy other; read -r line < other; ${sink}`,
  ),
  held(
    "a labelled file that was renamed twice, and its names taken",
    `cp kept.env a; mv a b; mv b c; echo > a; echo > b; read -r line < c; ${sink}`,
  ),
  held(
    "a labelled file that is open and was removed",
    `cp kept.env copy; exec 5< copy; rm copy; read -r line <&5; ${sink}`,
  ),
];

export const identity: Suite = { policy, cases };
