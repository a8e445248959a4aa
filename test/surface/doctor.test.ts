// What `actplane doctor` says of hosts unlike this one, and of this one.

import { describe, expect, test } from "bun:test";
import type { HostFacts } from "../../src/kernel/host-facts.ts";
import { type Tier, tiers } from "../../src/kernel/kernel.ts";
import type { Probe } from "../../src/kernel/probe.ts";
import { remedyOf } from "../../src/kernel/remedy.ts";
import {
  type DoctorReport,
  doctorJson,
  renderDoctor,
  stateOf,
} from "../../src/surface/text/doctor.ts";
import { verdictsIn } from "../../src/surface/text/verdicts.ts";
import { compiledPolicy } from "../runtime/story.ts";
import { expectGolden, expectHarmless } from "./golden.ts";
import { makePlace } from "./support.ts";

const ubuntu: HostFacts = {
  release: "6.8.0-45-generic",
  architecture: "x64",
  isRoot: true,
  hasBtf: true,
  lsms: ["lockdown", "capability", "landlock", "yama", "apparmor"],
  lockdown: "none",
  config: new Map([
    ["CONFIG_BPF_LSM", "y"],
    ["CONFIG_FUNCTION_TRACER", "y"],
  ]),
  cgroupRoot: "/sys/fs/cgroup",
  preemption: "voluntary",
};
const works: Probe = { works: true, answer: "works" };
const neverRun: Probe = { works: false, answer: "the program attaches but is never run" };
const refused: Probe = { works: false, answer: "bpf_object__load: EPERM" };

function reportOf(
  facts: HostFacts,
  probes: Readonly<Record<Tier, Probe>>,
  policy: DoctorReport["policy"] = null,
): DoctorReport {
  const reports = tiers.map((tier) => {
    const probe = probes[tier];
    return { tier, probe, remedy: probe.works ? null : remedyOf(tier, probe, facts) };
  });
  return { facts, tiers: reports, policy };
}

function check(name: string, state: string, report: DoctorReport): void {
  test(name, () => {
    const text = renderDoctor(report);
    expectGolden(`doctor on ${name}`, text);
    expectHarmless(text);
    expect(stateOf(report)).toBe(state as ReturnType<typeof stateOf>);
  });
}

const all = { lsm: works, "modify-return": works, tracepoint: works };
const { clauses } = compiledPolicy(
  'rule no-push: block exec "git" "push"\nrule etc: block write "/etc/**"',
).compiled;

describe("hosts", () => {
  check("a host with everything", "full", reportOf(ubuntu, all, verdictsIn("lsm", clauses)));
  check("a host without bpf among its LSMs", "full", reportOf(ubuntu, { ...all, lsm: neverRun }));
  for (const preemption of ["full", null] as const)
    check(
      `a host that ${preemption === null ? "may preempt" : "preempts"}`,
      "full",
      reportOf({ ...ubuntu, preemption }, { ...all, lsm: neverRun }),
    );
  const locked = { ...ubuntu, lsms: null, config: null };
  const traceOnly = { lsm: refused, "modify-return": refused, tracepoint: works };
  check(
    "a host that refuses hooks",
    "degraded",
    reportOf(locked, traceOnly, verdictsIn("tracepoint", clauses)),
  );
  const none = { lsm: refused, "modify-return": refused, tracepoint: refused };
  check("a host without type information", "none", reportOf({ ...ubuntu, hasBtf: false }, none));
  check(
    "a host locked down for confidentiality",
    "none",
    reportOf({ ...ubuntu, lockdown: "confidentiality" }, none),
  );
  check(
    "a host with a faulty policy",
    "full",
    reportOf(ubuntu, all, "it has errors, `actplane check` shows them"),
  );
});

test("as JSON it holds what the text says", () => {
  const report = reportOf(ubuntu, { ...all, lsm: neverRun }, verdictsIn("modify-return", clauses));
  const json = doctorJson(report);
  expect(json).toMatchObject({ schema_version: 1, state: "full", tier: "modify-return" });
  expect(json.tiers.map(({ probe }) => probe.works)).toEqual([false, true, true]);
  expect(json.rules.map(({ rule, kind }) => `${rule} ${kind}`)).toEqual([
    "no-push blocked-before",
    "etc blocked-before",
  ]);
  expect(json.host).not.toHaveProperty("config");
});

test.if(process.geteuid?.() === 0)(
  "the command tries every tier and looks at the folder's policy",
  async () => {
    const place = makePlace();
    const tried: Tier[] = [];
    const host = {
      probeTier: async (tier: Tier) => {
        tried.push(tier);
        return tier === "tracepoint" ? works : refused;
      },
    };
    place.write("actplane.yaml", 'policy: |\n  rule r: block exec "git"\n');
    const { code, out } = await place.run(["doctor"], { host });
    expect(code).toBe(1);
    expect(tried).toEqual([...tiers]);
    expect(out).toContain(
      "the policy of this folder on this host:\n  killed-before-effect  r: block exec",
    );
    place.write("actplane.yaml", 'policy: |\n  rule r: blok exec "git"\n');
    expect((await place.run(["doctor"], { host })).out).toContain(
      "the policy of this folder: it has errors",
    );
    place.write("actplane.yaml", "policy: |\n  # nothing\n");
    expect((await place.run(["doctor", "--json"], { host })).code).toBe(1);
    place.remove();
  },
);
