// What packaging/libbpf/prune.c takes out of programs is what the kernel takes out of them, and no more.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { ownedBytes, viewOf } from "../../src/base/bytes.ts";
import { programInfo } from "../../src/kernel/libbpf/ids.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";
import { loadOnThreads } from "../../src/kernel/libbpf/steps.ts";

const elf = await Bun.file(join(import.meta.dir, "../../build/bpf/trace.bpf.o")).bytes();

type Load = (object: BpfObject) => void;

/** The programs of the tracepoint tier as the kernel has them in the end, by name. `without`: settings that are 0. */
function loaded(load: Load, without: readonly string[]) {
  const object = BpfObject.open("actplane", elf);
  try {
    for (const { name } of object.programs.values())
      object.program(name).setAutoload(/^(?:any|trace)_/.test(name));
    const constants = without.map((name): [string, Uint8Array] => [`with_${name}`, zero()]);
    object.map(".rodata").setVariables(Object.fromEntries(constants));
    load(object);
    const programs = [...object.programs.values()].filter(({ name }) =>
      /^(?:any|trace)_/.test(name),
    );
    return new Map(programs.map(({ name, fd }) => [name, programInfo(fd)]));
  } finally {
    object.close();
  }
}

function zero(): Uint8Array {
  const bytes = ownedBytes(4);
  viewOf(bytes).setUint32(0, 0, true);
  return bytes;
}

const settings: readonly (readonly string[])[] = [
  ["labels", "flow", "gates", "earnings", "paths", "endpoints", "names"],
  ["flow", "gates", "endpoints"],
  ["earnings", "gates"],
  ["many_labels"],
  ["chunks"],
  ["many_groups"],
];

for (const without of settings)
  test(`without ${without.join(", ")}`, () => {
    const whole = loaded((object) => object.load(), without);
    for (const [name, pruned] of loaded(loadOnThreads, without)) {
      const { instructions, verifiedInstructions } = whole.get(name) ?? pruned;
      // Small ones ask no constant. If the kernel refused what was pruned it would get the whole, with its lines.
      if (instructions > 500) expect(pruned.lines, name).toBe(0);
      // Of a jump that is never taken the kernel keeps the question, where what it leads to is reached by another way.
      expect(pruned.instructions, name).toBeLessThanOrEqual(instructions);
      expect(pruned.instructions, name).toBeGreaterThan(instructions * 0.97);
      // Where the verifier compares what it knows with what it knew hangs on how many instructions it has passed.
      expect(pruned.verifiedInstructions, name).toBeLessThan(verifiedInstructions * 1.05);
    }
  });
