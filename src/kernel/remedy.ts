// For a tier that does not work: why, as far as the machine tells, and the exact change that would
// enable it. Pure: facts and a probe's answer in, sentences out.

import type { HostFacts } from "./host-facts.ts";
import type { Tier } from "./kernel.ts";
import type { Probe } from "./probe.ts";

export interface Remedy {
  readonly why: string;
  /** What to do, a command where there is one; null: nothing that an operator can change. */
  readonly change: string | null;
}

export function remedyOf(tier: Tier, probe: Probe, facts: HostFacts): Remedy {
  if (!facts.hasBtf) {
    return {
      why: "the kernel has no type information (/sys/kernel/btf/vmlinux)",
      change: "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' own are",
    };
  }
  if (facts.lockdown === "confidentiality") {
    return {
      why: "the kernel is locked down for confidentiality and lets no program read its memory",
      change: "boot without lockdown=confidentiality",
    };
  }
  if (tier === "tracepoint") return traceRemedy(probe, facts);
  if (tier === "lsm") return lsmRemedy(probe, facts);
  return {
    why: `the kernel refuses programs on its functions (${probe.answer})${builtWithout(facts, "CONFIG_FUNCTION_TRACER")}`,
    change: null,
  };
}

function lsmRemedy(probe: Probe, facts: HostFacts): Remedy {
  const { lsms } = facts;
  if (facts.config !== null && facts.config.get("CONFIG_BPF_LSM") !== "y") {
    return {
      why: "the kernel is built without CONFIG_BPF_LSM",
      change: "run a kernel built with CONFIG_BPF_LSM=y",
    };
  }
  if (lsms !== null && !lsms.includes("bpf")) {
    return {
      why: "`bpf` is not among the active LSMs, so its programs attach but are never run",
      change: `add \`lsm=${[...lsms.filter((name) => name !== "capability"), "bpf"].join(",")}\` to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and reboot`,
    };
  }
  if (lsms === null && probe.works === false && probe.answer.includes("never run")) {
    return {
      why: "the programs attach but are never run, and securityfs is not mounted to tell the active LSMs",
      change:
        "mount -t securityfs securityfs /sys/kernel/security, then run doctor again for the exact boot parameter",
    };
  }
  return { why: `the kernel refuses the program (${probe.answer})`, change: null };
}

function traceRemedy(probe: Probe, facts: HostFacts): Remedy {
  if (facts.cgroupRoot === null) {
    return {
      why: "no cgroup2 file system is mounted",
      change: "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    };
  }
  return { why: `the kernel refuses the program (${probe.answer})`, change: null };
}

function builtWithout({ config }: HostFacts, option: string): string {
  return config !== null && config.get(option) !== "y" ? `; it is built without ${option}` : "";
}
