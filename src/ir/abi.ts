// The image: what a compiled policy looks like as words. The TypeScript view of bpf/abi.h
// (its part "a compiled policy"); a test compares both through BTF. Offsets are in words.

export const IMAGE_MAGIC = 0x4e4c5041;
export const IMAGE_ABI = 1;

export const LABEL_WORDS = 8;
export const LABELS_MAX = LABEL_WORDS * 32;
export const GATES_MAX = 64;
export const GROUPS_MAX = 8;
export const TABLE_CHUNK_WORDS = 65536;
export const ATOM_WORDS_MAX = 512;

export const automatonKinds = ["path", "exec", "args", "endpoint", "unix"] as const;
export type AutomatonKind = (typeof automatonKinds)[number];

/** Bits of `enum operation`. */
export const operationBits = {
  exec: 1 << 0,
  open: 1 << 1,
  read: 1 << 2,
  write: 1 << 3,
  create: 1 << 4,
  unlink: 1 << 5,
  rename: 1 << 6,
  link: 1 << 7,
  metadata: 1 << 8,
  truncate: 1 << 9,
  mount: 1 << 10,
  connect: 1 << 11,
  bind: 1 << 12,
  send: 1 << 13,
  recv: 1 << 14,
  signal: 1 << 15,
  ptrace: 1 << 16,
} as const;
export type OperationName = keyof typeof operationBits;

export const effectNumbers = { notify: 1, block: 2, kill: 3 } as const;

export const entryKinds = {
  clause: 1,
  label: 2,
  open: 3,
  stale: 4,
  lineage: 5,
  endorse: 6,
  declassify: 7,
} as const;

export const GATE_EXITS = 1;

/** Word offsets inside `struct image_header`. */
export const header = {
  magic: 0,
  abi: 1,
  words: 2,
  clauses: 3,
  gates: 4,
  gatesAt: 5,
  entries: 6,
  entriesAt: 7,
  atomWords: 8,
  pathOps: 9,
  execOps: 10,
  endpointOps: 11,
  flowing: 12,
  clauseSetAt: 20,
  earnedAt: 21,
  referred: 22,
  automata: 24,
  size: 64,
} as const;

/** Word offsets inside `struct automaton`. */
export const automaton = {
  classesAt: 0,
  statesAt: 1,
  combAt: 2,
  start: 3,
  states: 4,
  combs: 5,
  classes: 6,
  endAt: 7,
  size: 8,
} as const;

/** Word offsets inside `struct state`. */
export const state = { base: 0, otherwise: 1, accept: 2, extra: 3, size: 4 } as const;

/** Word offsets inside `struct comb`. */
export const comb = { check: 0, next: 1, size: 2 } as const;

/** Word offsets inside `struct entry`. */
export const entry = {
  kind: 0,
  ops: 1,
  effect: 2,
  id: 3,
  gates: 4,
  argsAt: 6,
  exceptAt: 7,
  all: 8,
  none: 16,
  exceptNotAt: 24,
  needs: 25,
  size: 32,
} as const;

/** Word offsets inside `struct gate_record`. */
export const gateRecord = {
  flags: 0,
  status: 1,
  withinNsLow: 2,
  withinNsHigh: 3,
  size: 4,
} as const;
