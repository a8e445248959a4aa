// What a governed process does to others, and to what is mounted where.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { allowed, type Case, exists, hookBlock, type Suite } from "../case.ts";
import { probes } from "../tool.ts";

const policy = `
rule no-signal:
  block signal exec "unsignalled"
rule no-ptrace:
  block ptrace exec "untraced"
rule no-trace-of-self:
  block ptrace exec "self-traced"
rule no-mount:
  block mount "**/p-mount"
`;

const meet = join(probes, "meet");
const route = join(probes, "route");
const done = exists("done");

const signals: readonly Case[] = ["kill", "kill-group", "tgkill", "sigqueue", "pidfd-send"].map(
  (way) => ({
    name: `a signal by ${way}`,
    rule: "no-signal",
    expected: hookBlock,
    run: [meet, way, "{bin}/unsignalled"],
    effect: done,
  }),
);

/** The tracepoint tier refuses these calls to every governed process, whatever the rules say. */
const hooks = () =>
  process.env.ACTPLANE_E2E_TIER === undefined ? "it is asked where hooks are promised" : null;

const traces: readonly Case[] = [
  "attach",
  "seize",
  "write-memory",
  "read-memory",
  "memory-file",
  "take-descriptor",
  "start-traced",
].map((way) => ({
  name: `tracing by ${way}`,
  rule: "no-ptrace",
  expected: hookBlock,
  run: [meet, way, "{bin}/untraced"],
  effect: done,
  ...(way.endsWith("-memory") && { needs: hooks }),
}));

const mounts: Omit<Case, "name" | "run"> = {
  rule: "no-mount",
  expected: hookBlock,
  folders: ["p-mount", "other"],
  effect: exists("other/file"),
};

const cases: readonly Case[] = [
  ...signals,
  ...["set-owner", "set-owner-ex", "set-owner-ioctl"].map((way) => ({
    name: `a signal that a descriptor sends, by ${way}`,
    rule: "no-signal",
    expected: hookBlock,
    strict: "path" as const,
    run: [meet, way, "{bin}/unsignalled"],
    effect: done,
  })),
  {
    name: "a descriptor that signals its own process",
    expected: allowed,
    run: [meet, "own-descriptor", "{bin}/unsignalled"],
    effect: done,
  },
  {
    name: "a signal to another program",
    expected: allowed,
    run: [meet, "kill", "{bin}/untraced"],
    effect: done,
  },
  {
    name: "asking whether a process is there",
    expected: allowed,
    run: [meet, "ask", "{bin}/unsignalled"],
    effect: done,
  },
  ...traces,
  {
    name: "tracing that the program asked for",
    rule: "no-trace-of-self",
    expected: hookBlock,
    run: ["bash", "-c", "{bin}/self-traced trace-me; exit $?"],
    effect: done,
  },
  {
    name: "tracing that another program asked for",
    expected: allowed,
    run: ["bash", "-c", "{bin}/unsignalled trace-me; exit $?"],
    effect: done,
  },
  {
    name: "tracing of another program",
    expected: allowed,
    run: [meet, "attach", "{bin}/unsignalled"],
    effect: done,
  },
  {
    name: "another program started by its tracer",
    expected: allowed,
    run: [meet, "start-traced", "{bin}/unsignalled"],
    effect: done,
  },
  {
    ...mounts,
    name: "a bind mount",
    run: ["unshare", "-m", "bash", "-c", "mount --bind other p-mount && echo > p-mount/file"],
  },
  {
    ...mounts,
    name: "a mount of a new file system",
    run: ["unshare", "-m", "bash", "-c", "mount -t tmpfs none p-mount && echo > other/file"],
  },
  {
    ...mounts,
    name: "a mount that is moved",
    run: [
      "unshare",
      "-m",
      "bash",
      "-c",
      "mount --bind other other && mount --make-private other && mount --move other p-mount && echo > p-mount/file",
    ],
  },
  {
    ...mounts,
    name: "a mount by open_tree and move_mount",
    run: [route, "mount-anew", "other", "p-mount"],
  },
  {
    ...mounts,
    name: "a mount beside the one that a rule is about",
    rule: [],
    expected: allowed,
    prepare: (dir) => mkdirSync(join(dir, "third")),
    run: ["unshare", "-m", "bash", "-c", "mount --bind other third && echo > third/file"],
  },
];

export const processes: Suite = { policy, cases };
