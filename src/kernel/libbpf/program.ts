// One program of a BPF object: what to change before the object is loaded, and how to attach or run it afterwards.

import { type Pointer, ptr } from "bun:ffi";
import { assert } from "../../base/assert.ts";
import {
  cString,
  type OwnedBytes,
  ownedBytes,
  ownedCopy,
  textUntilNul,
  viewOf,
} from "../../base/bytes.ts";
import { copyFromC } from "../libc.ts";
import { type ProgramInfo, programInfo } from "./ids.ts";
import { checkedPointer, checkedResult, libbpf } from "./library.ts";
import { BpfLink } from "./link.ts";

export class BpfProgram {
  readonly name: string;
  readonly section: string;
  readonly #address: Pointer;
  #verifierLog: OwnedBytes | null = null;

  /** Made by BpfObject, which owns the memory at `address`. */
  constructor(address: Pointer) {
    this.#address = address;
    this.name = String(libbpf().bpf_program__name(address));
    this.section = String(libbpf().bpf_program__section_name(address));
  }

  // -- before the load ----------------------------------------------------------------------------------------------

  get autoload(): boolean {
    return libbpf().bpf_program__autoload(this.#address);
  }

  /** How many instructions it has before the verifier adds its own. */
  get size(): number {
    return Number(libbpf().bpf_program__insn_cnt(this.#address));
  }

  setAutoload(load: boolean): void {
    checkedResult(
      `bpf_program__set_autoload ${this.name}`,
      libbpf().bpf_program__set_autoload(this.#address, load),
    );
  }

  /** `type` is of `enum bpf_prog_type`. */
  setType(type: number): void {
    checkedResult(
      `bpf_program__set_type ${this.name}`,
      libbpf().bpf_program__set_type(this.#address, type),
    );
  }

  /** `type` is of `enum bpf_attach_type`. */
  setExpectedAttachType(type: number): void {
    const result = libbpf().bpf_program__set_expected_attach_type(this.#address, type);
    checkedResult(`bpf_program__set_expected_attach_type ${this.name}`, result);
  }

  /** The kernel function that a tracing or LSM program hooks. */
  setAttachTarget(functionName: string): void {
    const nameBytes = cString(functionName);
    const result = libbpf().bpf_program__set_attach_target(this.#address, 0, ptr(nameBytes));
    checkedResult(`bpf_program__set_attach_target ${this.name}`, result);
  }

  /** Keeps what the verifier says of this program: at level 0 only when it refuses, at 1 and 2 always. */
  captureVerifierLog(bytesMax = 1 << 20, level = 0): void {
    this.#verifierLog = ownedBytes(bytesMax);
    const log = this.#verifierLog;
    checkedResult(
      "bpf_program__set_log_buf",
      libbpf().bpf_program__set_log_buf(this.#address, ptr(log), log.length),
    );
    checkedResult(
      "bpf_program__set_log_level",
      libbpf().bpf_program__set_log_level(this.#address, level),
    );
  }

  /** Empty until a load wrote something. */
  verifierLog(): string {
    return this.#verifierLog === null ? "" : textUntilNul(this.#verifierLog);
  }

  // -- after the load -----------------------------------------------------------------------------------------------

  /** The program's descriptor, which the object owns; throws for a program that was not loaded. */
  get fd(): number {
    return checkedResult(`bpf_program__fd ${this.name}`, libbpf().bpf_program__fd(this.#address));
  }

  /** What the verifier was given: struct bpf_insn after struct bpf_insn, fields of the kernel placed and maps by descriptor. */
  instructions(): Uint8Array {
    const address = checkedPointer(
      "bpf_program__insns",
      libbpf().bpf_program__insns(this.#address),
    );
    const instructionBytes = 8;
    return copyFromC(address, this.size * instructionBytes);
  }

  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /** Attaches where the section name says. */
  attach(): BpfLink {
    return this.#link("bpf_program__attach", libbpf().bpf_program__attach(this.#address));
  }

  attachCgroup(cgroupFd: number): BpfLink {
    return this.#link(
      "bpf_program__attach_cgroup",
      libbpf().bpf_program__attach_cgroup(this.#address, cgroupFd),
    );
  }

  attachRawTracepoint(tracepoint: string): BpfLink {
    const nameBytes = cString(tracepoint);
    const link = libbpf().bpf_program__attach_raw_tracepoint(this.#address, ptr(nameBytes));
    return this.#link("bpf_program__attach_raw_tracepoint", link);
  }

  /** Runs a SEC("syscall") program once, in this task; what it returns. It may write `context`, which changes in place. */
  run(context: Uint8Array): number {
    assert(context.length > 0, "a syscall program has a context");
    const contextCopy = ownedCopy(context);
    const options = ownedBytes(testRunOptions.bytes);
    const view = viewOf(options);
    view.setBigUint64(0, BigInt(testRunOptions.bytes), true);
    view.setBigUint64(testRunOptions.contextIn, BigInt(ptr(contextCopy)), true);
    view.setUint32(testRunOptions.contextInBytes, contextCopy.length, true);
    // For this program type the kernel writes back into the input and refuses a separate output.
    checkedResult(
      `bpf_prog_test_run_opts ${this.name}`,
      libbpf().bpf_prog_test_run_opts(this.fd, ptr(options)),
    );
    context.set(contextCopy);
    return view.getInt32(testRunOptions.result, true);
  }

  #link(call: string, address: Pointer | bigint | null): BpfLink {
    return new BpfLink(checkedPointer(`${call} ${this.name}`, address), this.name);
  }
}

// Size and offsets of struct bpf_test_run_opts in libbpf 1.1; a later libbpf takes the shorter form.
const testRunOptions = { bytes: 80, contextIn: 32, contextInBytes: 48, result: 56 };
