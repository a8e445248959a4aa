// What a policy is found to have, and that the programs know every setting by its name.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { TABLE_CHUNK_WORDS } from "../../src/ir/abi.ts";
import { type Tier, tiers } from "../../src/kernel/kernel.ts";
import { BpfObject } from "../../src/kernel/libbpf/object.ts";
import { settingsOf, usesOfMaps } from "../../src/kernel/settings.ts";
import { compiledPolicy } from "../runtime/story.ts";

async function objectOf(name: "hook" | "trace"): Promise<BpfObject> {
  const file = Bun.file(join(import.meta.dir, `../../build/bpf/${name}.bpf.o`));
  return BpfObject.open("settings", await file.bytes());
}
const objects = [await objectOf("hook"), await objectOf("trace")];

/** Those that are 1 in the tier with hooks. */
function has(text: string): string[] {
  const settings = settingsOf("lsm", compiledPolicy(text).compiled);
  return Object.entries(settings).flatMap(([name, value]) => (value === 1 ? [name.slice(5)] : []));
}

const policies: Readonly<Record<string, readonly string[]>> = {
  'rule r: block exec "git"': [],
  'rule r: block read "/etc/**"': ["names", "paths"],
  'rule r: block connect "10.0.0.0/8"': ["endpoints"],
  'rule r: block exec "git" unless after exec "make" exits 0 since write "**/*.c"': [
    "names",
    "gates",
    "earnings",
    "paths",
  ],
  'rule r: block exec "git" unless approved "now"': ["gates"],
  'rule r: block exec "git" unless lineage-includes exec "make"': ["labels", "earnings"],
  'source S = file "**/.env"\nrule r: block exec "git" if S': ["names", "labels", "flow", "paths"],
  'source S = exec "make"\nrule r: block connect any if S': ["labels", "flow", "endpoints"],
};

for (const [text, expected] of Object.entries(policies))
  test(`of \`${text.replace("\n", "; ")}\``, () => expect(has(text)).toEqual([...expected]));

test("a label set has one word where no label needs another", () => {
  const sources = (count: number) =>
    Array.from({ length: count }, (_, i) => `source S${i} = file "**/${i}"`).join("\n");
  const text = (count: number) => `${sources(count)}\nrule r: block exec "git" if S${count - 1}`;
  expect(has(text(32))).not.toContain("many_labels");
  expect(has(text(33))).toContain("many_labels");
});

test("the table has one chunk where the image fills no other", () => {
  const { compiled } = compiledPolicy('rule r: block exec "git"');
  const chunks = (words: number) =>
    settingsOf("lsm", { ...compiled, image: new Uint32Array(words) }).with_chunks;
  expect([chunks(TABLE_CHUNK_WORDS), chunks(TABLE_CHUNK_WORDS + 1)]).toEqual([0, 1]);
});

test("names have several automata where one would explode", () => {
  const folders = (count: number) =>
    Array.from({ length: count }, (_, i) => `rule r${i}: notify write "**/folder-${i}/**"`);
  expect(has(folders(2).join("\n"))).not.toContain("many_groups");
  expect(has(folders(30).join("\n"))).toContain("many_groups");
});

for (const tier of tiers)
  test(`a policy that is not known has everything that the ${tier} tier has`, () => {
    const { kill_before_ops: _, remembers_names, ...rest } = settingsOf(tier, "all", "6.12.0");
    expect(Object.values(rest).every((value) => value === 1)).toBe(true);
    expect(remembers_names).toBe(0);
  });

test("other names of files are not heeded for many policies where that takes too much stack", () => {
  const heeded = (tier: Tier) => settingsOf(tier, "all", "6.1.0-50-amd64").with_names;
  expect(tiers.map(heeded)).toEqual([1, 1, 0]);
});

test("objects are remembered by their names for one policy, where only names are seen", () => {
  const { compiled } = compiledPolicy('rule r: block read "**/.env"');
  const remembers = (tier: Tier) => {
    const { with_names, remembers_names } = settingsOf(tier, compiled);
    return [with_names, remembers_names];
  };
  expect(remembers("tracepoint")).toEqual([1, 1]);
  expect(remembers("lsm")).toEqual([1, 0]);
});

test.each(objects)(
  "every setting is a variable of the programs, and every one of theirs is set",
  (object) => {
    const variables = [...object.map(".rodata").variables()].flatMap(([name, { bytes }]) =>
      bytes === 4 ? [name] : [],
    );
    const ofCopies = ["copy", "trace_copies"]; // Set by engine/load.ts, copy by copy.
    expect([...Object.keys(settingsOf("lsm", "all")), ...ofCopies].toSorted()).toEqual(
      variables.toSorted(),
    );
  },
);

test.each(objects)("maps that are not always used are maps", (object) => {
  const { compiled } = compiledPolicy('rule r: block exec "git"');
  const uses = usesOfMaps(settingsOf("tracepoint", compiled));
  expect(Object.keys(uses).filter((name) => !object.maps.has(name))).toEqual([]);
  expect(uses.objects).toBe(false);
  expect(Object.values(usesOfMaps(settingsOf("lsm", "all")))).not.toContain(false);
});
