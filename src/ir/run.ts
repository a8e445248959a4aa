// Reading an image: one lookup, as the kernel half does it. For `why`, for tests and for simulations;
// it knows bpf/abi.h and nothing of the compiler.

import {
  type AutomatonKind,
  automaton as automatonAt,
  automatonKinds,
  comb as combAt,
  entry as entryAt,
  GROUPS_MAX,
  header,
  state as stateAt,
} from "./abi.ts";

/** What one automaton says about a name. */
export interface Walked {
  readonly group: number;
  readonly state: number;
  /** Entry numbers; of `args`, atoms. */
  readonly accepts: readonly number[];
  /** Of `exec`: where the arguments start (0: the default) and the atoms of the program itself. */
  readonly argsStart: number;
  readonly atoms: readonly number[];
}

/** Every group of `kind` walked over `bytes`. */
export function walk(image: Uint32Array, kind: AutomatonKind, bytes: Uint8Array): Walked[] {
  return automataOf(image, kind).map((at, group) => {
    let state = wordAt(image, at + automatonAt.start);
    for (const byte of bytes) {
      if (state === 0) break;
      state = step(image, at, state, byte);
    }
    const record = recordOf(image, at, state);
    const extra = kind === "exec" && state !== 0 ? wordAt(image, record + stateAt.extra) : 0;
    return {
      group,
      state,
      accepts: state === 0 ? [] : listAt(image, wordAt(image, record + stateAt.accept)),
      argsStart: extra === 0 ? 0 : wordAt(image, extra),
      atoms: extra === 0 ? [] : listAt(image, extra + 1),
    };
  });
}

/** The atoms that an argument list sets, read from `start` (0: the default). `argv` holds each argument with its NUL. */
export function walkArguments(image: Uint32Array, argv: Uint8Array, start = 0): Set<number> {
  const atoms = new Set<number>();
  const [at] = automataOf(image, "args");
  if (at === undefined) return atoms;
  let state = start === 0 ? wordAt(image, at + automatonAt.start) : start;
  for (const byte of argv) {
    if (state === 0) break;
    state = step(image, at, state, byte);
    if (byte !== 0 || state === 0) continue;
    const record = recordOf(image, at, state);
    for (const atom of listAt(image, wordAt(image, record + stateAt.accept))) atoms.add(atom);
  }
  return atoms;
}

/** argv as the kernel half reads it. */
export function argumentBytes(argv: readonly string[]): Uint8Array {
  return new TextEncoder().encode(argv.map((argument) => `${argument}\0`).join(""));
}

/** The word offset of entry `number`. */
export function entryOffset(image: Uint32Array, number: number): number {
  return wordAt(image, header.entriesAt) + number * entryAt.size;
}

/** The items of the list at `at`; 0 is the empty list. */
export function listAt(image: Uint32Array, at: number): number[] {
  if (at === 0) return [];
  return [...image.subarray(at + 1, at + 1 + wordAt(image, at))];
}

/** Offsets of `struct automaton`, group by group. */
export function automataOf(image: Uint32Array, kind: AutomatonKind): number[] {
  const from = header.automata + automatonKinds.indexOf(kind) * GROUPS_MAX;
  const offsets = [...image.subarray(from, from + GROUPS_MAX)];
  const end = offsets.indexOf(0);
  return end === -1 ? offsets : offsets.slice(0, end);
}

export function step(image: Uint32Array, at: number, state: number, byte: number): number {
  const classWord = wordAt(image, wordAt(image, at + automatonAt.classesAt) + (byte >> 2));
  const byteClass = (classWord >>> ((byte & 3) * 8)) & 0xff;
  const record = recordOf(image, at, state);
  const slot = wordAt(image, record + stateAt.base) + byteClass;
  const cell = wordAt(image, at + automatonAt.combAt) + slot * combAt.size;
  if (wordAt(image, cell + combAt.check) === state) return wordAt(image, cell + combAt.next);
  return wordAt(image, record + stateAt.otherwise);
}

function recordOf(image: Uint32Array, at: number, state: number): number {
  return wordAt(image, at + automatonAt.statesAt) + state * stateAt.size;
}

/** INVARIANT: every offset of an image is inside it. */
function wordAt(image: Uint32Array, at: number): number {
  const word = image[at];
  if (word === undefined)
    throw new RangeError(`word ${at} is outside of an image of ${image.length} words`);
  return word;
}
