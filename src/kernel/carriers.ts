// Which programs of bpf/*.bpf.c decide an operation in a tier, for people who ask how a clause is
// carried out. programs.ts says which of them a policy loads; a test holds the names against the objects.

import { type OperationName, operationBits as op } from "../ir/abi.ts";
import type { Tier } from "./kernel.ts";

/** The tiers with hooks have the same ones. */
const hookOperations: Readonly<Record<string, number>> = {
  // And the tracing of a program from its start.
  bprm_check_security: op.exec | op.ptrace,
  // `ld.so PROGRAM`: the loader maps what it was handed.
  mmap_file: op.exec,
  file_open: op.open | op.read | op.write | op.truncate,
  // Descriptors that were opened before or by others.
  file_permission: op.read | op.write,
  file_receive: op.open | op.read | op.write,
  path_mknod: op.create | op.open | op.write,
  path_mkdir: op.create,
  path_symlink: op.create,
  path_link: op.link | op.create | op.unlink,
  path_rename: op.rename | op.create | op.unlink,
  path_unlink: op.unlink,
  path_rmdir: op.unlink,
  path_truncate: op.truncate,
  file_truncate: op.truncate,
  path_chmod: op.metadata,
  path_chown: op.metadata,
  inode_setattr: op.metadata,
  inode_setxattr: op.metadata,
  inode_removexattr: op.metadata,
  inode_set_acl: op.metadata,
  inode_remove_acl: op.metadata,
  // And, with file_fcntl, the owners to whom descriptors send signals.
  file_ioctl: op.metadata | op.signal,
  file_ioctl_compat: op.metadata | op.signal,
  inode_file_setattr: op.metadata,
  sb_mount: op.mount,
  move_mount: op.mount,
  socket_connect: op.connect,
  socket_bind: op.bind,
  socket_sendmsg: op.connect | op.send,
  task_kill: op.signal,
  file_fcntl: op.signal,
  ptrace_access_check: op.ptrace,
  ptrace_traceme: op.ptrace,
};

const traceOperations: Readonly<Record<string, number>> = {
  exec: op.exec,
  sys_exit:
    op.open |
    op.read |
    op.write |
    op.create |
    op.unlink |
    op.rename |
    op.link |
    op.metadata |
    op.truncate,
  // Descriptors and connections that were there before.
  sys_enter: op.read | op.write | op.connect | op.send,
  egress: op.connect | op.send,
  connect4: op.connect,
  connect6: op.connect,
  sendmsg4: op.connect | op.send,
  sendmsg6: op.connect | op.send,
  bind4: op.bind,
  bind6: op.bind,
};

const tables: Readonly<Record<Tier, readonly [prefix: string, Readonly<Record<string, number>>]>> =
  {
    // Before 6.9 the LSM hook about attributes has other arguments than its function, and a program of its own.
    lsm: ["lsm_", { ...hookOperations, inode_setattr_old: op.metadata }],
    "modify-return": ["mod_", hookOperations],
    tracepoint: ["trace_", traceOperations],
  };

/** How many programs carry the verdict of a hook out where a kprobe judges: TAKERS in bpf/copies.h. */
export const takers = 4;

/**
 * Names of the programs that decide any of `operations`; empty where the tier does not see them. With `skipsHooks` the
 * kernel may skip modify-return programs: a kprobe judges for each hook, and the takers behind it refuse.
 */
export function carriersOf(
  tier: Tier,
  operations: readonly OperationName[],
  skipsHooks = false,
): string[] {
  const [prefix, table] = tables[tier];
  const wanted = operations.reduce((mask, operation) => mask | op[operation], 0);
  const hooks = Object.keys(table).filter((name) => ((table[name] ?? 0) & wanted) !== 0);
  if (tier !== "modify-return" || !skipsHooks) return hooks.map((name) => prefix + name);
  return hooks.flatMap((name) => [
    `first_${name}`,
    ...Array.from({ length: takers }, (_, number) => `take${number}_${name}`),
  ]);
}
