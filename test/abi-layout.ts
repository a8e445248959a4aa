// bpf/abi.h as the BPF compiler lays it out, read through BTF: what the TypeScript views are compared with.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";

const root = join(import.meta.dir, "..");
const output = join(root, "build/test");

interface Names {
  readonly structs: readonly string[];
  readonly enums: readonly string[];
  readonly constants: readonly string[];
}

interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

export class AbiLayout {
  private constructor(private readonly types: readonly BtfType[]) {}

  /** `name` is that of the files that are built, one for each test file. */
  static async read(name: string, names: Names): Promise<AbiLayout> {
    mkdirSync(output, { recursive: true });
    const source = join(output, `${name}.c`);
    const object = join(output, `${name}.o`);
    await Bun.write(source, program(names));
    const clang = [22, 21, 20, 19, 18, 17, 16]
      .map((version) => `clang-${version}`)
      .find((each) => Bun.which(each));
    await $`${clang} -target bpf -g -Wall -Werror -I ${join(root, "bpf")} -c ${source} -o ${object}`.quiet();
    const dump = await $`/usr/sbin/bpftool -j btf dump file ${object}`.quiet().text();
    return new AbiLayout(JSON.parse(dump.replaceAll(/(?<="val":)\d{17,}/g, signed)).types);
  }

  /** Byte offsets of a struct's members, and its size. */
  bytes(name: string): Record<string, number> {
    const type = this.types.find((one) => one.kind === "STRUCT" && one.name === name);
    if (type === undefined) throw new Error(`no struct ${name}`);
    const offsets = (type.members ?? []).map((member): [string, number] => [
      member.name,
      member.bits_offset / 8,
    ]);
    return {
      ...Object.fromEntries(offsets.filter(([member]) => member !== "reserved")),
      size: type.size,
    };
  }

  /** The same in words. */
  words(name: string): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.bytes(name)).map(([member, offset]) => [member, offset / 4]),
    );
  }

  values(name: string): Record<string, number> {
    const type = this.types.find((one) => one.kind === "ENUM" && one.name === name);
    if (type === undefined) throw new Error(`no enum ${name}`);
    return Object.fromEntries((type.values ?? []).map(({ name: value, val }) => [value, val]));
  }

  constants(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.values("constants")).map(([name, value]) => [
        name.replace("CONSTANT_", ""),
        value,
      ]),
    );
  }
}

/** A value above 2,147,483,647 is written as 64 bits, of which numbers hold 53. */
const signed = (value: string): string => `${BigInt.asIntN(64, BigInt(value))}`;

/** Uses every type once, for what is not used is not described; macros become an enum. */
function program({ structs, enums, constants }: Names): string {
  return `
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#include "abi.h"
enum constants { ${constants.map((name) => `CONSTANT_${name} = ${name}`).join(", ")} };
${structs.map((name) => `struct ${name} struct_${name};`).join("\n")}
${[...enums, "constants"].map((name) => `enum ${name} enum_${name};`).join("\n")}
`;
}

export const snakeCase = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `{readOnly: 1}` as `{PREFIX_READ_ONLY: 1}`; words may be joined by `-` as well. */
export const upper = (
  prefix: string,
  names: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(names).map(([name, value]) => [
      `${prefix}_${snakeCase(name).replaceAll("-", "_").toUpperCase()}`,
      value,
    ]),
  );

/** `[a, b]` as `{a: first, b: first + 1}`. */
export const numbered = (names: readonly string[], first = 0): Record<string, number> =>
  Object.fromEntries(names.map((name, index) => [name, first + index]));
