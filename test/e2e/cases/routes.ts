// Which file it is: ways to it that do not go by its name, and changes that do not open it.

import { linkSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  before,
  type Case,
  changed,
  earlyBlock,
  exists,
  gone,
  hasMode,
  hookBlock,
  ioUring,
  isFull,
  lateBlock,
  leaked,
  looksAtAll,
  type Suite,
} from "../case.ts";
import { probes } from "../tool.ts";

const policy = `
rule same-read:
  block read "**/q-read"
rule same-write:
  block write "**/q-write"
rule same-metadata:
  block metadata "**/q-metadata"
rule same-program:
  block exec "q-program"
rule same-lower:
  block read "**/q-lower/*"
`;

const route = join(probes, "route");

const reads = {
  rule: "same-read",
  expected: earlyBlock,
  files: ["q-read"],
  effect: leaked,
} as const;
const writes = {
  rule: "same-write",
  expected: lateBlock,
  files: ["q-write"],
  effect: changed("q-write"),
} as const;
const changes = {
  rule: "same-metadata",
  expected: lateBlock,
  files: ["q-metadata"],
} as const;

const python = "/usr/bin/python3";

/** Whether python's `expression` about the file `f` holds. */
const holds = (name: string, expression: string) => (dir: string) =>
  Bun.spawnSync([python, "-ISc", `import os; f = '${name}'; assert ${expression}`], { cwd: dir })
    .exitCode === 0;

const hasAttribute = holds("q-metadata", "'user.mark' in os.listxattr(f)");
const hasNoAttribute = holds("q-metadata", "'user.mark' not in os.listxattr(f)");
const isOld = (dir: string) => statSync(join(dir, "q-metadata")).mtimeMs === 1000;
const isOthers = (dir: string) => statSync(join(dir, "q-metadata")).uid === 12;
const isNoDump = (dir: string) =>
  Bun.spawnSync(["lsattr", "-d", "q-metadata"], { cwd: dir })
    .stdout.toString()
    .split(" ")[0]
    ?.includes("d") === true;

function attribute(dir: string): void {
  Bun.spawnSync([python, "-ISc", "import os; os.setxattr('q-metadata', 'user.mark', b'x')"], {
    cwd: dir,
  });
}

/** An overlay of `lower` and `upper` at `merged`, in a mount namespace of its own. */
const overlay = (command: string) => [
  "unshare",
  "-m",
  "bash",
  "-c",
  `mount -t overlay overlay -o lowerdir=$PWD/q-lower,upperdir=$PWD/upper,workdir=$PWD/work merged && { ${command}; }`,
];
const layers = { folders: ["q-lower", "upper", "work", "merged"] } as const;

const cases: readonly Case[] = [
  {
    ...reads,
    name: "opened without rights and opened again",
    run: [route, "reopen", "q-read"],
  },
  { ...reads, name: "opened by its handle", run: [route, "by-handle", "q-read"] },
  { ...reads, name: "read from below a chroot", run: [route, "chroot-read", "{dir}", "q-read"] },
  {
    ...reads,
    name: "read through the root of another process",
    run: [
      "bash",
      "-c",
      "unshare -m sleep 9 & cat /proc/$!/root$PWD/q-read > leak; code=$?; kill $!; exit $code",
    ],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read through a bind mount of the file",
    prepare: (dir) => writeFileSync(join(dir, "plain"), ""),
    run: ["unshare", "-m", "bash", "-c", "mount --bind q-read plain && cat plain > leak"],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read after a rename",
    run: ["bash", "-c", "mv q-read plain && cat plain > leak"],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read after a rename of its folder and of the file",
    files: [],
    folders: ["folder"],
    prepare: (dir) => writeFileSync(join(dir, "folder/q-read"), before),
    run: ["bash", "-c", "mv folder other && mv other/q-read other/plain && cat other/plain > leak"],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read by a second name that was just made",
    run: ["bash", "-c", "ln q-read plain && cat plain > leak"],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read by the name it was exchanged with",
    prepare: (dir) => writeFileSync(join(dir, "plain"), before),
    run: [route, "exchange-read", "q-read", "plain"],
  },
  {
    ...reads,
    name: "a file made under the rule's name, renamed and read",
    files: [],
    run: ["bash", "-c", "echo x > q-read && mv q-read plain && cat plain > leak"],
    effect: isFull("leak"),
    code: -1,
  },

  {
    ...writes,
    name: "opened to read and opened again to write",
    run: [route, "reopen-write", "q-write"],
  },
  { ...writes, name: "fallocate", run: [route, "fallocate", "q-write"] },
  {
    ...writes,
    name: "copy_file_range",
    prepare: (dir) => writeFileSync(join(dir, "plain"), "changed"),
    run: [route, "copy-range", "plain", "q-write"],
  },
  { ...writes, name: "splice", run: [route, "splice", "q-write"] },
  { ...writes, name: "a shared mapping", run: [route, "map-write", "q-write"] },
  {
    ...writes,
    name: "a link of a descriptor",
    run: [route, "link-descriptor", "q-write", "plain"],
    effect: exists("plain"),
  },
  {
    ...writes,
    name: "an unnamed file linked to the rule's name",
    files: [],
    run: [route, "tmpfile-link", "q-write"],
    effect: exists("q-write"),
  },
  {
    ...writes,
    name: "a device under the rule's name",
    files: [],
    run: [route, "mknod", "q-write"],
    effect: exists("q-write"),
  },
  {
    ...writes,
    name: "a rename that leaves a whiteout",
    run: [route, "whiteout", "q-write", "plain"],
    effect: exists("plain"),
  },

  {
    ...changes,
    name: "an extended attribute",
    run: [route, "setxattr", "q-metadata"],
    effect: hasAttribute,
  },
  {
    ...changes,
    name: "an extended attribute taken away",
    prepare: attribute,
    run: [route, "removexattr", "q-metadata"],
    effect: hasNoAttribute,
  },
  {
    ...changes,
    name: "an access control list",
    run: [route, "set-acl", "q-metadata"],
    effect: hasMode("q-metadata", 0o604),
  },
  { ...changes, name: "times", run: [route, "utimes", "q-metadata"], effect: isOld },
  {
    ...changes,
    name: "times by a descriptor",
    run: [route, "futimes", "q-metadata"],
    effect: isOld,
  },
  { ...changes, name: "an owner", run: [route, "chown", "q-metadata"], effect: isOthers },
  {
    ...changes,
    name: "an owner by a descriptor without rights",
    run: [route, "chown-descriptor", "q-metadata"],
    effect: isOthers,
  },
  {
    ...changes,
    name: "flags of the file system",
    run: [route, "set-flags", "q-metadata"],
    effect: isNoDump,
  },
  {
    ...changes,
    name: "a mode by the 32-bit way into the kernel",
    run: [route, "compat-chmod", "q-metadata"],
    effect: hasMode("q-metadata", 0o600),
  },

  {
    ...writes,
    name: "io_uring: open to write",
    run: [route, "uring-write", "q-write"],
    needs: ioUring,
  },
  {
    ...writes,
    name: "io_uring: unlink",
    run: [route, "uring-unlink", "q-write"],
    effect: gone("q-write"),
    needs: ioUring,
  },
  {
    ...writes,
    name: "io_uring: rename",
    run: [route, "uring-rename", "q-write", "plain"],
    effect: exists("plain"),
    needs: ioUring,
  },
  {
    ...writes,
    name: "io_uring: link",
    run: [route, "uring-link", "q-write", "plain"],
    effect: exists("plain"),
    needs: ioUring,
  },
  {
    ...writes,
    name: "io_uring: mkdir",
    files: [],
    run: [route, "uring-mkdir", "q-write"],
    effect: exists("q-write"),
    needs: ioUring,
  },
  {
    name: "io_uring: connect",
    rule: "no-four",
    expected: earlyBlock,
    run: [route, "uring-connect", "127.0.0.1", "{tcp.block}"],
    effect: leaked,
    needs: ioUring,
  },

  {
    ...writes,
    name: "32 bits: open to write",
    run: [route, "compat-write", "q-write"],
  },
  {
    ...writes,
    name: "32 bits: create",
    files: [],
    run: [route, "compat-create", "q-write"],
    effect: exists("q-write"),
  },
  { ...writes, name: "32 bits: truncate", run: [route, "compat-truncate", "q-write"] },
  ...["compat-unlink", "compat-unlinkat"].map((way) => ({
    ...writes,
    name: `32 bits: ${way}`,
    run: [route, way, "q-write"],
    effect: gone("q-write"),
  })),
  ...["compat-rename", "compat-renameat2", "compat-link"].map((way) => ({
    ...writes,
    name: `32 bits: ${way}`,
    run: [route, way, "q-write", "plain"],
    effect: exists("plain"),
  })),
  {
    ...writes,
    name: "32 bits: mkdir",
    files: [],
    run: [route, "compat-mkdir", "q-write"],
    effect: exists("q-write"),
  },
  {
    ...writes,
    name: "32 bits: symlink",
    files: [],
    run: [route, "compat-symlink", "q-write", "plain"],
    effect: exists("q-write"),
  },
  {
    name: "32 bits: execve",
    rule: "same-program",
    expected: earlyBlock,
    run: [route, "compat-exec", "{bin}/q-program", "ran"],
  },
  {
    name: "32 bits: connect",
    rule: "no-four",
    expected: { lsm: "refused", "modify-return": "refused", tracepoint: "refused" },
    run: [route, "compat-connect", "127.0.0.1", "{tcp.block}"],
    effect: leaked,
  },

  {
    ...reads,
    name: "read by a 32-bit program",
    run: ["{bin}/narrow", "copy", "q-read", "leak"],
  },
  {
    ...writes,
    name: "written by a 32-bit program",
    prepare: (dir) => writeFileSync(join(dir, "plain"), "changed"),
    run: ["{bin}/narrow", "copy", "plain", "q-write"],
  },
  {
    ...writes,
    name: "removed by a 32-bit program",
    run: ["{bin}/narrow", "remove", "q-write"],
    effect: gone("q-write"),
  },

  {
    name: "a rule on a lower file, read through an overlay",
    ...layers,
    rule: "same-lower",
    expected: hookBlock,
    prepare: (dir) => writeFileSync(join(dir, "q-lower/key"), before),
    run: overlay("cat merged/key > leak"),
    effect: isFull("leak"),
    code: -1,
  },
  {
    name: "a rule on a lower file, which a write copies up",
    ...layers,
    rule: "same-lower",
    expected: hookBlock,
    prepare: (dir) => writeFileSync(join(dir, "q-lower/key"), before),
    run: overlay("chmod 600 merged/key; cat merged/key > leak"),
    effect: isFull("leak"),
    code: -1,
  },
  {
    name: "a rule on a name in an overlay",
    ...layers,
    rule: "same-read",
    expected: earlyBlock,
    prepare: (dir) => {
      mkdirSync(join(dir, "lower"));
      writeFileSync(join(dir, "lower/q-read"), before);
    },
    run: [
      "unshare",
      "-m",
      "bash",
      "-c",
      "mount -t overlay overlay -o lowerdir=$PWD/lower,upperdir=$PWD/upper,workdir=$PWD/work merged && chmod 600 merged/q-read && cat merged/q-read > leak",
    ],
    effect: isFull("leak"),
    code: -1,
  },

  {
    ...reads,
    name: "read by a second name that was made before",
    prepare: (dir) => linkSync(join(dir, "q-read"), join(dir, "plain")),
    run: ["bash", "-c", "cat plain > leak"],
    effect: isFull("leak"),
    code: -1,
    needs: looksAtAll,
  },
];

export const routes: Suite = { policy, cases };
