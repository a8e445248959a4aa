// Compiles the C and BPF programs that the tests of src/kernel run, into a folder that the tests share.

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";

export const root = join(import.meta.dir, "../..");
/** The pinned Bun. */
export const bun = join(root, "node_modules/@oven/bun-linux-x64/bin/bun");
const output = join(root, "build/test");

// In the order of scripts/env.sh.
const clang = [19, 20, 21, 22, 18, 17, 16]
  .map((version) => `clang-${version}`)
  .find((name) => Bun.which(name));

/** The bytes of `test/kernel/fixtures/<name>.bpf.c`, compiled. */
export async function compiledBpf(name: string): Promise<Uint8Array> {
  const source = join(import.meta.dir, "fixtures", `${name}.bpf.c`);
  const target = join(output, `${name}.bpf.o`);
  if (isStale(target, source)) {
    mkdirSync(output, { recursive: true });
    const include = `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
    await $`${clang} -target bpf -O2 -g -mcpu=v3 -Wall -Werror -I ${include} -c ${source} -o ${target}`.quiet();
  }
  return readFileSync(target);
}

function isStale(target: string, source: string): boolean {
  const built = statSync(target, { throwIfNoEntry: false });
  return built === undefined || built.mtimeMs < statSync(source).mtimeMs;
}
