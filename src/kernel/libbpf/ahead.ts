// An object opened, and its larger maps made, on another processor while this one finds out what of it is to be loaded.
//
//   const opened = openAhead("actplane", content, types, [{ name: "objects", entriesMax: null }]);
//   ...
//   const { object, maps } = opened?.() ?? ...

import { type Pointer, ptr, read } from "bun:ffi";
import { cString, type OwnedBytes, ownedBytes, viewOf } from "../../base/bytes.ts";
import { pointerFromC } from "../libc.ts";
import { heedAgain, routineAhead } from "./library.ts";
import { BpfObject, OpenArguments } from "./object.ts";
import { processors, startThread } from "./threads.ts";

export interface MapAhead {
  readonly name: string;
  /** Null: as it is declared. */
  readonly entriesMax: number | null;
}

export interface OpenedAhead {
  readonly object: BpfObject;
  /** Descriptors, the caller's, of the maps that could be made. */
  readonly maps: ReadonlyMap<string, number>;
}

// struct map_ahead and struct ahead of packaging/libbpf/shims.c.
const ofMap = { bytes: 16, name: 0, entriesMax: 8, fd: 12 };
const ofAhead = {
  bytes: 48,
  content: 0,
  length: 8,
  options: 16,
  maps: 24,
  mapsCount: 32,
  object: 40,
};

/** What threads that run have the addresses of, also of one that nobody waits for. */
const seenByThreads = new Set<object>();

/**
 * What comes back waits for the thread, and says null where it could not open the object. Null: there is no other processor
 * or no thread to be had. INVARIANT: nobody calls libbpf in between.
 */
export function openAhead(
  name: string,
  content: Uint8Array,
  kernelTypes: string,
  maps: readonly MapAhead[],
): (() => OpenedAhead | null) | null {
  const routine = processors > 1 ? routineAhead() : null;
  if (routine === null) return null;
  const given = new OpenArguments(name, content, kernelTypes);
  const names = maps.map((map) => cString(map.name));
  const made = ownedBytes(maps.length * ofMap.bytes);
  const madeView = viewOf(made);
  maps.forEach(({ entriesMax }, index) => {
    const at = index * ofMap.bytes;
    madeView.setBigUint64(at + ofMap.name, BigInt(ptr(names[index] as OwnedBytes)), true);
    madeView.setUint32(at + ofMap.entriesMax, entriesMax ?? 0, true);
    madeView.setInt32(at + ofMap.fd, -1, true);
  });
  const ahead = ownedBytes(ofAhead.bytes);
  const view = viewOf(ahead);
  view.setBigUint64(ofAhead.content, BigInt(ptr(given.elf)), true);
  view.setBigUint64(ofAhead.length, BigInt(given.elf.length), true);
  view.setBigUint64(ofAhead.options, BigInt(ptr(given.options)), true);
  view.setBigUint64(ofAhead.maps, BigInt(ptr(made)), true);
  view.setBigUint64(ofAhead.mapsCount, BigInt(maps.length), true);
  const join = startThread(routine, ptr(ahead));
  if (join === null) {
    heedAgain();
    return null;
  }
  const seen = { given, names, made, ahead };
  seenByThreads.add(seen);
  return () => {
    join();
    seenByThreads.delete(seen);
    heedAgain();
    const address = pointerFromC((read.ptr(ptr(ahead), ofAhead.object) || null) as Pointer | null);
    if (address === null) return null;
    const fds = maps.flatMap((map, index): [string, number][] => {
      const fd = madeView.getInt32(index * ofMap.bytes + ofMap.fd, true);
      return fd < 0 ? [] : [[map.name, fd]];
    });
    return { object: BpfObject.opened(address, given), maps: new Map(fds) };
  };
}
