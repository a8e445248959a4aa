// The C library through bun:ffi: the calls this program needs, each checked, each error naming the call and the errno.
//
// errno is read directly after the call that set it: anything between (an allocation, a log line) may change it.
// Every address given to C is of an OwnedBytes held in a variable across the call (see base/bytes.ts).

import { dlopen, type Pointer, ptr, read as readMemory, toArrayBuffer } from "bun:ffi";
import { read } from "node:fs";
import { constants } from "node:os";
import { assert } from "../base/assert.ts";
import { cString, type OwnedBytes, ownedBytes, ownedView, viewOf } from "../base/bytes.ts";

const library = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: "ptr" },
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  getgrouplist: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  getpgid: { args: ["i32"], returns: "i32" },
  getpwnam: { args: ["ptr"], returns: "ptr" },
  getpwuid: { args: ["u32"], returns: "ptr" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  memcpy: { args: ["ptr", "ptr", "usize"], returns: "ptr" },
  mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  munmap: { args: ["ptr", "usize"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  vsnprintf: { args: ["ptr", "usize", "ptr", "ptr"], returns: "i32" },
  waitid: { args: ["i32", "u32", "ptr", "i32"], returns: "i32" },
  write: { args: ["i32", "ptr", "usize"], returns: "i64" },
});

/** The raw calls, for the few places whose call is not worth a wrapper. */
export const libc = library.symbols;

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** A system call or library call that failed: `message` reads `bpf_object__load: EPERM`. */
export class SystemError extends Error {
  override name = "SystemError";
  readonly code: string;

  constructor(
    readonly call: string,
    readonly errno: number,
    detail = "",
  ) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(detail === "" ? `${call}: ${code}` : `${call}: ${code}: ${detail}`);
    this.code = code;
  }
}

export function errno(): number {
  const location = libc.__errno_location();
  assert(location !== null, "errno has a place");
  return readMemory.i32(location, 0);
}

/** `result` of a call that says -1 and errno on failure. */
export function checked(call: string, result: number | bigint): number {
  const failure = result < 0 ? errno() : 0;
  if (failure !== 0) throw new SystemError(call, failure);
  return Number(result);
}

// -- descriptors ----------------------------------------------------------------------------------------------------

export function close(fd: number): void {
  libc.close(fd);
}

/** A pipe whose both ends close on exec: `{ readFd, writeFd }`. */
export function pipe(): { readFd: number; writeFd: number } {
  const O_CLOEXEC = 0o2000000;
  const fds = ownedBytes(8);
  checked("pipe2", libc.pipe2(ptr(fds), O_CLOEXEC));
  const view = viewOf(fds);
  return { readFd: view.getInt32(0, true), writeFd: view.getInt32(4, true) };
}

/** Waits off the main thread for one byte; false when the pipe ended without. */
export function readByte(fd: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    read(fd, new Uint8Array(1), 0, 1, null, (failure, count) => {
      if (failure === null) resolve(count === 1);
      else reject(failure);
    });
  });
}

export function writeAll(fd: number, bytes: OwnedBytes): void {
  let offset = 0;
  while (offset < bytes.length) {
    const count = libc.write(fd, ptr(bytes, offset), bytes.length - offset);
    const failure = count < 0n ? errno() : 0;
    if (failure === constants.errno.EINTR) continue;
    if (failure !== 0) throw new SystemError("write", failure);
    offset += Number(count);
  }
}

/** A descriptor that becomes readable when the process `pid` ends. */
export function pidfdOpen(pid: number): number {
  const SYS_pidfd_open = 434;
  return checked("pidfd_open", libc.syscall(SYS_pidfd_open, pid, 0, 0, 0, 0, 0));
}

/** Waits until one of `fds` is readable or hung up; the indexes of those that are, none when the time is over. */
export function pollReadable(fds: readonly number[], timeoutMs: number): number[] {
  const POLLIN = 1;
  const entryBytes = 8;
  const entries = ownedBytes(fds.length * entryBytes);
  const view = viewOf(entries);
  fds.forEach((fd, index) => {
    view.setInt32(index * entryBytes, fd, true);
    view.setInt16(index * entryBytes + 4, POLLIN, true);
  });
  const count = libc.poll(ptr(entries), fds.length, timeoutMs);
  const failure = count < 0 ? errno() : 0;
  if (failure === constants.errno.EINTR) return [];
  if (failure !== 0) throw new SystemError("poll", failure);
  return fds.flatMap((_, index) =>
    view.getInt16(index * entryBytes + 6, true) === 0 ? [] : [index],
  );
}

// -- signals ---------------------------------------------------------------------------------------------------------

export const SIG_DFL = 0n;
export const SIG_IGN = 1n;

const sigactionBytes = 152;

/** Sets what a signal does, in C and past the runtime; the old struct sigaction, for `restoreSignal`. */
export function setSignal(signal: number, handler: typeof SIG_DFL | typeof SIG_IGN): OwnedBytes {
  const action = ownedBytes(sigactionBytes);
  viewOf(action).setBigUint64(0, handler, true);
  return restoreSignal(signal, action);
}

export function restoreSignal(signal: number, action: OwnedBytes): OwnedBytes {
  const old = ownedBytes(sigactionBytes);
  checked("sigaction", libc.sigaction(signal, ptr(action), ptr(old)));
  return old;
}

// -- memory ---------------------------------------------------------------------------------------------------------

/** Memory shared with the kernel. `bytes` must not be touched after `unmap()`. */
export interface Mapping {
  readonly bytes: Uint8Array;
  unmap(): void;
}

/** Maps `length` bytes of `fd`, readable and, unless `readOnly`, writable. */
export function mapShared(fd: number, length: number, readOnly = false): Mapping {
  const [PROT_READ, PROT_WRITE, MAP_SHARED] = [1, 2, 1];
  const protection = readOnly ? PROT_READ : PROT_READ | PROT_WRITE;
  const address = libc.mmap(null, length, protection, MAP_SHARED, fd, 0);
  const failure = errno();
  // MAP_FAILED is all ones, which Bun hands over as a bigint.
  if (address === null || typeof address === "bigint") throw new SystemError("mmap", failure);
  return {
    bytes: new Uint8Array(toArrayBuffer(address, 0, length)),
    unmap: () => void checked("munmap", libc.munmap(address, length)),
  };
}

/**
 * An address that C returned, null included. Bun gives a bigint for what a double cannot hold; no address of user space
 * is that high unless it was asked for, which nothing here does.
 */
export function pointerFromC(address: Pointer | bigint | null): Pointer | null {
  assert(typeof address !== "bigint", "an address of user space fits in 53 bits");
  return address;
}

/** Copies memory owned by C, which may go away later. */
export function copyFromC(address: Pointer, length: number): OwnedBytes {
  const copy = ownedBytes(length);
  if (length > 0) libc.memcpy(ptr(copy), address, length);
  return copy;
}

// -- shared objects -------------------------------------------------------------------------------------------------

/**
 * A path that dlopen can load `content` from and nobody can change: a sealed memfd of this process.
 *
 * Bun's own extraction of an embedded library uses a predictable name in TMPDIR and compares only sizes, so a planted
 * file would be run as root. The descriptor stays open for the life of the process, because dlopen has it mapped.
 */
export function sealedLibrary(name: string, content: Uint8Array): string {
  return `/proc/self/fd/${sealedFile(name, content)}`;
}

/** The descriptor of a sealed memfd, from which can be loaded or executed. */
export function sealedFile(name: string, content: Uint8Array): number {
  const [MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_EXEC] = [1, 2, 0x10];
  const [F_ADD_SEALS, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE] = [1033, 1, 2, 4, 8];
  let fd = memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  // Before Linux 6.3 the flag is unknown and every memfd is executable.
  if (fd === -constants.errno.EINVAL) fd = memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new SystemError("memfd_create", -fd);
  writeAll(fd, ownedView(content));
  checked(
    "fcntl",
    libc.fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
  );
  return fd;
}

/** A descriptor, or minus errno. Through syscall(2), because glibc has the wrapper only since 2.27. */
function memfdCreate(name: string, flags: number): number {
  const SYS_memfd_create = process.arch === "arm64" ? 279 : 319;
  const nameBytes = cString(name);
  const fd = libc.syscall(SYS_memfd_create, ptr(nameBytes), flags, 0, 0, 0, 0);
  return fd < 0n ? -errno() : Number(fd);
}

// -- time -----------------------------------------------------------------------------------------------------------

const timespec = ownedBytes(16);
const timespecView = viewOf(timespec);

/** CLOCK_MONOTONIC in nanoseconds: the clock of bpf_ktime_get_ns(), which process.hrtime is not. */
export function monotonicNs(): bigint {
  const CLOCK_MONOTONIC = 1;
  checked("clock_gettime", libc.clock_gettime(CLOCK_MONOTONIC, ptr(timespec)));
  return timespecView.getBigInt64(0, true) * 1_000_000_000n + timespecView.getBigInt64(8, true);
}
