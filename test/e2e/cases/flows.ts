// Labels and gates: where data came from, who is asking, what has been done before.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ObjectKind } from "../../../src/kernel/kernel.ts";
import { allowed, type Case, earlyBlock, isFull, leaked, type Suite } from "../case.ts";

/** One gate a case: gates last as long as the session. */
const gates = Array.from({ length: 12 }, (_, i) => i + 1)
  .map(
    (n) => `
rule gate-${n}:
  block exec "ship-${n}" unless after exec "tests-${n}"${n === 11 ? "" : " exits 0"} since write "**/src-${n}/**"
`,
  )
  .join("");

const policy = `
source SECRET = file "**/secret.env"
source A = exec "agent-a"
source B = exec "agent-b"
source NET = endpoint "127.0.0.1:{tcp.source}"
rule if-secret:
  block exec "sink-secret" if SECRET
rule if-a:
  block exec "sink-a" if A
rule if-and:
  block exec "sink-and" if A and B
rule if-or:
  block exec "sink-or" if A or B
rule if-not:
  block exec "sink-not" if A and not B
rule if-mixed:
  block exec "sink-mixed" if not (A or B) and SECRET
rule if-net:
  block exec "sink-net" if NET
rule no-leak:
  block connect "127.0.0.1:{tcp.leak}" if SECRET
rule no-late-write:
  block write "**/public" if SECRET
rule no-late-read:
  block read "**/later" if SECRET
rule unread:
  block read "**/unread.env"
${gates}`;

const secret = {
  rule: "if-secret",
  expected: earlyBlock,
  files: ["secret.env"],
  code: -1,
} as const;
const reads = "read -r line < secret.env";
const sink = "{bin}/sink-secret ran";

const oneChannel = {
  tiers: ["tracepoint"] as const,
  why: "the tier does not know which unix socket a datagram's name stands for: all of them are one channel",
};

const labels: readonly Case[] = [
  { ...secret, name: "a label of a file that was read", run: ["bash", "-c", `${reads}; ${sink}`] },
  {
    ...secret,
    name: "a label stays over exec",
    run: ["bash", "-c", `${reads}; exec {act} exec ${sink}`],
  },
  {
    ...secret,
    name: "a label goes to a child",
    run: ["bash", "-c", `${reads}; {act} double-fork exec ${sink}`],
  },
  {
    ...secret,
    name: "a label goes to a daemon",
    run: ["bash", "-c", `${reads}; exec {act} setsid exec ${sink}`],
  },
  {
    name: "a label of a child is not its parent's",
    expected: allowed,
    files: ["secret.env"],
    run: ["bash", "-c", `cat secret.env > /dev/null; ${sink}`],
  },
  {
    name: "without the label",
    expected: allowed,
    files: ["other.env"],
    run: ["bash", "-c", `read -r line < other.env; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes through a file",
    late: true,
    run: ["bash", "-c", `cat secret.env > copy; read -r line < copy; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes through a file that is opened by the reader",
    run: [
      "bash",
      "-c",
      `bash -c 'read -r line < secret.env; echo $line > copy'; read -r line < copy; ${sink}`,
    ],
  },
  {
    ...secret,
    name: "a label of a copy stays with it when it is renamed",
    run: ["bash", "-c", `cp secret.env copy; mv copy moved; read -r line < moved; ${sink}`],
  },
  {
    ...secret,
    name: "a label of a copy stays with it under a second name",
    run: ["bash", "-c", `cp secret.env copy; ln copy linked; read -r line < linked; ${sink}`],
  },
  {
    ...secret,
    name: "a label of a copy stays with it when others write to it",
    run: ["bash", "-c", `cp secret.env copy; : > copy; echo > copy; read -r line < copy; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes through two files",
    run: ["bash", "-c", `cp secret.env copy; cp copy again; read -r line < again; ${sink}`],
  },
  {
    ...secret,
    name: "a label stays with a file that is renamed",
    late: true,
    run: ["bash", "-c", `cat secret.env > copy; mv copy moved; read -r line < moved; ${sink}`],
  },
  {
    ...secret,
    name: "a label stays with a file under a second name",
    late: true,
    run: ["bash", "-c", `cat secret.env > copy; ln copy linked; read -r line < linked; ${sink}`],
  },
  {
    ...secret,
    name: "a label stays with a file that is written to by others",
    late: true,
    run: [
      "bash",
      "-c",
      `cat secret.env > copy; : > copy; echo > copy; read -r line < copy; ${sink}`,
    ],
  },
  {
    name: "a new file under an old name starts clean",
    expected: allowed,
    files: ["secret.env"],
    run: [
      "bash",
      "-c",
      `cat secret.env > copy; rm copy; echo > copy; read -r line < copy; ${sink}`,
    ],
  },
  {
    name: "a file of an unlabelled process carries nothing",
    expected: allowed,
    files: ["secret.env"],
    run: ["bash", "-c", `echo > copy; cat secret.env > /dev/null; read -r line < copy; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes with a source file to its new name",
    run: ["bash", "-c", `mv secret.env plain; read -r line < plain; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes with a source file to a second name",
    run: ["bash", "-c", `ln secret.env plain; read -r line < plain; ${sink}`],
  },
  {
    ...secret,
    name: "a label goes through a pipe",
    late: true,
    run: ["bash", "-c", `cat secret.env | { read -r line; ${sink}; }`],
  },
  {
    name: "a device keeps no label",
    expected: allowed,
    files: ["secret.env"],
    run: ["bash", "-c", `cat secret.env > /dev/null; read -r line < /dev/null; ${sink}`],
  },
  {
    ...secret,
    name: "a label of a file that was mapped",
    run: ["bash", "-c", `{act} map secret.env && read -r line < leak; ${sink}`],
  },
  {
    ...secret,
    name: "a program that was written by a labelled process",
    rule: "if-a",
    run: ["bash", "-c", "{bin}/agent-a exec /bin/cp {act} fresh; ./fresh exec {bin}/sink-a ran"],
  },

  {
    name: "a label of a program",
    rule: "if-a",
    expected: earlyBlock,
    run: ["{bin}/agent-a", "exec", "{bin}/sink-a", "ran"],
  },
  {
    name: "a label of a program goes to children",
    rule: "if-a",
    expected: earlyBlock,
    run: ["{bin}/agent-a", "double-fork", "exec", "{bin}/sink-a", "ran"],
    code: -1,
  },
  { name: "without the program", expected: allowed, run: ["{act}", "exec", "{bin}/sink-a", "ran"] },
  {
    name: "and: one of two",
    expected: allowed,
    run: ["{bin}/agent-a", "exec", "{bin}/sink-and", "ran"],
  },
  {
    name: "and: both",
    rule: "if-and",
    expected: earlyBlock,
    run: ["{bin}/agent-a", "exec", "{bin}/agent-b", "exec", "{bin}/sink-and", "ran"],
  },
  { name: "or: none", expected: allowed, run: ["{act}", "exec", "{bin}/sink-or", "ran"] },
  {
    name: "or: the second",
    rule: "if-or",
    expected: earlyBlock,
    run: ["{bin}/agent-b", "exec", "{bin}/sink-or", "ran"],
  },
  {
    name: "not: it is absent",
    rule: "if-not",
    expected: earlyBlock,
    run: ["{bin}/agent-a", "exec", "{bin}/sink-not", "ran"],
  },
  {
    name: "not: it is present",
    expected: allowed,
    run: ["{bin}/agent-a", "exec", "{bin}/agent-b", "exec", "{bin}/sink-not", "ran"],
  },
  {
    name: "a mixed condition that holds",
    rule: "if-mixed",
    expected: earlyBlock,
    files: ["secret.env"],
    run: ["bash", "-c", `${reads}; exec {bin}/sink-mixed ran`],
  },
  {
    name: "a mixed condition that does not",
    expected: allowed,
    files: ["secret.env"],
    run: ["{bin}/agent-a", "exec", "/bin/bash", "-c", `${reads}; exec {bin}/sink-mixed ran`],
  },
  {
    name: "a label of an endpoint",
    rule: "if-net",
    expected: earlyBlock,
    run: ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/{tcp.source}; exec {bin}/sink-net ran"],
  },
  {
    name: "without the endpoint",
    expected: allowed,
    run: ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/{tcp.free}; exec {bin}/sink-net ran"],
  },
];

/**
 * Channels between two processes that were open before the secret was read (test/probes/pass.c), with a word on each, and
 * as what it is told of. Null: who receives has the secret from its file, or from a child that gives it no word.
 */
const channels: readonly (readonly [channel: string, words: string, hop: ObjectKind | null])[] = [
  ["pipe", "a pipe", "pipe"],
  ["pipe-writev", "a pipe, by writev and readv", "pipe"],
  ["pipe-splice", "a pipe, spliced into it", "pipe"],
  ["pipe-vmsplice", "a pipe, by vmsplice", "pipe"],
  ["pipe-tee", "a pipe, by tee", "pipe"],
  ["pipe-sendfile", "a pipe, by sendfile", "pipe"],
  ["pipe-through-pipe", "two pipes, spliced from one to the other", "pipe"],
  ["fifo", "a FIFO", "fifo"],
  ["socketpair", "a socket pair", "socket"],
  ["socketpair-send", "a socket pair, by send and recv", "socket"],
  ["socketpair-sendmsg", "a socket pair, by sendmsg and recvmsg", "socket"],
  ["socketpair-sendmmsg", "a socket pair, by sendmmsg and recvmmsg", "socket"],
  ["socketpair-datagram", "a socket pair of datagrams", "socket"],
  ["socketpair-packets", "a socket pair of packets", "socket"],
  ["socketpair-sendfile", "a socket pair, by sendfile and splice", "socket"],
  ["unix-accepted-later", "a unix socket that is accepted when the sender is gone", "socket"],
  ["unix-named-datagram", "a unix datagram sent by name", "socket"],
  ["descriptor", "a descriptor that is passed", null],
  ["descriptor-taken", "a descriptor that is taken out of the process", null],
  ["tcp", "a TCP connection", "tcp"],
  ["tcp-send", "a TCP connection, by send and recv", "tcp"],
  ["tcp-sendmsg", "a TCP connection, by sendmsg and recvmsg", "tcp"],
  ["tcp-sendfile", "a TCP connection, by sendfile and splice", "tcp"],
  ["tcp-answer", "the server's side of a TCP connection", "tcp"],
  ["tcp-six", "a TCP connection over IPv6", "tcp"],
  ["tcp-mixed", "a TCP connection from IPv4 to IPv6", "tcp"],
  ["tcp-paths", "a TCP connection of several paths", "tcp"],
  ["tcp-fast", "a TCP connection, with the packet that makes it", "tcp"],
  ["tcp-fast-message", "a TCP connection, with the packet that makes it, by sendmsg", "tcp"],
  ["tcp-fast-write", "a TCP connection that is made by the first write", "tcp"],
  ["udp", "a connected UDP socket", "udp"],
  ["udp-sendto", "a UDP datagram", "udp"],
  ["udp-anywhere", "a UDP datagram to who listens everywhere", "udp"],
  ["memfd", "a memfd", "memory"],
  ["tmpfile", "a file without a name", "file"],
  ["sendfile", "a file, by sendfile", "file"],
  ["copy-range", "a file, by copy_file_range", "file"],
  ["terminal-to-master", "a terminal, to its master", "terminal"],
  ["terminal-to-slave", "a terminal, from its master", "terminal"],
  ["mqueue", "a POSIX message queue", "memory"],
  ["msgqueue", "a System V message queue", "queue"],
  ["anonymous-memory", "memory that a parent shared with its children", "memory"],
  ["mapped-file", "a file that both have mapped", "file"],
  ["mapped-reading", "a file that one writes to and the other has mapped", "file"],
  ["shm", "POSIX shared memory", "file"],
  ["sysv-shm", "System V shared memory", "segment"],
  ["old-send", "a socket pair, by socketcall", "socket"],
  ["old-message", "a System V message queue, by ipc", "queue"],
  ["old-segment", "System V shared memory, by ipc", "segment"],
  ["old-mapping", "a file that both have mapped, by the mmap of 32 bits", "file"],
  ["vfork", "the memory of a child that runs in it", null],
  ["descriptor-mapped", "a descriptor that is passed, and mapped", null],
];
/** The same, between files that may share their blocks, in a file system of the case's own. */
const clones: readonly (readonly [channel: string, system: "btrfs" | "xfs", words: string])[] = [
  ["clone", "btrfs", "blocks that files share"],
  ["clone-range", "btrfs", "a range of blocks that files share"],
  ["same-source", "btrfs", "the question whether another file says the same"],
  ["same-destination", "btrfs", "the question whether a file says the same"],
  ["clone", "xfs", "blocks that files share, on xfs"],
];
const passedBlocks: readonly Case[] = clones.map(([channel, system, words]) => ({
  ...secret,
  name: `a label goes over ${words}`,
  late: true,
  needs: () => sharesBlocks(system),
  run: onSharedBlocks(system, channel, "secret.env"),
}));
/** What is asked about a file that is open for writing only. */
const guesses = (name: string, file: string) => ({
  name: `${name} whether it says the same, of a descriptor to write to`,
  late: true as const,
  needs: () => sharesBlocks("btrfs"),
  run: onBlocks("btrfs", `echo before > ${file} && {compare} guess ${file} {bin}/sink-secret ran`),
});
const guessed: readonly Case[] = [
  { ...secret, ...guesses("a label goes over the question", "secret.env") },
  { expected: allowed, ...guesses("nothing goes over the question", "other.env") },
  {
    ...guesses("who may not read a file may not ask", "unread.env"),
    rule: "unread",
    expected: earlyBlock,
  },
];
const innocentBlocks: readonly Case[] = clones.map(([channel, system, words]) => ({
  name: `nothing goes over ${words}`,
  expected: allowed,
  files: ["other.env"],
  late: true,
  needs: () => sharesBlocks(system),
  run: onSharedBlocks(system, channel, "other.env"),
}));

/** In mounts of its own, which end with it whatever becomes of it. */
function onSharedBlocks(system: string, channel: string, file: string): readonly string[] {
  return onBlocks(system, `cp ../${file} . && {pass} ${channel} ${file} {bin}/sink-secret ran`);
}

function onBlocks(system: string, work: string): readonly string[] {
  const script = `truncate -s 320M image && mkfs.${system} -q image && mkdir place && mount -o loop image place && rm image &&
    cd place && ${work}; code=$?
    [[ ! -e mark ]] || cp mark ..; exit $code`;
  return ["unshare", "-m", "bash", "-c", script];
}

/** The kernel may have the file system in a module that is loaded when it is asked for. */
export function sharesBlocks(system: string): string | null {
  if (Bun.which(`mkfs.${system}`) === null) return `there is no mkfs.${system}`;
  const modprobe = () => Bun.spawnSync(["modprobe", "-q", system]).exitCode;
  const isKnown = () => readFileSync("/proc/filesystems", "utf8").includes(`\t${system}\n`);
  if (!isKnown() && Bun.which("modprobe") !== null) modprobe();
  return isKnown() ? null : `the kernel has no ${system}`;
}

const passed: readonly Case[] = channels.map(([channel, words, hop]) => ({
  ...secret,
  ...(hop === null ? {} : { hop }),
  name: `a label goes over ${words}`,
  late: true,
  run: ["{pass}", channel, "secret.env", "{bin}/sink-secret", "ran"],
}));
/** The same channels, with a file that is no secret. */
const innocent: readonly Case[] = channels.map(([channel, words]) => ({
  hop: "none",
  name: `nothing goes over ${words}`,
  expected: allowed,
  files: ["other.env"],
  late: true,
  run: ["{pass}", channel, "other.env", "{bin}/sink-secret", "ran"],
  ...(channel === "unix-named-datagram" ? { fault: oneChannel } : {}),
}));

/** `script` is a bash script; ships and tests are called by the number of the gate. */
function gate(
  n: number,
  name: string,
  script: string,
  marks: { held: readonly string[]; free: readonly string[] },
  tests = "exit $1",
): Case {
  const isHeld = marks.held.length < marks.free.length;
  return {
    name,
    ...(isHeld ? { rule: `gate-${n}`, expected: earlyBlock } : { expected: allowed }),
    folders: [`src-${n}`],
    prepare: (dir) => {
      writeFileSync(join(dir, `tests-${n}`), `#!/bin/bash\n${tests}\n`);
      chmodSync(join(dir, `tests-${n}`), 0o755);
    },
    run: [
      "bash",
      "-c",
      `${script.replaceAll("SHIP", `{bin}/ship-${n}`).replaceAll("TESTS", `./tests-${n}`).replaceAll("SRC", `src-${n}`)}; true`,
    ],
    marks,
    code: 0,
  };
}

const both = { free: ["first", "second"] };
const gated: readonly Case[] = [
  gate(1, "a gate that never ran", "SHIP first", { held: [], free: ["first"] }),
  gate(2, "a gate whose run failed", "TESTS 1; SHIP first", { held: [], free: ["first"] }),
  gate(3, "a gate whose run succeeded", "SHIP first; TESTS; SHIP second", {
    held: ["second"],
    ...both,
  }),
  gate(
    4,
    "an edit makes the gate stale, a new run opens it",
    "TESTS; echo > SRC/a; SHIP first; TESTS; SHIP second",
    { held: ["second"], ...both },
  ),
  gate(
    5,
    "the run's own writes do not make it stale",
    "TESTS; SHIP first",
    { held: ["first"], free: ["first"] },
    "echo > src-5/a; (echo > src-5/b); bash -c 'echo > src-5/c'",
  ),
  gate(
    6,
    "writes of others during the run do",
    "mkfifo begun go; TESTS & read -r line < begun; echo > SRC/a; echo > go; wait; SHIP first",
    { held: [], free: ["first"] },
    "echo > begun; read -r line < go",
  ),
  gate(
    7,
    "a run that was killed does not open",
    "TESTS; SHIP first",
    { held: [], free: ["first"] },
    "kill -9 $$",
  ),
  gate(8, "an edit elsewhere changes nothing", "TESTS; echo > other; SHIP first", {
    held: ["first"],
    free: ["first"],
  }),
  gate(9, "removing a file makes the gate stale", "echo > SRC/a; TESTS; rm SRC/a; SHIP first", {
    held: [],
    free: ["first"],
  }),
  gate(
    10,
    "a run that failed after one that succeeded leaves the gate open",
    "TESTS; TESTS 1; SHIP first",
    { held: ["first"], free: ["first"] },
  ),
  gate(
    11,
    "without `exits` a gate opens as the run begins",
    "SHIP first; TESTS; SHIP second",
    { held: ["second"], ...both },
    "exit 1",
  ),
  gate(
    12,
    "an edit through a descriptor that was opened before makes the gate stale",
    "exec 3>> SRC/a; TESTS; echo edit >&3; SHIP first",
    { held: [], free: ["first"] },
  ),
];

/** What was opened before the secret was read. */
const late: readonly Case[] = [
  {
    name: "a write through a descriptor that was opened before",
    rule: "no-late-write",
    expected: earlyBlock,
    files: ["secret.env"],
    run: ["bash", "-c", `exec 3> public; ${reads}; echo $line >&3`],
    effect: isFull("public"),
    late: true,
  },
  {
    name: "a write before the secret was read",
    expected: allowed,
    files: ["secret.env"],
    run: ["bash", "-c", `exec 3> public; echo all >&3; ${reads}`],
    effect: isFull("public"),
    late: true,
  },
  {
    name: "a read through a descriptor that was opened before",
    rule: "no-late-read",
    expected: earlyBlock,
    files: ["secret.env", "later"],
    run: ["bash", "-c", `exec 3< later; ${reads}; read -r -u 3 more && echo $more > leak`],
    effect: leaked,
    late: true,
  },
  {
    name: "a read before the secret was read",
    expected: allowed,
    files: ["secret.env", "later"],
    run: ["bash", "-c", `exec 3< later; read -r -u 3 more && echo $more > leak; ${reads}`],
    effect: leaked,
    late: true,
  },
  {
    name: "a send over a connection that was made before",
    rule: "no-leak",
    expected: earlyBlock,
    files: ["secret.env"],
    run: ["bash", "-c", `exec 3<> /dev/tcp/127.0.0.1/{tcp.leak}; ${reads}; echo {name} >&3`],
    effect: (_, heard) => heard("{name}"),
    late: true,
  },
  {
    name: "a send before the secret was read",
    expected: allowed,
    files: ["secret.env"],
    run: ["bash", "-c", `exec 3<> /dev/tcp/127.0.0.1/{tcp.leak}; echo {name} >&3; ${reads}`],
    effect: (_, heard) => heard("{name}"),
    late: true,
  },
];

export const flows: Suite = {
  policy,
  cases: [
    ...labels,
    ...passed,
    ...passedBlocks,
    ...guessed,
    ...innocent,
    ...innocentBlocks,
    ...late,
    ...gated,
  ],
};
