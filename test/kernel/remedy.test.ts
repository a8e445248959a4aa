// Why a tier does not work, and what would change it.

import { expect, test } from "bun:test";
import type { HostFacts } from "../../src/kernel/host-facts.ts";
import type { Tier } from "../../src/kernel/kernel.ts";
import { remedyOf } from "../../src/kernel/remedy.ts";

const facts: HostFacts = {
  release: "6.1.0",
  architecture: "x64",
  isRoot: true,
  hasBtf: true,
  lsms: ["capability", "apparmor"],
  lockdown: "none",
  config: new Map([
    ["CONFIG_BPF_LSM", "y"],
    ["CONFIG_FUNCTION_TRACER", "y"],
  ]),
  cgroupRoot: "/sys/fs/cgroup",
  preemption: "voluntary",
};

function check(
  tier: Tier,
  answer: string,
  more: Partial<HostFacts>,
  expected: { why: string | RegExp; change: RegExp | null },
): void {
  const { why, change } = remedyOf(tier, { works: false, answer }, { ...facts, ...more });
  expect(why).toMatch(expected.why);
  if (expected.change === null) expect(change).toBeNull();
  else expect(change).toMatch(expected.change);
}

test("no type information: another kernel", () =>
  check(
    "tracepoint",
    "x",
    { hasBtf: false },
    { why: "type information", change: /CONFIG_DEBUG_INFO_BTF=y/ },
  ));

test("lockdown for confidentiality: another boot", () =>
  check("lsm", "x", { lockdown: "confidentiality" }, { why: "locked down", change: /lockdown=/ }));

test("integrity lockdown is no reason", () =>
  check("modify-return", "EPERM", { lockdown: "integrity" }, { why: /\(EPERM\)$/, change: null }));

test("bpf is not active: the exact boot parameter, without the one that is always there", () =>
  check(
    "lsm",
    "attaches but is never run",
    {},
    { why: "not among the active LSMs", change: /`lsm=apparmor,bpf`/ },
  ));

test("the kernel is built without it", () =>
  check(
    "lsm",
    "x",
    { config: new Map([["CONFIG_BPF_LSM", "n"]]) },
    { why: "CONFIG_BPF_LSM", change: /CONFIG_BPF_LSM=y/ },
  ));

test("securityfs is not mounted: mount it and ask again", () =>
  check(
    "lsm",
    "the program attaches but is never run",
    { lsms: null, config: null },
    { why: "securityfs", change: /^mount -t securityfs/ },
  ));

test("bpf is active and the kernel says no all the same", () =>
  check(
    "lsm",
    "bpf_object__load: EPERM",
    { lsms: ["bpf"] },
    { why: "bpf_object__load: EPERM", change: null },
  ));

test("functions cannot be hooked: built without tracing", () =>
  check(
    "modify-return",
    "EINVAL",
    { config: new Map() },
    { why: /EINVAL.*built without CONFIG_FUNCTION_TRACER/, change: null },
  ));

test("nothing is guessed where the build is not known", () =>
  check("modify-return", "EINVAL", { config: null }, { why: /\(EINVAL\)$/, change: null }));

test("no cgroup2: mount it", () =>
  check("tracepoint", "x", { cgroupRoot: null }, { why: "cgroup2", change: /^mount -t cgroup2/ }));
