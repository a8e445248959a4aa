// What the kernel says about an object it holds, and descriptors of objects by the kernel's own ids.

import { ptr } from "bun:ffi";
import { cString, ownedBytes, textUntilNul, viewOf } from "../../base/bytes.ts";
import { checkedResult, libbpf } from "./library.ts";

export interface ProgramInfo {
  id: number;
  name: string;
  /** As the kernel rewrote it. */
  instructions: number;
  /** Of its source, as far as the kernel was told where they are. */
  lines: number;
  /** Instructions the verifier walked; 0 before Linux 5.16, which does not tell. */
  verifiedInstructions: number;
  /** Times a tracing program was skipped because it would have run inside itself. */
  recursionMisses: bigint;
  runCount: bigint;
  runTimeNs: bigint;
}

export interface MapInfo {
  id: number;
  name: string;
  type: number;
  keyBytes: number;
  valueBytes: number;
  entriesMax: number;
}

export interface LinkInfo {
  id: number;
  programId: number;
}

// Offsets into struct bpf_prog_info, bpf_map_info and bpf_link_info of <linux/bpf.h>, which only ever grow at their ends.
// A kernel that knows less leaves the rest zero.

export function programInfo(fd: number): ProgramInfo {
  const info = infoOf(fd, 232);
  const view = viewOf(info);
  return {
    id: view.getUint32(4, true),
    name: textUntilNul(info.subarray(64, 80)),
    instructions: view.getUint32(20, true) / 8,
    lines: view.getUint32(148, true),
    runTimeNs: view.getBigUint64(192, true),
    runCount: view.getBigUint64(200, true),
    recursionMisses: view.getBigUint64(208, true),
    verifiedInstructions: view.getUint32(216, true),
  };
}

export function mapInfo(fd: number): MapInfo {
  const info = infoOf(fd, 88);
  const view = viewOf(info);
  return {
    type: view.getUint32(0, true),
    id: view.getUint32(4, true),
    keyBytes: view.getUint32(8, true),
    valueBytes: view.getUint32(12, true),
    entriesMax: view.getUint32(16, true),
    name: textUntilNul(info.subarray(24, 40)),
  };
}

export function linkInfo(fd: number): LinkInfo {
  const view = viewOf(infoOf(fd, 48));
  return { id: view.getUint32(4, true), programId: view.getUint32(8, true) };
}

function infoOf(fd: number, bytes: number): Uint8Array {
  const info = ownedBytes(bytes);
  const length = ownedBytes(4);
  viewOf(length).setUint32(0, bytes, true);
  checkedResult(
    "bpf_obj_get_info_by_fd",
    libbpf().bpf_obj_get_info_by_fd(fd, ptr(info), ptr(length)),
  );
  return info;
}

/** A new descriptor; holding it keeps the link, and so the program, attached. */
export function linkFdById(id: number): number {
  return checkedResult("bpf_link_get_fd_by_id", libbpf().bpf_link_get_fd_by_id(id));
}

export function programFdById(id: number): number {
  return checkedResult("bpf_prog_get_fd_by_id", libbpf().bpf_prog_get_fd_by_id(id));
}

/** Keeps a map, program or link beyond this process, until the file is removed. */
export function pinFd(fd: number, path: string): void {
  const pathBytes = cString(path);
  checkedResult(`bpf_obj_pin ${path}`, libbpf().bpf_obj_pin(fd, ptr(pathBytes)));
}

/** A new descriptor of what is pinned there. */
export function pinnedFd(path: string): number {
  const pathBytes = cString(path);
  return checkedResult(`bpf_obj_get ${path}`, libbpf().bpf_obj_get(ptr(pathBytes)));
}

export function mapFdById(id: number): number {
  return checkedResult("bpf_map_get_fd_by_id", libbpf().bpf_map_get_fd_by_id(id));
}
