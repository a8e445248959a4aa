// An object loaded in steps: what takes its time and hangs on nothing first, perhaps on another processor, while this one
// finds out what is wanted of it; then its programs, which the verifier takes several of at once.
//
//   const prepared = prepareAhead(preparation);     // opens it, makes its maps, places the kernel's fields in its programs
//   ...                                             // meanwhile it loads what the preparation guesses
//   const object = prepared?.() ?? BpfObject.open(...);
//   if (...) prepare(object);                       // what was not prepared ahead
//   object.map(".rodata").setVariables(...);        // its constants, until they are sealed
//   object.map("table").resize(64);
//   loadPrograms(object, ["trace_exec"]);           // others are left out, and of these what their constants never run

import { type Pointer, ptr, read } from "bun:ffi";
import {
  cString,
  cStrings,
  type OwnedBytes,
  ownedBytes,
  ownedCopy,
  viewOf,
} from "../../base/bytes.ts";
import { pointerFromC } from "../libc.ts";
import { checkedResult, heedAgain, keepWarnings, own, withoutCallbacks } from "./library.ts";
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
  readonly guess: Guess | null;
}

/** What will be wanted if all is as it was: loaded before it is known whether it is. */
export interface Guess {
  /** Names, of those that are prepared. */
  readonly programs: readonly string[];
  /** The content of `.rodata`. */
  readonly constants: Uint8Array;
}

// struct map_size and struct preparation of packaging/libbpf/steps.c.
const ofSize = { bytes: 16, name: 0, entries: 8 };
const ofPreparation = {
  bytes: 88,
  content: 0,
  length: 8,
  options: 16,
  programs: 24,
  sizes: 32,
  sizesCount: 40,
  constants: 48,
  constantsBytes: 56,
  wanted: 64,
  object: 72,
  result: 80,
};

/** The step's argument, and all that it points at. */
class Argument {
  readonly bytes = ownedBytes(ofPreparation.bytes);
  readonly #given: OpenArguments;
  readonly #programs: OwnedBytes;
  readonly #names: readonly OwnedBytes[];
  readonly #sizes: OwnedBytes;
  readonly #constants: OwnedBytes | null;
  readonly #wanted: OwnedBytes | null;

  constructor(preparation: Preparation) {
    const { name, content, kernelTypes, programs, guess } = preparation;
    const sizes = Object.entries(preparation.sizes);
    this.#given = new OpenArguments(name, content, kernelTypes);
    this.#programs = cStrings(programs);
    this.#names = sizes.map(([map]) => cString(map));
    this.#constants = guess === null ? null : ownedCopy(guess.constants);
    this.#wanted = guess === null ? null : cStrings(guess.programs);
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
      constants: this.#constants === null ? 0 : ptr(this.#constants),
      constantsBytes: this.#constants?.length ?? 0,
      wanted: this.#wanted === null ? 0 : ptr(this.#wanted),
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

/** Threads that began ahead, and what they have the addresses of, also where nobody waits for them. */
const ahead = { joins: [] as (() => void)[], arguments: new Set<Argument>() };

function joinAhead(): void {
  for (const join of ahead.joins.splice(0)) join();
  ahead.arguments.clear();
}

/** Threads of `routine` for all the work there is, but this one. */
function startThreads(count: number, routine: Pointer | bigint | null, argument: Pointer | null) {
  const started = Array.from({ length: count }, () =>
    startThread(pointerFromC(routine) as Pointer, argument),
  );
  return started.filter((join) => join !== null);
}

const helpers = Math.min(processors, threadsMax) - 1;

/**
 * What comes back waits until it is prepared, and says null where that failed: who does the same here is told why. Null: there
 * is no other processor or no thread to be had. INVARIANT: nobody calls libbpf in between; afterwards the object is loaded or
 * given up before it is closed.
 */
export function prepareAhead(preparation: Preparation): (() => BpfObject | null) | null {
  if (helpers === 0) return null;
  const c = own();
  const argument = new Argument(preparation);
  const address = ptr(argument.bytes);
  keepWarnings();
  ahead.joins = startThreads(1, c.actplane_preparer(), address);
  if (ahead.joins.length === 0) {
    heedAgain();
    return null;
  }
  ahead.arguments.add(argument);
  if (preparation.guess !== null)
    ahead.joins.push(...startThreads(helpers - 1, c.actplane_prepared_loader(), address));
  return () => {
    c.actplane_await_prepared(address);
    heedAgain();
    const { object, result } = argument;
    if (result === 0) return object;
    if (object === null) joinAhead();
    else giveUp(object);
    return null;
  };
}

/** Closes one that was prepared, ahead or not, whether or not it was loaded. */
export function giveUp(object: BpfObject): void {
  own().actplane_give_up();
  joinAhead();
  object.close();
}

/** The programs of `object` that are to be loaded, and its maps. Throws SystemError, with the warnings of libbpf. */
export function prepare(object: BpfObject): void {
  const result = withoutCallbacks(() => own().actplane_put_off(object.address));
  checkedResult("bpf_object__load", result);
}

/** Of an object that was prepared. Throws SystemError, with the warnings of libbpf. Null: all of its programs. */
export function loadPrograms(object: BpfObject, names: Iterable<string> | null): void {
  const wanted = names === null ? null : cStrings([...names]);
  const result = withoutCallbacks(() => {
    const c = own();
    const settled = c.actplane_settle(object.address, wanted === null ? null : ptr(wanted));
    const others = settled === 0 ? startThreads(helpers, c.actplane_loader(), null) : [];
    if (settled >= 0) c.actplane_load_programs(null);
    for (const join of others) join();
    joinAhead();
    return settled < 0 ? settled : c.actplane_place_programs();
  });
  checkedResult("bpf_object__load", result);
}

/** As `object.load()`. */
export function loadOnThreads(object: BpfObject): void {
  prepare(object);
  loadPrograms(object, null);
}
