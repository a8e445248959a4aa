// What this kernel offers, found by loading, attaching and, where it matters, being refused:
// a kernel may list `bpf` and refuse the program, or take it and never run it.

import { closeSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import embedded from "../../build/bpf/probe.bpf.o" with { type: "file" };
import { ownedBytes } from "../base/bytes.ts";
import { cgroupRoot } from "./cgroup.ts";
import type { Tier } from "./kernel.ts";
import { BpfObject } from "./libbpf/object.ts";
import { close, errno, libc, SystemError } from "./libc.ts";

export interface Probe {
  readonly works: boolean;
  /** `works`, or what the kernel answered, in a few words. */
  readonly answer: string;
}

const works: Probe = { works: true, answer: "works" };

/** Whether programs of this tier can do what the tier is for. */
export function probeTier(tier: Tier): Probe {
  switch (tier) {
    case "lsm":
      return probeRefusal("probe_lsm");
    case "modify-return":
      return probeRefusal("probe_mod");
    case "tracepoint": {
      const trace = probeAttach("probe_trace", (object) => object.program("probe_trace").attach());
      return trace.works ? probeCgroup() : trace;
    }
  }
}

/** Programs on the root of the cgroup tree, which refuse addresses in the tracepoint tier. */
function probeCgroup(): Probe {
  const root = cgroupRoot();
  if (root === null) return { works: false, answer: "no cgroup2 file system is mounted" };
  const fd = openSync(root, "r");
  try {
    return probeAttach("probe_cgroup", (object) => object.program("probe_cgroup").attachCgroup(fd));
  } finally {
    closeSync(fd);
  }
}

function probeRefusal(program: string): Probe {
  let refused = false;
  const attached = probeAttach(program, (object) => {
    const link = object.program(program).attach();
    object.program("probe_self").run(ownedBytes(8));
    refused = unixSocketIsRefused();
    return link;
  });
  if (!attached.works || refused) return attached;
  return { works: false, answer: "the program attaches but is never run" };
}

function probeAttach(program: string, attach: (object: BpfObject) => { destroy(): void }): Probe {
  const object = BpfObject.open("probe", readFileSync(embedded));
  try {
    for (const each of object.programs.values())
      each.setAutoload(each.name === program || each.name === "probe_self");
    object.load();
    attach(object).destroy();
    return works;
  } catch (failure) {
    if (failure instanceof SystemError)
      return { works: false, answer: `${failure.call}: ${failure.code}` };
    throw failure;
  } finally {
    object.close();
  }
}

function unixSocketIsRefused(): boolean {
  const SYS_socket = process.arch === "arm64" ? 198 : 41;
  const [AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC] = [1, 1, 0o2000000];
  const fd = Number(libc.syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0));
  if (fd < 0) return errno() === constants.errno.EPERM;
  close(fd);
  return false;
}
