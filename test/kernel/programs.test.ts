// Which programs a policy loads and which decide an operation, against the names in the built object.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { $ } from "bun";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import { carriersOf, takers } from "../../src/kernel/carriers.ts";
import { type Tier, tiers } from "../../src/kernel/kernel.ts";
import { type KernelFacts, programsOf } from "../../src/kernel/programs.ts";
import { verdictOfOperation } from "../../src/kernel/verdicts.ts";
import { compiledPolicy } from "../runtime/story.ts";

/** Of the object of those programs. */
async function functionsIn(name: "hook" | "trace"): Promise<string[]> {
  const object = join(import.meta.dir, `../../build/bpf/${name}.bpf.o`);
  const btf = await $`/usr/sbin/bpftool -j btf dump file ${object}`.quiet().json();
  return btf.types.flatMap(({ kind, name }: { kind: string; name: string }) =>
    kind === "FUNC" ? [name] : [],
  );
}
const ofHooks = await functionsIn("hook");
const functionsOf: Readonly<Record<Tier, readonly string[]>> = {
  lsm: ofHooks,
  "modify-return": ofHooks,
  tracepoint: await functionsIn("trace"),
};
const inTier: Readonly<Record<Tier, RegExp>> = {
  lsm: /^lsm_/,
  "modify-return": /^mod_/,
  tracepoint: /^trace_/,
};
/** A kernel with no function that its release does not tell of. */
const never = () => false;
const operations = Object.keys(operationBits) as OperationName[];

/** Programs that decide nothing by themselves: they prepare an exec, protect the rules, or hand labels on. */
const others =
  /_(?:bprm_creds_for_exec|bpf|sb_umount|file_send_sigiotask|socket_recvmsg|unix_may_send|inode_free_security|sk_free_security|(?:ext4|btrfs|xfs)_gone)$/;

describe("what decides an operation", () => {
  for (const tier of tiers) {
    const told = new Set(operations.flatMap((operation) => carriersOf(tier, [operation])));
    test(`in the ${tier} tier is in the object`, () =>
      expect([...told].filter((name) => !functionsOf[tier].includes(name))).toEqual([]));
    test(`in the ${tier} tier is all that the object has for it`, () => {
      const programs = functionsOf[tier].filter(
        (name) => inTier[tier].test(name) && !others.test(name),
      );
      expect(programs.filter((name) => !told.has(name))).toEqual([]);
    });
    test(`in the ${tier} tier is something exactly where the tier sees it`, () => {
      const unseen = operations.filter(
        (operation) => verdictOfOperation("notify", operation, tier).kind === "unenforceable",
      );
      expect(operations.filter((operation) => carriersOf(tier, [operation]).length === 0)).toEqual(
        unseen,
      );
    });
  }
  test("in the modify-return tier of a kernel that skips its programs is in the object", () => {
    const told = operations.flatMap((operation) => carriersOf("modify-return", [operation], true));
    expect(told.filter((name) => !ofHooks.includes(name))).toEqual([]);
    const usual = new Set(operations.flatMap((each) => carriersOf("modify-return", [each])));
    expect(new Set(told).size).toBe(usual.size * (1 + takers));
  });
  test("of several operations is what decides any of them, once", () =>
    expect(carriersOf("lsm", ["exec", "unlink", "exec"])).toEqual([
      "lsm_bprm_check_security",
      "lsm_mmap_file",
      "lsm_path_link",
      "lsm_path_rename",
      "lsm_path_unlink",
      "lsm_path_rmdir",
    ]));
});

/** A connection that was allowed stays so where no label can come. */
const onlyWithLabels = /^trace_(?:sys_enter|egress)$/;

function kernel(facts: Partial<KernelFacts> = {}): KernelFacts {
  return { release: "6.12.0-1-amd64", hasFunction: never, skipsHooks: false, ...facts };
}

describe("what a policy loads", () => {
  const loaded = (tier: Tier, text: string) =>
    programsOf(tier, compiledPolicy(text).compiled, functionsOf[tier], kernel());
  const policies = {
    exec: 'rule r: block exec "git"',
    read: 'rule r: block read "/etc/**"',
    write: 'rule r: kill write "/etc/**"',
    metadata: 'rule r: block metadata "/etc/**"',
    connect: 'rule r: block connect "10.0.0.0/8"',
    bind: "rule r: notify bind any",
  } as const;
  for (const tier of tiers)
    test(`in the ${tier} tier holds all that decides its clauses and that the kernel has`, () => {
      const absent = /_inode_setattr_old$|_inode_file_setattr$/;
      for (const text of Object.values(policies)) {
        const { clauses } = compiledPolicy(text).compiled;
        const wanted = clauses
          .flatMap((clause) => carriersOf(tier, clause.operations))
          .filter((name) => !(text.includes("connect") && onlyWithLabels.test(name)));
        const names = loaded(tier, text);
        expect(wanted.filter((name) => !names.has(name) && !absent.test(name))).toEqual([]);
      }
    });
  test("is of its own tier only", () => {
    for (const tier of tiers) {
      const names = [...loaded(tier, policies.write)];
      const foreign = tiers.filter((other) => other !== tier).map((other) => inTier[other]);
      expect(names.filter((name) => foreign.some((pattern) => pattern.test(name)))).toEqual([]);
    }
  });
  test("judges by a kprobe and refuses by several programs where the kernel skips some", () => {
    const names = (skipsHooks: boolean) =>
      [...programsOf("modify-return", "all", ofHooks, kernel({ skipsHooks }))].toSorted();
    const usual = names(false);
    const hooks = usual.flatMap((name) => (name.startsWith("mod_") ? [name.slice(4)] : []));
    const tells = (hook: string) => /^(?:inode_free|sk_free)_security$/.test(hook);
    const wanted = hooks.flatMap((hook) => [
      ...(hook === "file_send_sigiotask" ? [] : [`first_${hook}`]),
      ...(tells(hook) ? [] : [`take0_${hook}`, `take1_${hook}`, `take2_${hook}`, `take3_${hook}`]),
    ]);
    expect(hooks.length).toBeGreaterThan(25);
    expect(names(true)).toEqual(
      [...usual.filter((name) => !name.startsWith("mod_")), ...wanted, "first_slip"].toSorted(),
    );
  });
  test("is less where no rule asks", () => {
    const names = loaded("lsm", policies.exec);
    expect(names.has("lsm_bprm_check_security")).toBe(true);
    for (const name of ["lsm_file_open", "lsm_socket_connect", "lsm_path_unlink"])
      expect(names.has(name)).toBe(false);
    expect(loaded("tracepoint", policies.exec).has("trace_connect4")).toBe(false);
  });
  test("holds what labels are learnt by", () => {
    const text = 'source S = file "/etc/secret"\nrule r: block connect any if S';
    expect(loaded("lsm", text).has("lsm_file_open")).toBe(true);
    expect(loaded("tracepoint", text).has("trace_sys_exit")).toBe(true);
  });
  test("judges connections again where labels can come", () => {
    const text = 'source S = file "/etc/secret"\nrule r: block connect any if S';
    expect(loaded("tracepoint", text).has("trace_egress")).toBe(true);
    expect(loaded("tracepoint", policies.connect).has("trace_egress")).toBe(false);
    expect(loaded("tracepoint", policies.connect).has("trace_sys_enter")).toBe(false);
    expect(loaded("lsm", policies.connect).has("lsm_file_permission")).toBe(false);
  });
  test("is told of the end of files where something is remembered of them", () => {
    for (const [text, wanted] of [
      [policies.exec, false],
      ['rule r: block read "/etc/secret"', true],
      ['source S = exec "make"\nrule r: block connect any if S', true],
    ] as const)
      expect(loaded("tracepoint", text).has("trace_ext4_gone")).toBe(wanted);
  });
  test("leaves out hooks that the kernel does not have yet", () => {
    const { compiled } = compiledPolicy('rule r: block truncate "/srv/**"');
    const on = (release: string) =>
      programsOf("lsm", compiled, ofHooks, kernel({ release })).has("lsm_file_truncate");
    expect(["5.15.0", "6.1.0-42-amd64", "6.2.0", "6.12.1", "7.0.0"].map(on)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });
  test("has one program for the times of files, by what the hook of the kernel is given", () => {
    const { compiled } = compiledPolicy(policies.metadata);
    const on = (tier: Tier, release: string) =>
      [...programsOf(tier, compiled, functionsOf[tier], kernel({ release }))].filter((name) =>
        /setattr/.test(name),
      );
    expect(on("lsm", "6.1.0")).toEqual(["lsm_inode_setattr_old"]);
    expect(on("lsm", "6.12.0")).toEqual(["lsm_inode_setattr"]);
    expect(on("modify-return", "6.1.0")).toEqual(["mod_inode_setattr"]);
    expect(on("lsm", "7.0.0")).toEqual(["lsm_inode_setattr", "lsm_inode_file_setattr"]);
  });
  test("has the hook for 32-bit calls where an older kernel was given it", () => {
    const { compiled } = compiledPolicy(policies.metadata);
    const on = (release: string, has: boolean) =>
      programsOf("lsm", compiled, ofHooks, kernel({ release, hasFunction: () => has })).has(
        "lsm_file_ioctl_compat",
      );
    expect([on("6.1.0", false), on("6.1.0", true), on("6.8.0", false)]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
