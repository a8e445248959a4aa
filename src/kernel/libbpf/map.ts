// A BPF map by its descriptor: look up, update, delete, walk, and share memory with it.
//
// Keys and values pass through buffers of the map itself, so the caller's arrays are never given to C.

import { ptr } from "bun:ffi";
import { constants } from "node:os";
import { assert } from "../../base/assert.ts";
import { cString, type OwnedBytes, ownedBytes, viewOf } from "../../base/bytes.ts";
import { close, type Mapping, mapShared, SystemError } from "../libc.ts";
import { type MapInfo, mapFdById, mapInfo, pinFd, pinnedFd } from "./ids.ts";
import { checkedResult, libbpf } from "./library.ts";

/** Values of `enum bpf_map_type` that this program makes or asks about. */
export const MapType = {
  hash: 1,
  array: 2,
  percpuHash: 5,
  percpuArray: 6,
  lruHash: 9,
  lruPercpuHash: 10,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  ringBuffer: 27,
} as const;

/** The `flags` of an update. */
export const UpdateMode = { any: 0, create: 1, exist: 2 } as const;

const percpuTypes: ReadonlySet<number> = new Set([
  MapType.percpuHash,
  MapType.percpuArray,
  MapType.lruPercpuHash,
]);

export interface MapShape {
  type: number;
  name: string;
  keyBytes: number;
  valueBytes: number;
  entriesMax: number;
  /** BPF_F_* */
  flags?: number;
  /** Of a map of maps: one of the shape that all have. */
  innerMapFd?: number;
}

export class BpfMap {
  /** What the kernel says of the map, as it was made. */
  readonly info: MapInfo;
  /** Bytes of a value as user space sees it: for a per-CPU map, one value after another, each rounded up to 8 bytes. */
  readonly valueBytes: number;
  readonly #key: OwnedBytes;
  readonly #nextKey: OwnedBytes;
  /** Made when it is asked for: that of a table has a quarter of a megabyte, and most maps are not looked into. */
  #valueMade: OwnedBytes | null = null;

  /** `fd` stays the caller's, who closes it with `close()` unless a BpfObject owns it. */
  constructor(readonly fd: number) {
    this.info = mapInfo(fd);
    const percpu = percpuTypes.has(this.info.type);
    this.valueBytes = percpu
      ? roundUp8(this.info.valueBytes) * libbpf().libbpf_num_possible_cpus()
      : this.info.valueBytes;
    this.#key = ownedBytes(this.info.keyBytes);
    this.#nextKey = ownedBytes(this.info.keyBytes);
  }

  /** One that was pinned. */
  static pinned(path: string): BpfMap {
    return new BpfMap(pinnedFd(path));
  }

  static byId(id: number): BpfMap {
    return new BpfMap(mapFdById(id));
  }

  /** A map of our own, beside those an object declares. */
  static create(shape: MapShape): BpfMap {
    const name = cString(shape.name);
    const options = ownedBytes(mapCreateOptions.bytes);
    const view = viewOf(options);
    view.setBigUint64(0, BigInt(mapCreateOptions.bytes), true);
    view.setUint32(mapCreateOptions.innerMapFd, shape.innerMapFd ?? 0, true);
    view.setUint32(mapCreateOptions.flags, shape.flags ?? 0, true);
    const { type, keyBytes, valueBytes, entriesMax } = shape;
    const fd = libbpf().bpf_map_create(
      type,
      ptr(name),
      keyBytes,
      valueBytes,
      entriesMax,
      ptr(options),
    );
    return new BpfMap(checkedResult(`bpf_map_create ${shape.name}`, fd));
  }

  /** A copy of the value, or null when there is none. */
  lookup(key: Uint8Array): Uint8Array | null {
    this.#setKey(key);
    const result = libbpf().bpf_map_lookup_elem(this.fd, ptr(this.#key), ptr(this.#value));
    return this.#found("bpf_map_lookup_elem", result) ? this.#value.slice() : null;
  }

  update(key: Uint8Array, value: Uint8Array, mode: number = UpdateMode.any): void {
    assert(
      value.length === this.valueBytes,
      `a value of ${this.info.name} has ${this.valueBytes} bytes, not ${value.length}`,
    );
    this.#setKey(key);
    this.#value.set(value);
    const result = libbpf().bpf_map_update_elem(
      this.fd,
      ptr(this.#key),
      ptr(this.#value),
      BigInt(mode),
    );
    checkedResult(`bpf_map_update_elem ${this.info.name}`, result);
  }

  /** Whether there was one. */
  delete(key: Uint8Array): boolean {
    this.#setKey(key);
    return this.#found(
      "bpf_map_delete_elem",
      libbpf().bpf_map_delete_elem(this.fd, ptr(this.#key)),
    );
  }

  /** The key after `key`, or the first one; null at the end. */
  nextKey(key: Uint8Array | null): Uint8Array | null {
    if (key !== null) this.#setKey(key);
    const from = key === null ? null : ptr(this.#key);
    const result = libbpf().bpf_map_get_next_key(this.fd, from, ptr(this.#nextKey));
    return this.#found("bpf_map_get_next_key", result) ? this.#nextKey.slice() : null;
  }

  /** Every key. Of a hash that changes meanwhile, some may come twice or not at all. */
  *keys(): Generator<Uint8Array> {
    for (let key = this.nextKey(null); key !== null; key = this.nextKey(key)) yield key;
  }

  /** The memory of an array made with BPF_F_MMAPABLE, whose elements are rounded up to 8 bytes. */
  mmap(readOnly = false): Mapping {
    assert(this.info.type === MapType.array, `${this.info.name} is an array`);
    const pageBytes = 4096;
    const bytes = roundUp8(this.info.valueBytes) * this.info.entriesMax;
    return mapShared(this.fd, Math.ceil(bytes / pageBytes) * pageBytes, readOnly);
  }

  /** Takes away user space's right to write, for good. */
  freeze(): void {
    checkedResult(`bpf_map_freeze ${this.info.name}`, libbpf().bpf_map_freeze(this.fd));
  }

  pin(path: string): void {
    pinFd(this.fd, path);
  }

  close(): void {
    close(this.fd);
  }

  get #value(): OwnedBytes {
    this.#valueMade ??= ownedBytes(this.valueBytes);
    return this.#valueMade;
  }

  #setKey(key: Uint8Array): void {
    assert(
      key.length === this.info.keyBytes,
      `a key of ${this.info.name} has ${this.info.keyBytes} bytes, not ${key.length}`,
    );
    this.#key.set(key);
  }

  #found(call: string, result: number): boolean {
    if (result === -constants.errno.ENOENT) return false;
    if (result < 0) throw new SystemError(`${call} ${this.info.name}`, -result);
    return true;
  }
}

// Size and offsets of struct bpf_map_create_opts in libbpf 1.1; a later libbpf takes the shorter form.
const mapCreateOptions = { bytes: 48, innerMapFd: 24, flags: 28 };

function roundUp8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
