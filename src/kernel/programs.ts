// Which programs of bpf/*.bpf.c a policy needs in a tier. What no rule asks about is not
// attached: it costs nobody anything, and loads faster.

import { header, operationBits as op } from "../ir/abi.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Tier } from "./kernel.ts";
import { isOlder, type Release } from "./release.ts";
import { hasFlow } from "./settings.ts";

/** In what a tier's programs' names may begin. */
const prefixes: Readonly<Record<Tier, readonly string[]>> = {
  lsm: ["any_", "lsm_", "hook_"],
  "modify-return": ["any_", "mod_", "hook_"],
  tracepoint: ["any_", "trace_"],
};

/** Of the modify-return tier on a kernel that skips programs. */
const prefixesWhereSkipped: readonly string[] = ["any_", "first_", "take", "hook_"];

/** What there is to know of the kernel. */
export interface KernelFacts {
  /** As uname(1) writes it. */
  readonly release: string;
  /** Asked where the release does not tell. */
  readonly hasFunction: (name: string) => boolean;
  /** It skips modify-return programs that it interrupted. */
  readonly skipsHooks: boolean;
}

/** Operations on paths that a hook sees; a hook that is not listed is always needed. */
const pathOps: Readonly<Record<string, number>> = {
  path_unlink: op.unlink,
  path_rmdir: op.unlink,
  path_mknod: op.create | op.open | op.write,
  path_mkdir: op.create,
  path_symlink: op.create,
  path_truncate: op.truncate,
  file_truncate: op.truncate,
  sb_mount: op.mount,
  move_mount: op.mount,
  path_chmod: op.metadata,
  path_chown: op.metadata,
  inode_setattr: op.metadata,
  inode_setattr_old: op.metadata,
  inode_setxattr: op.metadata,
  inode_removexattr: op.metadata,
  inode_set_acl: op.metadata,
  inode_remove_acl: op.metadata,
  file_ioctl: op.metadata,
  file_ioctl_compat: op.metadata,
  inode_file_setattr: op.metadata,
  // Whatever a rule says of a path goes with the object to its new name.
  path_link: ~0,
  path_rename: ~0,
  // Descriptors that were opened before or by others.
  file_permission: op.read | op.write,
  file_receive: op.open | op.read | op.write,
};

const endpointOps: Readonly<Record<string, number>> = {
  socket_connect: op.connect,
  socket_sendmsg: op.connect | op.send,
  socket_bind: op.bind,
  connect4: op.connect,
  connect6: op.connect,
  sendmsg4: op.connect | op.send,
  sendmsg6: op.connect | op.send,
  bind4: op.bind,
  bind6: op.bind,
  egress: op.connect | op.send,
};

/** Hooks that ask about the program of a process and about nothing else. */
const processOps: Readonly<Record<string, number>> = {
  file_fcntl: op.signal,
  file_ioctl: op.signal,
  file_ioctl_compat: op.signal,
  ptrace_traceme: op.ptrace,
};

/**
 * Programs that not every kernel takes, by hook or by name: an unknown hook would fail the whole load. Where one is
 * missing another stands in, or what it is about is not there.
 */
const since: Readonly<Record<string, Release>> = {
  file_truncate: [6, 2],
  inode_set_acl: [6, 2],
  inode_remove_acl: [6, 2],
  // Before, 32-bit calls go by `file_ioctl`.
  file_ioctl_compat: [6, 8],
  lsm_inode_setattr: [6, 9],
  inode_file_setattr: [6, 17],
};
const before: Readonly<Record<string, Release>> = {
  lsm_inode_setattr_old: [6, 9],
};
/** Hooks that some older kernels have all the same, by the function that they are called in. */
const backported: Readonly<Record<string, string>> = {
  file_ioctl_compat: "security_file_ioctl_compat",
};

/** Programs by which a process learns labels from files by name, and hands them on. */
const flowing: readonly string[] = ["file_open", "sys_exit"];

/** Programs by which labels go with data through descriptors that are open already. */
const moving: readonly string[] = [
  "file_permission",
  "socket_sendmsg",
  "socket_recvmsg",
  "unix_may_send",
  "sendmsg4",
  "sendmsg6",
  "socket_state",
  "sys_enter",
  "sys_read",
  "inode_free_security",
  "sk_free_security",
  "ext4_gone",
  "btrfs_gone",
  "xfs_gone",
];

/** Programs on what a file system tells, by which records of its files go with the files: where the kernel has not loaded it there is nothing to attach to. */
export const ofFileSystems: readonly string[] = [
  "trace_ext4_gone",
  "trace_btrfs_gone",
  "trace_xfs_gone",
];

/** Programs that only the tracepoint tier needs at every start; elsewhere they are loaded with the control programs. */
const nowAndThen: readonly string[] = ["any_name"];

/** Programs that guard what is pinned, which one policy's own programs are not. */
const guardingPins: readonly string[] = ["sb_umount"];

/** The names of those `names` that a policy, or any policy, needs to be loaded on such a kernel. */
export function programsOf(
  tier: Tier,
  compiled: Compiled | "all",
  names: Iterable<string>,
  { release, hasFunction, skipsHooks }: KernelFacts,
): Set<string> {
  const isThere = (name: string) => isTaken(name, release, hasFunction);
  const beginnings = tier === "modify-return" && skipsHooks ? prefixesWhereSkipped : prefixes[tier];
  const ofTier = [...names].filter((name) =>
    beginnings.some((beginning) => name.startsWith(beginning)),
  );
  if (compiled === "all")
    return new Set(ofTier.filter((name) => !nowAndThen.includes(name) && isThere(name)));
  const { image, labels, clauses } = compiled;
  const wantsPaths = image[header.pathOps] ?? 0;
  const wantsPrograms = image[header.execOps] ?? 0;
  const wantsEndpoints = image[header.endpointOps] ?? 0;
  const hasLabels = hasFlow(labels);
  // A cgroup program cannot kill: the end of the system call does it.
  const killsLate = clauses.some(({ clause }) => clause.effect === "kill");
  const isNeeded = (name: string): boolean => {
    const hook = hookOf(name);
    if (hasLabels && moving.includes(hook)) return true;
    if (name === "trace_sys_enter")
      return (wantsPaths & (op.read | op.write)) !== 0 || (wantsEndpoints & op.send) !== 0;
    // What was allowed before a label is dropped on its way.
    if (hook === "egress" && !hasLabels) return (wantsEndpoints & op.send) !== 0;
    const path = pathOps[hook];
    const others = processOps[hook];
    const endpoint = endpointOps[hook];
    if (guardingPins.includes(hook)) return false;
    if (others !== undefined && (wantsPrograms & others) !== 0) return true;
    if (others !== undefined && path === undefined) return false;
    if (path !== undefined) return (wantsPaths & path) !== 0;
    if (endpoint !== undefined) return (wantsEndpoints & endpoint) !== 0;
    if (ofFileSystems.includes(name)) return wantsPaths !== 0;
    if (nowAndThen.includes(name)) return tier === "tracepoint" && wantsPaths !== 0;
    if (flowing.includes(hook)) return wantsPaths !== 0 || hasLabels || killsLate;
    return !moving.includes(hook);
  };
  return new Set(ofTier.filter((name) => isNeeded(name) && isThere(name)));
}

/** A program's name without its tier's prefix. */
function hookOf(name: string): string {
  return name.slice(name.indexOf("_") + 1);
}

function isTaken(name: string, release: string, hasFunction: (name: string) => boolean): boolean {
  const hook = hookOf(name);
  const from = since[name] ?? since[hook];
  const until = before[name];
  const early = backported[hook];
  if (until !== undefined && !isOlder(release, until)) return false;
  if (from === undefined || !isOlder(release, from)) return true;
  return early !== undefined && hasFunction(early);
}
