// From where a label came: chains through files and pipes, over processes that are gone and numbers that
// are used again.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { operationBits } from "../../src/ir/abi.ts";
import { channelDevices } from "../../src/kernel/channels.ts";
import type { KernelEvent, KernelObject } from "../../src/kernel/kernel.ts";
import { clockAt } from "../../src/runtime/clock.ts";
import { Processes } from "../../src/runtime/processes.ts";
import { chainOf, type Hop, hopsMax } from "../../src/runtime/provenance.ts";
import { chainLines, hopText } from "../../src/surface/text/hop.ts";
import { addressBytes, encoded, eventOf, Story } from "./story.ts";

const policy = `source SECRET = file "**/.env"
source AGENT = exec "agent"
rule r: block connect any if SECRET or AGENT`;

const file = (inode: number, generation = 1): KernelObject => ({
  kind: "file",
  inode: BigInt(inode),
  device: (8 << 20) | 1,
  generation,
});
const pipe = (inode: number): KernelObject => ({ ...file(inode), kind: "pipe" });

const connection: KernelObject = {
  kind: "tcp",
  inode: (0x0100007fn << 32n) | 0x0100007fn,
  device: channelDevices.stream,
  generation: 0x3412_5000,
};
const memory: KernelObject = {
  kind: "memory",
  inode: 99n,
  device: channelDevices.memory,
  generation: 10,
};

/** Reads and writes as the kernel half tells them: once, where labels change. */
class Flow extends Story {
  constructor() {
    super(policy);
  }

  reads(tgid: number, path: string, object: KernelObject, labels = ["SECRET"]): void {
    this.tell(tgid, "label", { ops: operationBits.read, first: encoded(path), object, labels });
  }

  writes(tgid: number, path: string, object: KernelObject, labels = ["SECRET"]): void {
    this.tell(tgid, "object", { ops: operationBits.write, first: encoded(path), object, labels });
  }

  /** The chain of SECRET as lines. */
  told(tgid: number, labels = ["SECRET"]): string[] {
    this.match(tgid, "connect", addressBytes("tcp", "10.0.0.1", 443), { labels });
    const [chain] = this.last.provenance;
    if (chain === undefined) throw new Error("no provenance");
    const lines = chain.hops.map((hop, index) => hopText(hop, chain.hops[index - 1]));
    return chain.complete ? lines : ["?", ...lines];
  }
}

test("through a pipe, a file and two processes that are gone", () => {
  const flow = new Flow();
  flow.exec(10, "/bin/sh", ["sh"]);
  flow.fork(10, 11);
  flow.exec(11, "/bin/cat", ["cat"]);
  flow.reads(11, "/work/.env", file(1));
  flow.writes(11, "", pipe(7));
  flow.exit(11);
  flow.fork(10, 12);
  flow.exec(12, "/bin/tr", ["tr"]);
  flow.reads(12, "", pipe(7));
  flow.writes(12, "/work/out", file(2));
  flow.exit(12);
  flow.fork(10, 13);
  flow.reads(13, "/work/moved", file(2));
  flow.exec(13, "/bin/bash", ["bash"], { labels: ["SECRET"] });
  flow.fork(13, 14, { labels: ["SECRET"] });
  flow.exec(14, "/usr/bin/env", ["env"], { labels: ["SECRET"] });
  flow.fork(14, 15, { labels: ["SECRET"] });
  flow.exec(15, "/usr/bin/curl", ["curl"], { labels: ["SECRET"] });
  expect(flow.told(15)).toEqual([
    "pid 11 (/bin/cat) read /work/.env",
    "pid 11 (/bin/cat) wrote pipe:[7]",
    "pid 12 (/bin/tr) read pipe:[7]",
    "pid 12 (/bin/tr) wrote /work/out",
    "pid 13 (/bin/sh) read /work/moved, which is the same",
    "pid 15 (/usr/bin/curl) descends from pid 13 (/bin/sh), over 1 between",
  ]);
});

test("a process that became another program after it read", () => {
  const flow = new Flow();
  flow.exec(10, "/bin/sh", ["sh"]);
  flow.reads(10, "/work/.env", file(1));
  flow.exec(10, "/usr/bin/curl", ["curl"], { labels: ["SECRET"] });
  expect(flow.told(10)).toEqual([
    "pid 10 (/bin/sh) read /work/.env",
    "pid 10 (/bin/sh) became /usr/bin/curl",
  ]);
});

test("a number that another process has by now names the one it was", () => {
  const flow = new Flow();
  flow.exec(1, "/bin/sh", ["sh"]);
  flow.fork(1, 11);
  flow.exec(11, "/bin/cat", ["cat"]);
  flow.reads(11, "/work/.env", file(1));
  flow.writes(11, "/work/out", file(2));
  flow.exit(11);
  flow.fork(1, 11);
  flow.exec(11, "/bin/stranger", ["stranger"]);
  flow.reads(11, "/work/out", file(2));
  expect(flow.told(11)).toEqual([
    "pid 11 (/bin/cat) read /work/.env",
    "pid 11 (/bin/cat) wrote /work/out",
    "pid 11 (/bin/stranger) read /work/out",
  ]);
});

test("a descendant that got the number of the ancestor it inherits from", () => {
  const flow = new Flow();
  flow.exec(10, "/bin/sh", ["sh"]);
  flow.reads(10, "/work/.env", file(1));
  for (const [parent, child] of [
    [10, 11],
    [11, 10],
    [10, 12],
  ] as const) {
    flow.fork(parent, child, { labels: ["SECRET"] });
    flow.exec(child, `/bin/child-${child}`, ["child"], { labels: ["SECRET"] });
    flow.exit(parent);
  }
  expect(flow.told(10)[1]).toBe(
    "pid 10 (/bin/child-10) descends from pid 10 (/bin/sh), over 1 between",
  );
  expect(flow.told(12)[1]).toBe(
    "pid 12 (/bin/child-12) descends from pid 10 (/bin/sh), over 2 between",
  );
});

test("an inode that is used again is another file", () => {
  const flow = new Flow();
  flow.exec(11, "/bin/a", ["a"]);
  flow.reads(11, "/work/.env", file(1));
  flow.writes(11, "/work/first", file(2, 1));
  flow.exec(12, "/bin/b", ["b"]);
  flow.reads(12, "/work/.env", file(1));
  flow.writes(12, "/work/second", file(2, 2));
  flow.reads(13, "/work/second", file(2, 2));
  expect(flow.told(13)[1]).toBe("pid 12 (/bin/b) wrote /work/second");
});

describe("what is no inode", () => {
  const labels = ["SECRET"];
  /** As the reader's end tells it. */
  const hears = (flow: Flow, tgid: number, object: KernelObject | null) =>
    flow.tell(tgid, "label", { ops: operationBits.read, object, channels: [connection], labels });

  test("a connection, of which the reader tells its own end too", () => {
    const flow = new Flow();
    flow.exec(11, "/bin/cat", ["cat"]);
    flow.reads(11, "/work/.env", file(1));
    flow.writes(11, "", connection);
    hears(flow, 12, { ...file(7), kind: "socket" });
    expect(flow.told(12)).toEqual([
      "pid 11 (/bin/cat) read /work/.env",
      "pid 11 (/bin/cat) wrote tcp://127.0.0.1:80",
      "pid 12 read tcp://127.0.0.1:80",
    ]);
    expect(flow.last.provenance[0]?.hops[1]?.object).toEqual({
      kind: "tcp",
      device: "4095:3",
      inode: "72058139515551871",
      generation: 0x3412_5000,
    });
  });

  test("of several ways it came over the one that gained it last", () => {
    const flow = new Flow();
    flow.reads(11, "/work/.env", file(1));
    flow.reads(10, "/work/.env", file(1));
    flow.writes(10, "", pipe(7));
    flow.writes(11, "", connection);
    hears(flow, 12, pipe(7));
    flow.writes(10, "", pipe(7));
    hears(flow, 13, pipe(7));
    expect(flow.told(12)[2]).toBe("pid 12 read tcp://127.0.0.1:80");
    expect(flow.told(13)[2]).toBe("pid 13 read pipe:[7]");
  });

  test("of what one writer gave it to the first: hooks see System V memory as a file too", () => {
    const flow = new Flow();
    const segment = { ...memory, kind: "segment", device: channelDevices.segment } as const;
    flow.reads(11, "/work/.env", file(1));
    for (const object of [segment, file(4)]) flow.writes(11, "", object);
    flow.tell(12, "label", { channels: [segment, file(4)], labels });
    expect(flow.told(12)[2]).toBe("pid 12 read segment:[99]");
  });

  test("memory, whatever the operation before which it was looked at", () => {
    for (const ops of [operationBits.connect, operationBits.exec]) {
      const flow = new Flow();
      flow.reads(11, "/work/.env", file(1));
      flow.writes(11, "", memory);
      flow.tell(12, "label", { ops, channels: [{ ...memory, generation: 9 }, memory], labels });
      expect(flow.told(12).slice(1)).toEqual([
        "pid 11 wrote memory:[10]",
        "pid 12 read memory:[10]",
      ]);
    }
  });

  test("where nobody told who wrote, one's own end is named", () => {
    const flow = new Flow();
    hears(flow, 12, { ...file(7), kind: "socket" });
    expect(flow.told(12)).toEqual(["?", "pid 12 read socket:[7]"]);
    hears(flow, 13, null);
    expect(flow.told(13)).toEqual(["?", "pid 13 read tcp://127.0.0.1:80"]);
  });
});

test("whoever reads has it from the writer of that time", () => {
  const flow = new Flow();
  for (const [reader, writer] of [
    [21, 11],
    [22, 12],
  ] as const) {
    flow.exec(writer, `/bin/writer-${writer}`, ["w"]);
    flow.reads(writer, "/work/.env", file(1));
    // The pipe is gone and its number used again: it gains the label anew.
    flow.writes(writer, "", pipe(7));
    flow.reads(reader, "", pipe(7));
  }
  expect(flow.told(21)[1]).toBe("pid 11 (/bin/writer-11) wrote pipe:[7]");
  expect(flow.told(22)[1]).toBe("pid 12 (/bin/writer-12) wrote pipe:[7]");
});

test("a source with another name", () => {
  const flow = new Flow();
  flow.exec(11, "/bin/mv", ["mv"]);
  flow.tell(11, "object", {
    ops: operationBits.rename,
    first: encoded("/work/.env"),
    object: file(1),
    labels: ["SECRET"],
  });
  flow.reads(12, "/work/plain", file(1));
  expect(flow.told(12)).toEqual(["pid 11 (/bin/mv) renamed /work/.env", "pid 12 read /work/plain"]);
});

test("a source that was written explains itself", () => {
  const flow = new Flow();
  flow.reads(11, "/work/a/.env", file(1));
  flow.writes(11, "/work/b/.env", file(2));
  flow.reads(12, "/work/b/.env", file(2));
  expect(flow.told(12)).toEqual(["pid 12 read /work/b/.env"]);
});

test("a program that a labelled process wrote", () => {
  const flow = new Flow();
  flow.exec(11, "/bin/agent", ["agent"], { labels: ["AGENT"] });
  flow.writes(11, "/work/tool", file(2), ["AGENT"]);
  flow.exec(12, "/work/tool", ["tool"], { labels: ["AGENT"], object: file(2) });
  expect(flow.told(12, ["AGENT"])).toEqual([
    "pid 11 ran /bin/agent",
    "pid 11 (/bin/agent) wrote /work/tool",
    "pid 12 ran /work/tool",
  ]);
});

test("what a refused read would bring is a hop too", () => {
  const story = new Story(`source SECRET = file "**/.env"
rule r: block read "/work/out" if SECRET`);
  story.exec(11, "/bin/cat", ["cat"]);
  const labels = ["SECRET"];
  story.tell(11, "label", { ops: 4, first: encoded("/work/.env"), object: file(1), labels });
  story.tell(11, "object", { ops: 8, first: encoded("/work/out"), object: file(2), labels });
  story.match(12, "read", "/work/out", { object: file(2), labels });
  expect(story.last.provenance[0]?.hops.map(({ how }) => how)).toEqual(["read", "write", "read"]);
  expect(story.last.satisfy).toEqual([]);
});

describe("what is not known is said", () => {
  test("a file of which nobody told who wrote it", () => {
    const flow = new Flow();
    flow.reads(12, "/work/out", file(2));
    expect(flow.told(12)).toEqual(["?", "pid 12 read /work/out"]);
  });
  test("a label that the refused connection itself does not bring", () => {
    expect(new Flow().told(12)).toEqual(["?", "pid 12 reached tcp://10.0.0.1:443"]);
    const story = new Story(`source NET = endpoint "10.0.0.1:443"
rule r: block connect any if NET`);
    for (const [port, complete] of [
      [443, true],
      [444, false],
    ] as const) {
      story.match(12, "connect", addressBytes("tcp", "10.0.0.1", port), { labels: ["NET"] });
      expect(story.last.provenance[0]).toMatchObject({ how: "connect", complete });
    }
  });
  test("a writer of which nobody told what it read", () => {
    const flow = new Flow();
    flow.writes(11, "/work/out", file(2));
    flow.reads(12, "/work/out", file(2));
    expect(flow.told(12)).toEqual(["?", "pid 11 wrote /work/out", "pid 12 read /work/out"]);
  });
});

test("a writer whose own event comes after that of its write", () => {
  const flow = new Flow();
  flow.exec(11, "/bin/a", ["a"]);
  flow.writes(11, "/work/out", file(2));
  flow.reads(11, "/work/.env", file(1));
  flow.reads(12, "/work/out", file(2));
  expect(flow.told(12)[0]).toBe("pid 11 (/bin/a) read /work/.env");
});

test("a process that reads what it wrote itself is no ring", () => {
  const flow = new Flow();
  flow.reads(11, "/work/out", file(2));
  flow.writes(11, "/work/out", file(2));
  expect(flow.told(11)).toEqual(["?", "pid 11 read /work/out"]);
});

// -- any history ---------------------------------------------------------------------------------------------------------

interface Made {
  readonly hop: string;
  readonly timeNs: bigint;
}

type Act = readonly [kind: "fork" | "exec" | "exit" | "read" | "write", who: number, what: number];

const acts = fc.array(
  fc.tuple(
    fc.constantFrom("fork", "fork", "exec", "exit", "exit", "read", "read", "write"),
    fc.nat(20),
    fc.nat(7),
  ) as fc.Arbitrary<Act>,
  { minLength: 40, maxLength: 200 },
);

/**
 * Nine numbers of processes that are used again and again, eight objects of which the first is the source. Every process
 * and every program it becomes has a name of its own, so that a hop that names the wrong one is seen.
 */
function live(told: readonly Act[], check: (processes: Processes, event: KernelEvent) => void) {
  const processes = new Processes((event) => new Set(event.object?.inode === 0n ? [0] : []));
  const made: Made[] = [];
  const programs = new Map<number, string>([[1, "/p0"]]);
  const labelled = { processes: new Set<number>(), objects: new Set<number>([0]) };
  let timeNs = 0n;
  let names = 0;
  const tell = (type: KernelEvent["type"], tgid: number, more: Partial<KernelEvent> = {}) => {
    timeNs++;
    const labels = type === "object" || labelled.processes.has(tgid) ? [0] : [];
    const event = eventOf({ type, tgid, timeNs, labels, ...more });
    processes.observe(event);
    if (labels.length > 0) check(processes, event);
  };
  const happened = (tgid: number, how: string, object: number) => {
    made.push({ hop: `${tgid} ${programs.get(tgid)} ${how} ${object}`, timeNs: timeNs + 1n });
  };
  tell("exec", 1, { first: encoded("/p0") });
  for (const [kind, who, what] of told) {
    const alive = [...programs.keys()];
    const tgid = alive[who % alive.length] ?? 1;
    const object = { object: file(what), first: encoded(`/o${what}`) };
    if (kind === "fork") {
      const child = what + 2;
      if (programs.has(child)) continue;
      programs.set(child, programs.get(tgid) ?? "");
      if (labelled.processes.has(tgid)) labelled.processes.add(child);
      tell("fork", child, { parent: tgid });
    } else if (kind === "exec") {
      programs.set(tgid, `/p${++names}`);
      tell("exec", tgid, { first: encoded(`/p${names}`), ops: operationBits.exec });
    } else if (kind === "exit" && tgid !== 1) {
      tell("exit", tgid);
      programs.delete(tgid);
      labelled.processes.delete(tgid);
    } else if (kind === "read") {
      // The first process stays clean, so that not every later one is born with the label.
      if (tgid === 1 || !labelled.objects.has(what) || labelled.processes.has(tgid)) continue;
      labelled.processes.add(tgid);
      happened(tgid, "read", what);
      tell("label", tgid, { ...object, ops: operationBits.read });
    } else if (kind === "write") {
      if (!labelled.processes.has(tgid) || labelled.objects.has(what)) continue;
      labelled.objects.add(what);
      happened(tgid, "write", what);
      tell("object", tgid, { ...object, ops: operationBits.write });
    }
  }
  return made;
}

/** What is wrong with a chain; empty: nothing. */
function faultsOf(hops: readonly Hop[], made: readonly Made[]): string[] {
  const faults: string[] = [];
  let lastNs = 0n;
  hops.forEach((hop, index) => {
    const before = hops[index - 1];
    const text = `${hop.who.pid} ${hop.who.exe} ${hop.how} ${hop.object?.inode}`;
    const isInherited = hop.how === "inherit" || hop.how === "become";
    if (!isInherited) {
      const found = made.find(({ hop, timeNs }) => hop === text && timeNs >= lastNs);
      if (found === undefined) faults.push(`nobody did in that order: ${text}`);
      else lastNs = found.timeNs;
    }
    if (before === undefined) {
      if (hop.how !== "read" || hop.object?.inode !== "0") faults.push(`no source: ${text}`);
      return;
    }
    const from = isInherited ? hop.over[0] : hop.who;
    const isHandedOver =
      hop.how === "read"
        ? before.how === "write" && before.object?.inode === hop.object?.inode
        : before.who.pid === from?.pid && before.who.exe === from.exe;
    if (!isHandedOver) faults.push(`nothing leads to: ${text}`);
  });
  return faults;
}

test("every chain of any history leads from the source over what happened, in order", () => {
  const clock = clockAt(0n, 0);
  let longest = 0;
  fc.assert(
    fc.property(acts, (told) => {
      const chains: { hops: readonly Hop[]; tgid: number }[] = [];
      const made = live(told, (processes, event) => {
        if (event.type === "object" || event.type === "exit") return;
        const chain = chainOf(event, 0, processes, clock);
        expect(chain.complete).toBe(true);
        expect(chain.hops.at(-1)?.who.pid).toBe(event.tgid);
        chains.push({ hops: chain.hops, tgid: event.tgid });
      });
      expect(chains.flatMap(({ hops }) => faultsOf(hops, made))).toEqual([]);
      longest = Math.max(longest, ...chains.map(({ hops }) => hops.length));
    }),
    { numRuns: 1000 },
  );
  expect(longest).toBeGreaterThan(4);
});

test("a chain of any length is bounded, and says how much was left out", () => {
  const flow = new Flow();
  const links = 300;
  flow.reads(10, "/work/.env", file(1));
  for (let i = 0; i < links; i++) {
    flow.writes(10 + i, `/work/${i}`, file(100 + i));
    flow.reads(11 + i, `/work/${i}`, file(100 + i));
  }
  flow.told(10 + links);
  const [chain] = flow.last.provenance;
  expect(chain?.hops).toHaveLength(hopsMax);
  expect(chain?.left_out).toBe(1 + links * 2 - hopsMax);
  expect(chain?.hops[0]?.what).toBe("/work/.env");
  expect(chain?.hops.at(-1)?.what).toBe(`/work/${links - 1}`);
});

test("what is kept of objects is bounded, and a chain that was forgotten is not complete", () => {
  const flow = new Flow();
  flow.reads(10, "/work/.env", file(1));
  flow.writes(10, "/work/first", file(2));
  flow.reads(11, "/work/first", file(2));
  for (let inode = 0; inode < 40_000; inode++) flow.writes(10, "/work/other", file(10 + inode));
  expect(flow.session.processes.objects.size).toBe(32_768);
  expect(flow.told(11)).toEqual(["?", "pid 11 read /work/first"]);
});

test("of a chain that breaks off who had the label from its sources until then is told", () => {
  const flow = new Flow();
  const socket: KernelObject = { ...file(7), kind: "socket" };
  flow.exec(11, "/bin/cat", ["cat"]);
  flow.exec(12, "/bin/nc", ["nc"]);
  flow.reads(11, "/work/.env", file(1));
  flow.reads(12, "", socket);
  expect(flow.told(12)).toEqual(["?", "pid 12 (/bin/nc) read socket:[7]"]);
  const origins = () => flow.last.provenance[0]?.origins.map((hop) => hopText(hop, undefined));
  expect(origins()).toEqual(["pid 11 (/bin/cat) read /work/.env"]);
  expect(flow.last.provenance[0] && chainLines(flow.last.provenance[0], false)[0]).toBe(
    "(what lies between is not known: pid 11 (/bin/cat) read /work/.env)",
  );
  // What comes later brought nothing, what is read again is told once, and the youngest four are kept.
  for (const name of ["1", "2", "3", "2", "4", "5"]) {
    flow.exec(13, "/bin/cat", ["cat"], { labels: [] });
    flow.reads(13, `/work/${name}/.env`, file(20));
  }
  flow.told(12);
  expect(origins()).toEqual([]);
  flow.exec(14, "/bin/nc", ["nc"]);
  flow.reads(14, "", socket);
  flow.told(14);
  expect(origins()?.map((text) => text.at(-6))).toEqual(["3", "2", "4", "5"]);
  flow.told(13);
  expect(flow.last.provenance[0]).toMatchObject({ complete: true, origins: [] });
});
