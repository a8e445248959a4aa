// An object loaded in steps: what takes its time and hangs on nothing first, perhaps on another processor, while this one
// finds out what is wanted of it; then its programs, which the verifier takes several of at once.
//
//   const prepared = prepareAhead(preparation);     // opens it, makes its maps, places the kernel's fields in its programs
//   ...
//   const object = prepared?.() ?? BpfObject.open(...);
//   if (...) prepare(object);                       // what was not prepared ahead
//   object.map(".rodata").setVariables(...);        // its constants, until they are sealed
//   object.map("table").resize(64);
//   loadPrograms(object, ["trace_exec"]);           // others are left out, and of these what their constants never run

import { type Pointer, ptr, read } from "bun:ffi";
import { cString, cStrings, type OwnedBytes, ownedBytes, viewOf } from "../../base/bytes.ts";
import { pointerFromC } from "../libc.ts";
import { checkedResult, heedAgain, steps, withoutCallbacks } from "./library.ts";
import { BpfObject, OpenArguments } from "./object.ts";
import { processors, startThread } from "./threads.ts";

/** The largest program takes about a quarter of all the time: more threads would have nothing to do. */
const threadsMax = 4;

export interface Preparation {
  readonly name: string;
  readonly content: Uint8Array;
  /** As of BpfObject.open. */
  readonly kernelTypes: string | null;
  /** Names; others are left out. */
  readonly programs: readonly string[];
  /** Entries of maps, where not as they are declared. */
  readonly sizes: Readonly<Record<string, number>>;
}

// struct map_size and struct preparation of packaging/libbpf/steps.c.
const ofSize = { bytes: 16, name: 0, entries: 8 };
const ofPreparation = {
  bytes: 64,
  content: 0,
  length: 8,
  options: 16,
  programs: 24,
  sizes: 32,
  sizesCount: 40,
  object: 48,
  result: 56,
};

/** The step's argument, and all that it points at. */
class Argument {
  readonly bytes = ownedBytes(ofPreparation.bytes);
  readonly #given: OpenArguments;
  readonly #programs: OwnedBytes;
  readonly #names: readonly OwnedBytes[];
  readonly #sizes: OwnedBytes;

  constructor(preparation: Preparation) {
    const { name, content, kernelTypes, programs } = preparation;
    const sizes = Object.entries(preparation.sizes);
    this.#given = new OpenArguments(name, content, kernelTypes);
    this.#programs = cStrings(programs);
    this.#names = sizes.map(([map]) => cString(map));
    this.#sizes = ownedBytes(sizes.length * ofSize.bytes);
    const view = viewOf(this.#sizes);
    sizes.forEach(([, entries], index) => {
      const at = index * ofSize.bytes;
      view.setBigUint64(at + ofSize.name, BigInt(ptr(this.#names[index] as OwnedBytes)), true);
      view.setUint32(at + ofSize.entries, entries, true);
    });
    const words = {
      content: ptr(this.#given.elf),
      length: this.#given.elf.length,
      options: ptr(this.#given.options),
      programs: ptr(this.#programs),
      sizes: ptr(this.#sizes),
      sizesCount: sizes.length,
    };
    for (const [word, value] of Object.entries(words))
      viewOf(this.bytes).setBigUint64(
        ofPreparation[word as keyof typeof words],
        BigInt(value),
        true,
      );
  }

  /** Null: it could not be opened. */
  get object(): BpfObject | null {
    const address = read.ptr(ptr(this.bytes), ofPreparation.object) || null;
    const object = pointerFromC(address as Pointer | null);
    return object === null ? null : BpfObject.opened(object, this.#given);
  }

  get result(): number {
    return viewOf(this.bytes).getInt32(ofPreparation.result, true);
  }
}

/** What threads that run have the addresses of, also of one that nobody waits for. */
const seenByThreads = new Set<Argument>();

/**
 * What comes back waits for the thread, and says null where it failed: who does the same here is told why. Null: there is no
 * other processor or no thread to be had. INVARIANT: nobody calls libbpf in between.
 */
export function prepareAhead(preparation: Preparation): (() => BpfObject | null) | null {
  const routine = processors > 1 ? pointerFromC(steps().actplane_preparer()) : null;
  if (routine === null) return null;
  const argument = new Argument(preparation);
  steps().actplane_keep_warnings();
  const join = startThread(routine, ptr(argument.bytes));
  if (join === null) {
    heedAgain();
    return null;
  }
  seenByThreads.add(argument);
  return () => {
    join();
    seenByThreads.delete(argument);
    heedAgain();
    const { object, result } = argument;
    if (result === 0) return object;
    object?.close();
    return null;
  };
}

/** The programs of `object` that are to be loaded, and its maps. Throws SystemError, with the warnings of libbpf. */
export function prepare(object: BpfObject): void {
  const result = withoutCallbacks(() => steps().actplane_put_off(object.address));
  checkedResult("bpf_object__load", result);
}

/** Of an object that was prepared. Throws SystemError, with the warnings of libbpf. Null: all of its programs. */
export function loadPrograms(object: BpfObject, names: Iterable<string> | null): void {
  const wanted = names === null ? null : cStrings([...names]);
  const result = withoutCallbacks(() => {
    const c = steps();
    const failure = c.actplane_settle(object.address, wanted === null ? null : ptr(wanted));
    if (failure !== 0) return failure;
    const routine = pointerFromC(c.actplane_loader()) as Pointer;
    const others = Array.from({ length: Math.min(processors, threadsMax) - 1 }, () =>
      startThread(routine, null),
    );
    c.actplane_load_programs(null);
    for (const join of others) join?.();
    return c.actplane_place_programs();
  });
  checkedResult("bpf_object__load", result);
}

/** As `object.load()`. */
export function loadOnThreads(object: BpfObject): void {
  prepare(object);
  loadPrograms(object, null);
}
