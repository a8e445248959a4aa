// The few types of the kernel that are kept for a start, against all of them: the programs must come out the same.

import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reducedBtf } from "../../src/kernel/btf.ts";
import { forgetKernelTypes, kernelTypesFor } from "../../src/kernel/kernel-types.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);
const content = readFileSync(join(import.meta.dir, "../../build/bpf/trace.bpf.o"));
// An object of this test's own: no other process remembers types for it.
const content2 = readFileSync(join(import.meta.dir, "../../build/bpf/probe.bpf.o"));
const kernelBtf = "/sys/kernel/btf/vmlinux";

/** The instructions of every program of the tracepoint tier as loaded, without the descriptors of its maps. */
function loadedWith(kernelTypes: string | null): Record<string, string> {
  const object = BpfObject.open("types", content, kernelTypes);
  try {
    const programs = [...object.programs.values()];
    const wanted = programs.filter(({ name }) => /^(?:any|trace)_/.test(name));
    for (const program of programs) program.setAutoload(wanted.includes(program));
    object.load();
    return Object.fromEntries(
      wanted.map((program) => [program.name, withoutMaps(program.instructions())]),
    );
  } finally {
    object.close();
  }
}

function withoutMaps(instructions: Uint8Array): string {
  const loadOfMap = 0x18;
  const bytes = Buffer.from(instructions);
  for (let at = 0; at < bytes.length; at += 8)
    if (bytes[at] === loadOfMap) bytes.writeUInt32LE(0, at + 4);
  return bytes.toString("hex");
}

describe("the kernel's types that an object asks about", () => {
  test("are a small part of them", () => {
    const object = BpfObject.open("types", content);
    const types = reducedBtf(readFileSync(kernelBtf), object.types);
    object.close();
    expect(types.length).toBeLessThan(20_000);
  });
  asRoot("place every field of every program where all of them do", () => {
    const path = kernelTypesFor(content);
    expect(path).toContain("/run/actplane/types-");
    const few = loadedWith(path);
    expect(Object.keys(few).length).toBeGreaterThan(8);
    expect(few).toEqual(loadedWith(null));
  });
});

describe("they are kept until the next boot", () => {
  afterEach(() => forgetKernelTypes(content2));

  asRoot("for this boot and this object, where all can read them", () => {
    const path = kernelTypesFor(content2) ?? "";
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    expect(path).toContain(`types-${boot}-`);
    expect(path).not.toBe(kernelTypesFor(content) ?? "");
    expect(statSync(path).mode & 0o777).toBe(0o644);
    forgetKernelTypes(content2);
    expect(existsSync(path)).toBe(false);
  });
  asRoot("and made anew where somebody else could have written them", () => {
    const path = kernelTypesFor(content2) ?? "";
    const before = readFileSync(path);
    writeFileSync(path, "planted");
    chmodSync(path, 0o666);
    kernelTypesFor(content2);
    expect(readFileSync(path)).toEqual(before);
    writeFileSync(path, "planted");
    chownSync(path, 65534, 65534);
    kernelTypesFor(content2);
    expect(readFileSync(path)).toEqual(before);
  });
});
