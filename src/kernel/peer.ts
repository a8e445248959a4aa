// Who is at the other end of a unix socket, by the kernel's word: what the process says of itself, its user
// included, proves nothing about the domain it belongs to.

import { ptr } from "bun:ffi";
import { ownedBytes, viewOf } from "../base/bytes.ts";
import { checked, close, libc, pidfdOpen, pollReadable, SystemError } from "./libc.ts";

const [SOL_SOCKET, SO_PEERCRED, SO_PEERPIDFD] = [1, 17, 77];

export interface Peer {
  /** The thread group that connected; 0 where it is in no pid namespace that we see. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * Whether the process that connected is still there. Afterwards its number may be another's, and whoever holds the
   * connection now is not known.
   */
  isAlive(): boolean;
  close(): void;
}

/** Null where the process has ended already. */
export function peerOf(fd: number): Peer | null {
  const credentials = ownedBytes(12);
  option(fd, SO_PEERCRED, credentials);
  const view = viewOf(credentials);
  const [pid, uid, gid] = [
    view.getInt32(0, true),
    view.getUint32(4, true),
    view.getUint32(8, true),
  ];
  const pidfd = pid > 0 ? pidfdOf(fd, pid) : null;
  if (pidfd === null) return null;
  return {
    pid,
    uid,
    gid,
    isAlive: () => pollReadable([pidfd], 0).length === 0,
    close: () => close(pidfd),
  };
}

/**
 * From the socket, which names the process and not its number. Before Linux 6.5 by number: the process would have to
 * end, and all numbers to come round, between its connect and our accept.
 */
function pidfdOf(fd: number, pid: number): number | null {
  const pidfd = ownedBytes(4);
  try {
    option(fd, SO_PEERPIDFD, pidfd);
    return viewOf(pidfd).getInt32(0, true);
  } catch (failure) {
    if (!(failure instanceof SystemError)) throw failure;
    if (failure.code !== "ENOPROTOOPT") return null;
  }
  try {
    return pidfdOpen(pid);
  } catch (failure) {
    if (!(failure instanceof SystemError)) throw failure;
    return null;
  }
}

function option(fd: number, name: number, into: ReturnType<typeof ownedBytes>): void {
  const length = ownedBytes(4);
  viewOf(length).setUint32(0, into.length, true);
  checked("getsockopt", libc.getsockopt(fd, SOL_SOCKET, name, ptr(into), ptr(length)));
}
