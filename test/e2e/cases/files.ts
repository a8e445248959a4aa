// Files: each operation, and each way to name the object.

import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  allowed,
  before,
  type Case,
  changed,
  earlyBlock,
  earlyKill,
  exists,
  gone,
  hasMode,
  ioUring,
  isFull,
  lateBlock,
  lateKill,
  leaked,
  looksAtAll,
  noted,
  type Suite,
} from "../case.ts";

const policy = `
rule no-open:
  block open "**/p-open"
rule no-read:
  block read "**/p-read"
rule no-write:
  block write "**/p-write"
rule no-create:
  block create "**/p-create"
rule no-unlink:
  block unlink "**/p-unlink"
rule no-rename:
  block rename "**/p-rename"
rule no-truncate:
  block truncate "**/p-truncate"
rule no-link:
  block link "**/p-link"
rule no-metadata:
  block metadata "**/p-metadata"
rule kill-read:
  kill read "**/k-read"
rule kill-write:
  kill write "**/k-write"
rule note-write:
  notify write "**/n-write"
rule vault:
  block write "**/vault/**" unless target "**/vault/scratch/**"
rule relative:
  block read "cases/*/p-relative"
`;

const reads = { rule: "no-read", expected: earlyBlock, files: ["p-read"], effect: leaked } as const;
const writes = {
  rule: "no-write",
  expected: lateBlock,
  files: ["p-write"],
  effect: changed("p-write"),
} as const;
const deep = Array.from({ length: 15 }, (_, i) => `${i}`.padEnd(240, "d")).join("/");

const cases: readonly Case[] = [
  {
    name: "open to read",
    rule: "no-open",
    expected: lateBlock,
    files: ["p-open"],
    run: ["{act}", "read", "p-open"],
    effect: leaked,
  },
  { ...reads, name: "read by a relative path", run: ["{act}", "read", "p-read"] },
  { ...reads, name: "read by an absolute path", run: ["{act}", "read", "{dir}/p-read"] },
  {
    ...reads,
    name: "read by a path with dots",
    run: ["{act}", "read", "{dir}/../{name}/./p-read"],
  },
  {
    ...reads,
    name: "read relative to a folder's descriptor",
    run: ["{act}", "read-at", "{dir}/p-read"],
  },
  { ...reads, name: "read by openat2", run: ["{act}", "read-openat2", "p-read"] },
  {
    ...reads,
    name: "read through /proc/self/root",
    run: ["{act}", "read", "/proc/self/root{dir}/p-read"],
  },
  {
    ...reads,
    name: "read through /proc/self/cwd",
    run: ["{act}", "read", "/proc/self/cwd/p-read"],
  },
  {
    ...reads,
    name: "read through a symbolic link",
    prepare: (dir) => symlinkSync("p-read", join(dir, "plain")),
    run: ["{act}", "read", "plain"],
  },
  {
    ...reads,
    name: "read through a linked folder",
    prepare: (dir) => symlinkSync(".", join(dir, "here")),
    run: ["{act}", "read", "here/here/p-read"],
  },
  { ...reads, name: "read by mapping", run: ["{act}", "map", "p-read"] },
  { ...reads, name: "read by a thread", run: ["{act}", "thread", "read", "p-read"] },
  { ...reads, name: "read by a daemon", run: ["{act}", "setsid", "read", "p-read"], code: 0 },
  {
    ...reads,
    name: "read by cat",
    run: ["bash", "-c", "cat p-read > leak"],
    effect: isFull("leak"),
    code: -1,
  },
  {
    ...reads,
    name: "read by python3",
    run: ["/usr/bin/python3", "-ISc", "open('leak', 'w').write(open('p-read').read())"],
    effect: isFull("leak"),
  },
  {
    name: "read of a neighbour",
    expected: allowed,
    files: ["p-reader"],
    run: ["{act}", "read", "p-reader"],
    effect: leaked,
  },
  {
    name: "write where only reading is refused",
    expected: allowed,
    files: ["p-read"],
    run: ["{act}", "write", "p-read"],
    effect: changed("p-read"),
  },
  {
    name: "a pattern relative to the policy's folder",
    rule: "relative",
    expected: earlyBlock,
    files: ["p-relative"],
    run: ["{act}", "read", "p-relative"],
    effect: leaked,
  },
  {
    name: "a kill on reading",
    rule: "kill-read",
    expected: earlyKill,
    files: ["k-read"],
    run: ["{act}", "read", "k-read"],
    effect: leaked,
  },
  {
    name: "read of a path near PATH_MAX",
    rule: "no-read",
    expected: earlyBlock,
    prepare: (dir) => {
      mkdirSync(join(dir, deep), { recursive: true });
      writeFileSync(join(dir, deep, "p-read"), "x");
    },
    run: ["{act}", "read", `${deep}/p-read`],
    effect: leaked,
  },
  {
    name: "read below a folder whose name has strange bytes",
    rule: "no-read",
    expected: earlyBlock,
    prepare: (dir) => {
      mkdirSync(join(dir, "a\n\t\"'*\\ é\x01"));
      writeFileSync(join(dir, "a\n\t\"'*\\ é\x01", "p-read"), "x");
    },
    run: ["{act}", "read", "a\n\t\"'*\\ é\x01/p-read"],
    effect: leaked,
  },

  { ...writes, name: "write", run: ["{act}", "write", "p-write"] },
  {
    ...writes,
    name: "write by a relative path with dots",
    run: ["{act}", "write", "../{name}//p-write"],
  },
  {
    ...writes,
    name: "write relative to a folder's descriptor",
    run: ["{act}", "write-at", "{dir}/p-write"],
  },
  {
    ...writes,
    name: "open for reading and writing, and write",
    run: ["{act}", "read-write", "p-write"],
  },
  { ...writes, name: "append", run: ["{act}", "append", "p-write"] },
  {
    ...writes,
    name: "write of a shell's redirection",
    run: ["bash", "-c", "echo changed > p-write"],
  },
  {
    ...writes,
    name: "write through a symbolic link",
    prepare: (dir) => symlinkSync("p-write", join(dir, "plain")),
    run: ["{act}", "write", "plain"],
  },
  { ...writes, name: "write includes truncate", run: ["{act}", "truncate", "p-write"] },
  {
    ...writes,
    name: "write includes opening with O_TRUNC",
    run: ["{act}", "open-truncate", "p-write"],
  },
  {
    ...writes,
    name: "write includes unlink",
    run: ["{act}", "unlink", "p-write"],
    effect: gone("p-write"),
  },
  {
    ...writes,
    name: "write includes rename away",
    run: ["{act}", "rename", "p-write", "other"],
    effect: gone("p-write"),
  },
  {
    ...writes,
    name: "write includes rename over",
    files: ["p-write", "other"],
    run: ["{act}", "rename", "other", "p-write"],
    effect: gone("other"),
  },
  {
    ...writes,
    name: "write includes rename with exchange",
    files: ["p-write"],
    prepare: (dir) => writeFileSync(join(dir, "other"), "other"),
    run: ["{act}", "rename-exchange", "other", "p-write"],
  },
  {
    ...writes,
    name: "write includes link",
    run: ["{act}", "link", "p-write", "other"],
    effect: exists("other"),
  },
  {
    ...writes,
    name: "write includes create",
    files: [],
    run: ["{act}", "create", "p-write"],
    effect: exists("p-write"),
  },
  {
    name: "a kill on writing",
    rule: "kill-write",
    expected: lateKill,
    files: ["k-write"],
    run: ["{act}", "write", "k-write"],
    effect: changed("k-write"),
  },
  {
    name: "a kill on unlink",
    rule: "kill-write",
    expected: lateKill,
    files: ["k-write"],
    run: ["{act}", "unlink", "k-write"],
    effect: gone("k-write"),
  },
  {
    name: "a notify on writing",
    rule: "note-write",
    expected: noted,
    files: ["n-write"],
    run: ["{act}", "write", "n-write"],
    effect: changed("n-write"),
  },
  {
    name: "read where only writing is refused",
    expected: allowed,
    files: ["p-write"],
    run: ["{act}", "read", "p-write"],
    effect: leaked,
  },

  {
    name: "create",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "create", "p-create"],
    effect: exists("p-create"),
  },
  {
    name: "create relative to a folder's descriptor",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "create-at", "{dir}/p-create"],
    effect: exists("p-create"),
  },
  {
    name: "mkdir",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "mkdir", "p-create"],
    effect: exists("p-create"),
  },
  {
    name: "symlink",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "symlink", "x", "p-create"],
    effect: exists("p-create"),
  },
  {
    name: "mkfifo",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "mkfifo", "p-create"],
    effect: exists("p-create"),
  },
  {
    name: "rename to a name that may not be created",
    rule: "no-create",
    expected: lateBlock,
    files: ["other"],
    run: ["{act}", "rename", "other", "p-create"],
    effect: exists("p-create"),
  },
  {
    name: "O_TMPFILE linked to a name that may not be created",
    rule: "no-create",
    expected: lateBlock,
    run: ["{act}", "tmpfile-link", "{dir}/p-create"],
    effect: exists("p-create"),
  },
  {
    name: "unlink",
    rule: "no-unlink",
    expected: lateBlock,
    files: ["p-unlink"],
    run: ["{act}", "unlink", "p-unlink"],
    effect: gone("p-unlink"),
  },
  {
    name: "unlinkat",
    rule: "no-unlink",
    expected: lateBlock,
    files: ["p-unlink"],
    run: ["{act}", "unlink-at", "{dir}/p-unlink"],
    effect: gone("p-unlink"),
  },
  {
    name: "rmdir",
    rule: "no-unlink",
    expected: lateBlock,
    folders: ["p-unlink"],
    run: ["{act}", "rmdir", "p-unlink"],
    effect: gone("p-unlink"),
  },
  {
    name: "rm",
    rule: "no-unlink",
    expected: lateBlock,
    files: ["p-unlink"],
    run: ["rm", "-f", "p-unlink"],
    effect: gone("p-unlink"),
  },
  {
    name: "rename",
    rule: "no-rename",
    expected: lateBlock,
    files: ["p-rename"],
    run: ["{act}", "rename", "p-rename", "other"],
    effect: gone("p-rename"),
  },
  {
    name: "mv",
    rule: "no-rename",
    expected: lateBlock,
    files: ["p-rename"],
    run: ["mv", "p-rename", "other"],
    effect: gone("p-rename"),
  },
  {
    name: "truncate",
    rule: "no-truncate",
    expected: lateBlock,
    files: ["p-truncate"],
    run: ["{act}", "truncate", "p-truncate"],
    effect: changed("p-truncate"),
  },
  {
    name: "ftruncate",
    rule: "no-truncate",
    expected: lateBlock,
    files: ["p-truncate"],
    run: ["{act}", "ftruncate", "p-truncate"],
    effect: changed("p-truncate"),
  },
  {
    name: "open with O_TRUNC",
    rule: "no-truncate",
    expected: lateBlock,
    files: ["p-truncate"],
    run: ["{act}", "open-truncate", "p-truncate"],
    effect: changed("p-truncate"),
  },
  {
    name: "link",
    rule: "no-link",
    expected: lateBlock,
    files: ["p-link"],
    run: ["{act}", "link", "p-link", "other"],
    effect: exists("other"),
  },
  {
    name: "chmod",
    rule: "no-metadata",
    expected: lateBlock,
    files: ["p-metadata"],
    run: ["{act}", "chmod", "p-metadata"],
    effect: hasMode("p-metadata", 0o600),
  },
  {
    name: "fchmod",
    rule: "no-metadata",
    expected: lateBlock,
    files: ["p-metadata"],
    run: ["{act}", "fchmod", "p-metadata"],
    effect: hasMode("p-metadata", 0o600),
  },

  {
    name: "unless target: inside the vault",
    rule: "vault",
    expected: lateBlock,
    folders: ["vault/deep"],
    run: ["{act}", "create", "vault/deep/file"],
    effect: exists("vault/deep/file"),
  },
  {
    name: "unless target: inside the vault's scratch folder",
    expected: allowed,
    folders: ["vault/scratch"],
    run: ["{act}", "create", "vault/scratch/file"],
    effect: exists("vault/scratch/file"),
  },
  {
    name: "renaming into the vault",
    rule: "vault",
    expected: lateBlock,
    files: ["other"],
    folders: ["vault"],
    run: ["{act}", "rename", "other", "vault/file"],
    effect: exists("vault/file"),
  },
  {
    ...reads,
    name: "read by the 32-bit way into the kernel",
    run: ["{act}", "read-compat", "p-read"],
  },
  { ...reads, name: "read by io_uring", run: ["{act}", "read-uring", "p-read"], needs: ioUring },
  {
    name: "an open that would create",
    rule: "no-open",
    expected: lateBlock,
    run: ["{act}", "open-create", "p-open"],
    effect: exists("p-open"),
  },
  {
    name: "a folder under the name of a mount",
    rule: "vault",
    expected: lateBlock,
    folders: ["vault", "door"],
    run: ["unshare", "-m", "bash", "-c", "mount --bind vault door && echo > door/file"],
    effect: exists("vault/file"),
  },
  {
    name: "a folder that was renamed",
    rule: "vault",
    expected: lateBlock,
    folders: ["vault"],
    prepare: (dir) => writeFileSync(join(dir, "vault/file"), before),
    run: ["bash", "-c", "mv vault moved && echo > moved/file"],
    effect: (dir) =>
      ["vault", "moved"].some(
        (name) => exists(`${name}/file`)(dir) && changed(`${name}/file`)(dir),
      ),
  },
  {
    name: "a second name of a protected file",
    expected: earlyBlock,
    rule: "no-read",
    files: ["p-read"],
    prepare: (dir) => linkSync(join(dir, "p-read"), join(dir, "plain")),
    run: ["{act}", "read", "plain"],
    effect: leaked,
    needs: looksAtAll,
  },
];

export const files: Suite = { policy, cases };
