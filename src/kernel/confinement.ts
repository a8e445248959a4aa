// System calls that the command is kept from in the tracepoint tier, which has no hook to refuse them:
//
//   io_uring_setup   its requests make no system call that a tracepoint could see, so a file could be opened
//                    past the rules. Programs know the refusal from containers and do without.
//   bpf              would let a governed root process detach what enforces.
//   process_vm_readv, process_vm_writev   reach into the memory of a program that cleans data or opens a gate.

import { ownedBytes, viewOf } from "../base/bytes.ts";

/** For the launcher, by which it and all it becomes and starts are kept from them: struct sock_filter after another. */
export function confinementFilter(): Uint8Array {
  const instructions = ownedBytes(filter.length * 8);
  const view = viewOf(instructions);
  filter.forEach(([code, whenTrue, whenFalse, value], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, whenTrue);
    view.setUint8(index * 8 + 3, whenFalse);
    view.setUint32(index * 8 + 4, value, true);
  });
  return instructions;
}

// struct sock_filter: code, jump if true, jump if false, value.
type Instruction = readonly [number, number, number, number];

const [LOAD_WORD, AND, JUMP_IF_EQUAL, RETURN] = [0x20, 0x54, 0x15, 0x06] as const;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_EPERM = 0x00050001;
/** Offsets inside struct seccomp_data. */
const [NUMBER_AT, ARCHITECTURE_AT] = [0, 4];
const AUDIT_ARCH_NATIVE = process.arch === "arm64" ? 0xc00000b7 : 0xc000003e;
/** x32 has the 64-bit numbers with a bit of its own. */
const X32_BIT = 0x40000000;

/** io_uring_setup, bpf, process_vm_readv, process_vm_writev; of 32-bit programs on x86-64 the i386 numbers. */
const refused = process.arch === "arm64" ? [425, 280, 270, 271] : [425, 321, 310, 311];
const refusedOfI386 = process.arch === "arm64" ? [425, 386, 376, 377] : [425, 357, 347, 348];

/** How far a jump is from instruction `at` to the last one, which refuses. */
const last = refused.length + refusedOfI386.length + 7;

const filter: readonly Instruction[] = [
  [LOAD_WORD, 0, 0, ARCHITECTURE_AT],
  [JUMP_IF_EQUAL, 0, refused.length + 3, AUDIT_ARCH_NATIVE],
  [LOAD_WORD, 0, 0, NUMBER_AT],
  [AND, 0, 0, ~X32_BIT >>> 0],
  ...refused.map((number, i): Instruction => [JUMP_IF_EQUAL, last - (4 + i) - 1, 0, number]),
  [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  [LOAD_WORD, 0, 0, NUMBER_AT],
  ...refusedOfI386.map(
    (number, i): Instruction => [JUMP_IF_EQUAL, last - (6 + refused.length + i) - 1, 0, number],
  ),
  [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  [RETURN, 0, 0, SECCOMP_RET_EPERM],
];
