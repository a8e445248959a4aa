// Programs that clean data or vouch for it: what they earn, and what those earn that only look like them.

import { readFileSync } from "node:fs";
import { allowed, type Case, earlyBlock, exists, type Suite } from "../case.ts";

const policy = `
source PRIVATE = file "**/private.env"
declassify PRIVATE by exec "{bin}/redact"
declassify PRIVATE by exec "{bin}/cleaner"
declassify PRIVATE by exec "tidy"
endorse VOUCHED by exec "{bin}/vouch"
rule if-private:
  block exec "sink-private" if PRIVATE
rule if-not-vouched:
  block exec "sink-vouched" if not VOUCHED
rule if-not-migrated:
  block exec "sink-migrated" unless lineage-includes exec "{bin}/migrate"
`;

const files = ["private.env", "other.env"];
const sink = "{bin}/sink-private ran";
const reads = `read -r line < clean; ${sink}`;
const redact = "{bin}/redact s/before/after/ private.env > clean";

/** It earns: the rule does not see the label. */
function earns(name: string, script: string): Case {
  return { name, expected: allowed, files, run: ["bash", "-c", script] };
}

/** It does not: the rule does. */
function refused(name: string, script: string, rule = "if-private"): Case {
  return { name, rule, expected: earlyBlock, files, run: ["bash", "-c", script], code: -1 };
}

const declassified: readonly Case[] = [
  earns("a redactor writes a clean file", `${redact}; ${reads}`),
  earns(
    "a redactor makes the clean file itself",
    `{bin}/redact -n 'w clean' private.env; ${reads}`,
  ),
  earns(
    "a redactor reads from a pipe and writes to one",
    `cat private.env | {bin}/redact s/before/after/ | { read -r line; ${sink}; }`,
  ),
  earns(
    "a child that a redactor starts without exec keeps its status",
    `{bin}/cleaner fork read private.env; mv leak clean; ${reads}`,
  ),
  earns(
    "a redactor that was started by who had read the file",
    `(read -r line < private.env; exec {bin}/redact -n 'w clean' private.env); ${reads}`,
  ),
  earns("a redactor that runs itself again", `{bin}/cleaner exec ${redact}; ${reads}`),
  refused(
    "a program that is no redactor",
    `{bin}/plain s/before/after/ private.env > clean; ${reads}`,
  ),
  refused(
    "what a redactor runs gets the label of what it had read",
    `{bin}/redact '1e ${sink}' private.env`,
  ),
  refused(
    "what a redactor runs gets the label that it was started with",
    `read -r line < private.env; {bin}/redact '1e ${sink}' other.env`,
  ),
  refused(
    "what a redactor's child runs gets the label",
    `read -r line < private.env; {bin}/cleaner fork exec ${sink}`,
  ),
  refused(
    "who reads the file besides the redactor",
    `${redact}; read -r line < private.env; ${sink}`,
  ),
];

/** `command` is run as the redactor would be. */
function fake(name: string, prepare: string, command: string): Case {
  const script = `${prepare}${command} s/before/after/ private.env > clean`;
  return refused(`a redactor earns nothing: ${name}`, `${script}; ${reads}`);
}

const fakes: readonly Case[] = [
  fake("a copy elsewhere", "cp {bin}/redact redact; ", "./redact"),
  refused(
    "a redactor earns nothing: another program that calls itself so",
    `(exec -a {bin}/redact {bin}/plain s/before/after/ private.env > clean); ${reads}`,
  ),
  fake("a symbolic link to another program", "ln -s {bin}/plain tidy; ", "./tidy"),
  fake("LD_PRELOAD", "", "LD_PRELOAD=libm.so.6 {bin}/redact"),
  fake("LD_LIBRARY_PATH", "", "LD_LIBRARY_PATH=. {bin}/redact"),
  fake("LD_AUDIT", "", "LD_AUDIT= {bin}/redact"),
  fake("GCONV_PATH", "", "GCONV_PATH=. {bin}/redact"),
  fake("GLIBC_TUNABLES", "", "GLIBC_TUNABLES=glibc.malloc.check=1 {bin}/redact"),
  fake("PYTHONPATH", "", "PYTHONPATH=. {bin}/redact"),
  fake("BASH_ENV", "", "BASH_ENV=./x {bin}/redact"),
  fake(
    "a variable behind many others",
    "for i in $(seq 900); do export V$i=xxxxxxxxxxxxxxxxxxxxxxxx; done; ",
    "env ZZZ=1 LD_PRELOAD=libm.so.6 {bin}/redact",
  ),
  fake("its loader", "", "/lib64/ld-linux-x86-64.so.2 {bin}/redact"),
  fake("a tracer", "", "{act} traced exec {bin}/redact"),
  refused(
    "a redactor earns nothing: another program mounted over it",
    `unshare -m bash -c 'mount --bind {bin}/plain {bin}/redact; ${redact}'; ${reads}`,
  ),
  earns(
    "variables that steer nothing",
    `LDFLAGS=-x LC_ALL=C PYTHON=3 BASH=x ENVIRONMENT=x {bin}/redact s/before/after/ private.env > clean; ${reads}`,
  ),
  earns(
    "a redactor in another mount namespace",
    `unshare -m {bin}/redact s/before/after/ private.env > clean; ${reads}`,
  ),
];

const hooks = () =>
  process.env.ACTPLANE_E2E_TIER === undefined ? "it is asked where hooks are promised" : null;
/** Where a core goes is the machine's to say. */
const cores = () =>
  hooks() ??
  (/^[|/]/.test(readFileSync("/proc/sys/kernel/core_pattern", "utf8"))
    ? "cores go elsewhere"
    : null);

/** Where nothing refuses it. */
const traces = () => (hooks() === null ? "hooks refuse it" : null);
const seized = (how: string) =>
  `mkfifo go; {bin}/cleaner after go read private.env & pid=$!; until [ -e /proc/$pid/exe -a /proc/$pid/exe -ef {bin}/cleaner ]; do :; done; ${how}; echo > go; wait; mv leak clean; ${reads}`;

const attached = (who: string) =>
  `${who} wait & pid=$!; until [ -e leak ]; do :; done; rm leak; {act} attach $pid; code=$?; kill -9 $pid; exit $code`;

const watched: readonly Case[] = [
  {
    name: "a redactor is not traced by who may not what it may",
    expected: { lsm: "refused", "modify-return": "refused", tracepoint: "observed" },
    run: ["bash", "-c", attached("{bin}/cleaner")],
    effect: exists("leak"),
    needs: hooks,
  },
  {
    ...refused("a redactor that is traced cleans no longer", seized(" {act} seize $pid")),
    needs: traces,
  },
  {
    ...refused(
      "a redactor whose memory is opened to write cleans no longer",
      seized("exec 5<>/proc/$pid/mem"),
    ),
    needs: traces,
  },
  {
    ...earns("a redactor that nobody traces", seized("true")),
    needs: traces,
  },
  {
    name: "another program is",
    expected: allowed,
    run: ["bash", "-c", attached("{act}")],
    effect: exists("leak"),
  },
  {
    ...refused(
      "the core of a redactor carries the label",
      `ulimit -c unlimited; {bin}/cleaner read-abort private.env; mv core* clean; ${reads}`,
    ),
    needs: cores,
  },
];

const endorsed: readonly Case[] = [
  earns("an endorsement", "{bin}/vouch exec {bin}/sink-vouched ran"),
  earns("an endorsement goes to a child", "{bin}/vouch fork exec {bin}/sink-vouched ran"),
  refused("without the endorsement", "{act} exec {bin}/sink-vouched ran", "if-not-vouched"),
  refused(
    "an endorsement of a child is not its parent's",
    "{bin}/vouch read other.env; {bin}/sink-vouched ran",
    "if-not-vouched",
  ),
  refused(
    "no endorsement with LD_PRELOAD",
    "LD_PRELOAD=libm.so.6 {bin}/vouch exec {bin}/sink-vouched ran",
    "if-not-vouched",
  ),
  refused(
    "no endorsement by a copy",
    "cp {bin}/vouch vouch; ./vouch exec {bin}/sink-vouched ran",
    "if-not-vouched",
  ),
  earns("a lineage", "{bin}/migrate exec {bin}/sink-migrated ran"),
  earns("a lineage with PYTHONPATH", "PYTHONPATH=. {bin}/migrate exec {bin}/sink-migrated ran"),
  refused(
    "no lineage with LD_PRELOAD",
    "LD_PRELOAD=libm.so.6 {bin}/migrate exec {bin}/sink-migrated ran",
    "if-not-migrated",
  ),
  refused(
    "no lineage for another program mounted over it",
    "unshare -m bash -c 'mount --bind {act} {bin}/migrate; {bin}/migrate exec {bin}/sink-migrated ran'",
    "if-not-migrated",
  ),
];

export const transforms: Suite = {
  policy,
  cases: [...declassified, ...fakes, ...watched, ...endorsed],
};
