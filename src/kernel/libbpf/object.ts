// A BPF object file in memory: opened, adjusted, loaded, and closed as one.
//
//   const object = BpfObject.open("tracepoint", bytes);
//   object.map("events").setEntriesMax(1 << 22);
//   object.program("on_exec").setAutoload(true);
//   object.load();
//   const link = object.program("on_exec").attach();
//
// Closing the object closes its programs and maps, not its links: an attached program keeps what it uses.

import { type Pointer, ptr } from "bun:ffi";
import { assert } from "../../base/assert.ts";
import {
  cString,
  type OwnedBytes,
  ownedBytes,
  ownedCopy,
  ownedView,
  viewOf,
} from "../../base/bytes.ts";
import { copyFromC, libc, pointerFromC } from "../libc.ts";
import { type Variable, variablesOf } from "./datasec.ts";
import { checkedPointer, checkedResult, libbpf, own } from "./library.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram } from "./program.ts";

// Size and offsets of the leading fields of struct bpf_object_open_opts: sz, object_name, btf_custom_path.
const openOptions = { bytes: 56, name: 8, kernelTypes: 48 };

/** What `bpf_object__open_mem` is given, which stays where it is; `content` must not be written to any more. */
export class OpenArguments {
  readonly elf: OwnedBytes;
  /** struct bpf_object_open_opts. */
  readonly options = ownedBytes(openOptions.bytes);
  readonly #name: OwnedBytes;
  readonly #kernelTypes: OwnedBytes | null;

  constructor(name: string, content: Uint8Array, kernelTypes: string | null) {
    this.elf = ownedView(content);
    this.#name = cString(name);
    this.#kernelTypes = kernelTypes === null ? null : cString(kernelTypes);
    const view = viewOf(this.options);
    view.setBigUint64(0, BigInt(openOptions.bytes), true);
    view.setBigUint64(openOptions.name, BigInt(ptr(this.#name)), true);
    if (this.#kernelTypes !== null)
      view.setBigUint64(openOptions.kernelTypes, BigInt(ptr(this.#kernelTypes)), true);
  }
}

export class BpfObject {
  readonly programs: ReadonlyMap<string, BpfProgram>;
  readonly maps: ReadonlyMap<string, ObjectMap>;
  #address: Pointer | null;
  // libbpf reads the ELF until the object is loaded.
  readonly #readByLibbpf: OpenArguments;

  private constructor(address: Pointer, readByLibbpf: OpenArguments) {
    this.#address = address;
    this.#readByLibbpf = readByLibbpf;
    const programs = eachOf(address, libbpf().bpf_object__next_program).map(
      (each) => new BpfProgram(each),
    );
    const maps = eachOf(address, libbpf().bpf_object__next_map).map(
      (each) => new ObjectMap(each, address),
    );
    this.programs = new Map(programs.map((program) => [program.name, program]));
    this.maps = new Map(maps.map((map) => [map.name, map]));
  }

  /**
   * `name` shows in messages and, shortened, as a prefix of the names of the object's data maps. `kernelTypes` is the path of
   * BTF by which fields of the kernel are placed; default: the running kernel's own, which libbpf reads whole.
   */
  static open(name: string, content: Uint8Array, kernelTypes: string | null = null): BpfObject {
    const given = new OpenArguments(name, content, kernelTypes);
    const { elf, options } = given;
    const address = libbpf().bpf_object__open_mem(ptr(elf), elf.length, ptr(options));
    return BpfObject.opened(checkedPointer(`bpf_object__open_mem ${name}`, address), given);
  }

  /** One that was opened with these arguments. */
  static opened(address: Pointer, given: OpenArguments): BpfObject {
    return new BpfObject(address, given);
  }

  program(name: string): BpfProgram {
    const program = this.programs.get(name);
    assert(program !== undefined, `the object has a program ${name}`);
    return program;
  }

  /** Data maps go by their section: `.rodata`, `.data`, `.bss`. */
  map(name: string): ObjectMap {
    const map = this.maps.get(name);
    assert(map !== undefined, `the object has a map ${name}`);
    return map;
  }

  /** The object's own type information. */
  get types(): Uint8Array {
    const length = ownedBytes(4);
    const btf = checkedPointer("bpf_object__btf", libbpf().bpf_object__btf(this.address));
    const data = checkedPointer("btf__raw_data", libbpf().btf__raw_data(btf, ptr(length)));
    return copyFromC(data, viewOf(length).getUint32(0, true));
  }

  /** Hands every program with autoload to the verifier; throws with the warnings of libbpf when one is refused. */
  load(): void {
    assert(this.#readByLibbpf.elf.length > 0, "libbpf reads what it was given until now");
    checkedResult("bpf_object__load", libbpf().bpf_object__load(this.address));
  }

  /** For C that works on the object. */
  get address(): Pointer {
    assert(this.#address !== null, "the object is open");
    return this.#address;
  }

  close(): void {
    if (this.#address === null) return;
    libbpf().bpf_object__close(this.#address);
    this.#address = null;
  }
}

/** A map that an object declares: its shape before the load, the live map after it. */
export class ObjectMap {
  readonly name: string;
  readonly #address: Pointer;
  readonly #objectAddress: Pointer;
  #live: BpfMap | null = null;

  constructor(address: Pointer, objectAddress: Pointer) {
    this.#address = address;
    this.#objectAddress = objectAddress;
    const name = String(libbpf().bpf_map__name(address));
    // libbpf names data maps "<object>.rodata" with the object's name cut; the section alone is what a reader knows.
    this.name = /\.(?:rodata|data|bss|kconfig)[.\w]*$/.exec(name)?.[0] ?? name;
  }

  // -- before the load ----------------------------------------------------------------------------------------------

  get keyBytes(): number {
    return libbpf().bpf_map__key_size(this.#address);
  }

  get valueBytes(): number {
    return libbpf().bpf_map__value_size(this.#address);
  }

  get entriesMax(): number {
    return libbpf().bpf_map__max_entries(this.#address);
  }

  setEntriesMax(count: number): void {
    checkedResult(
      `bpf_map__set_max_entries ${this.name}`,
      libbpf().bpf_map__set_max_entries(this.#address, count),
    );
  }

  /** A map that this kernel cannot have must not be made; the programs that use it must not be loaded either. */
  setAutocreate(create: boolean): void {
    checkedResult(
      `bpf_map__set_autocreate ${this.name}`,
      libbpf().bpf_map__set_autocreate(this.#address, create),
    );
  }

  /** Uses an existing map, of which the object takes a descriptor of its own. */
  reuse(fd: number): void {
    checkedResult(`bpf_map__reuse_fd ${this.name}`, libbpf().bpf_map__reuse_fd(this.#address, fd));
  }

  /** The shape of the inner maps of a map of maps. */
  setInnerMap(fd: number): void {
    checkedResult(
      `bpf_map__set_inner_map_fd ${this.name}`,
      libbpf().bpf_map__set_inner_map_fd(this.#address, fd),
    );
  }

  /** Where each variable of a data map lies. */
  variables(): Map<string, Variable> {
    const btf = checkedPointer("bpf_object__btf", libbpf().bpf_object__btf(this.#objectAddress));
    return variablesOf(btf, libbpf().bpf_map__btf_value_type_id(this.#address));
  }

  /** Sets variables of `.rodata` before its programs are loaded: `setVariables({ tracer_pid: u32(pid) })`. */
  setVariables(values: Readonly<Record<string, Uint8Array>>): void {
    const variables = this.variables();
    const { address } = this.#initial();
    for (const [name, value] of Object.entries(values)) {
      const variable = variables.get(name);
      assert(variable !== undefined, `${this.name} has a variable ${name}`);
      assert(
        variable.bytes === value.length,
        `${name} has ${variable.bytes} bytes, not ${value.length}`,
      );
      const copy = ownedCopy(value);
      libc.memcpy((address + variable.offset) as Pointer, ptr(copy), copy.length);
    }
  }

  /** A copy of what a data map will begin with. */
  get initialContent(): Uint8Array {
    const { address, length } = this.#initial();
    return copyFromC(address, length);
  }

  #initial(): { address: Pointer; length: number } {
    const length = ownedBytes(8);
    const address = libbpf().bpf_map__initial_value(this.#address, ptr(length));
    return {
      address: checkedPointer(`bpf_map__initial_value ${this.name}`, address),
      length: viewOf(length).getUint32(0, true),
    };
  }

  // -- of an object that was prepared -------------------------------------------------------------------------------

  /** Makes it in another size, with what is in it lost; `live` must not have been asked for. */
  resize(entries: number): void {
    assert(this.#live === null, "nobody has its descriptor");
    checkedResult(`bpf_map_create ${this.name}`, own().actplane_resize(this.#address, entries));
  }

  // -- after the load -----------------------------------------------------------------------------------------------

  /** The descriptor, which the object owns. */
  get fd(): number {
    return checkedResult(`bpf_map__fd ${this.name}`, libbpf().bpf_map__fd(this.#address));
  }

  /** The map to read and write; its descriptor is the object's. */
  get live(): BpfMap {
    this.#live ??= new BpfMap(this.fd);
    return this.#live;
  }
}

type NextOf = (object: Pointer, previous: Pointer | null) => Pointer | bigint | null;

function eachOf(object: Pointer, next: NextOf): Pointer[] {
  const all: Pointer[] = [];
  for (;;) {
    const each = pointerFromC(next(object, all.at(-1) ?? null));
    if (each === null) return all;
    all.push(each);
  }
}
