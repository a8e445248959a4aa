// The engine on the running kernel: policies that are swapped under a storm of refused operations, and programs that
// outlive whoever loaded them. Connections where only these are refused before they happen, files where all are.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadPolicy } from "../../src/dsl/load.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { type Numbering, noNumbers } from "../../src/ir/numbering.ts";
import { type Engine, EngineFull, EngineTaken, type KernelEvent } from "../../src/kernel/kernel.ts";
import { linkInfo, pinnedFd } from "../../src/kernel/libbpf/ids.ts";
import { BpfMap } from "../../src/kernel/libbpf/map.ts";
import { close } from "../../src/kernel/libc.ts";
import { openEngine, removePinned } from "../../src/kernel/live.ts";
import { until } from "./held.ts";
import { patience, probes, type Tier, whyNot } from "./tool.ts";

setDefaultTimeout(30_000 * patience);
const isRoot = whyNot() === null;
const onKernel = test.skipIf(!isRoot);
/** What does not depend on the tier is left to a machine that is not emulated. */
const onNative = test.skipIf(!isRoot || patience > 1);
const tier = (process.env.ACTPLANE_E2E_TIER ?? "tracepoint") as Tier;

let folder = "";
const storms: Storm[] = [];
const engines: Engine[] = [];

beforeAll(() => {
  if (!isRoot) return;
  folder = mkdtempSync("/tmp/actplane-engine-");
  mkdirSync(join(folder, "bpf"));
  Bun.spawnSync(["mount", "-t", "bpf", "bpf", join(folder, "bpf")]);
});
afterEach(async () => {
  for (const storm of storms.splice(0)) storm.kill();
  for (const engine of engines.splice(0)) await engine.close();
});
afterAll(() => {
  if (!isRoot) return;
  Bun.spawnSync(["umount", join(folder, "bpf")]);
  rmSync(folder, { recursive: true, force: true });
});

/** Ports that nobody listens at, or files. */
const [a, b, c] =
  tier === "tracepoint" ? ["9", "11", "13"] : ["/etc/hostname", "/etc/passwd", "/etc/group"];
const forbidding = (rule: string, what: string) =>
  tier === "tracepoint"
    ? `rule ${rule}: block connect "127.0.0.1:${what}" because "x"`
    : `rule ${rule}: block read "${what}" because "x"`;
const forbidA = forbidding("a", a);
const forbidBoth = `${forbidA}\n ${forbidding("b", b)}`;

function numbered(text: string, before: Compiled | null = null): Compiled {
  const numbering: Numbering = before?.numbering ?? noNumbers;
  const source = { name: "test.policy", text };
  const loaded = loadPolicy(source);
  const compiled = compile(loaded.value, { workspace: "/w", home: "/h", source, numbering });
  expect([...loaded.diagnostics, ...compiled.diagnostics]).toEqual([]);
  return compiled.value;
}

async function open(pins: string | null, onEvent: (event: KernelEvent) => void = () => {}) {
  const engine = await openEngine({
    tier,
    ringBytes: 1 << 18,
    programs: "all",
    pins,
    onEvent,
    tableBytes: 1 << 20,
  });
  engines.push(engine);
  return engine;
}

/** Ends it in the test; afterEach must not again. */
function forget(engine: Engine): Engine {
  engines.splice(engines.indexOf(engine), 1);
  return engine;
}

interface Asked {
  readonly refusedA: number;
  readonly slippedA: number;
  readonly refusedB: number;
  readonly passedB: number;
  readonly slippedB: number;
}

/** test/probes/storm.c: asks for both from two threads. */
class Storm {
  readonly #child = Bun.spawn([join(probes, "storm"), a, b], {
    stdin: "pipe",
    stdout: "pipe",
  });

  constructor() {
    storms.push(this);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The first line lets it begin, a further one says that B is forbidden. */
  tell(): void {
    this.#child.stdin.write("\n");
    this.#child.stdin.flush();
  }

  async end(): Promise<Asked> {
    this.#child.stdin.end();
    const text = await new Response(this.#child.stdout).text();
    const [refusedA = -1, slippedA = -1, refusedB = -1, passedB = -1, slippedB = -1] = text
      .split(" ")
      .map(Number);
    return { refusedA, slippedA, refusedB, passedB, slippedB };
  }

  kill(): void {
    this.#child.kill(9);
  }
}

/** A shell that runs one command after another. */
class Shell {
  readonly #child;
  readonly #answers;

  constructor(cwd: string) {
    this.#child = Bun.spawn(["bash"], { cwd, stdin: "pipe", stdout: "pipe", stderr: "ignore" });
    this.#answers = this.#child.stdout.getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The exit code. */
  async run(command: string): Promise<number> {
    this.#child.stdin.write(`{ ${command}; } >/dev/null; echo $?\n`);
    this.#child.stdin.flush();
    return Number(new TextDecoder().decode((await this.#answers.read()).value));
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }
}

onKernel(
  "policies are swapped under a storm and nothing that both forbid slips through",
  async () => {
    const engine = await open(null);
    const session = engine.newSession();
    const one = numbered(forbidA);
    const both = numbered(forbidBoth, one);
    // The same rules from elsewhere in the table, and with others before them.
    const other = numbered(`${forbidding("c", c)}\n ${forbidA}`, both);
    await engine.setDomain(1, session, one.image);
    const storm = new Storm();
    engine.admit(storm.pid, 1);
    storm.tell();
    const until = performance.now() + (patience === 1 ? 3000 : 1500);
    let swaps = 0;
    // An emulated machine may take its time for one, so some are made however long that takes.
    while (performance.now() < until || swaps < 4) {
      const { image } = [other, one][swaps % 2] as Compiled;
      expect(await engine.setDomain(1, session, image)).toEqual({ generation: ++swaps + 1 });
    }
    await engine.setDomain(1, session, both.image);
    storm.tell();
    await Bun.sleep(300);
    const asked = await storm.end();
    console.error(`swapped ${swaps} times`, asked);
    expect(swaps).toBeGreaterThan(patience === 1 ? 10 : 2);
    expect(asked).toMatchObject({ slippedA: 0, slippedB: 0 });
    expect(asked.refusedA).toBeGreaterThan(patience === 1 ? 3_000 : 100);
    expect(
      [asked.refusedB, asked.passedB].every((times) => times > (patience === 1 ? 100 : 2)),
    ).toBe(true);
    // Every refusal was counted, by the number that its clause has in all three policies.
    expect(one.clauses[0]?.id).toBe(0);
    const hits = engine.hits(session);
    expect(hits.slice(0, 2)).toEqual([asked.refusedA, asked.refusedB]);
    expect(engine.counters()).toMatchObject({ strictState: 0, errors: 0, hitsFull: 0 });
  },
);

onNative("a process moves between domains of its session and what it starts follows", async () => {
  const engine = await open(null);
  const session = engine.newSession();
  const one = numbered(forbidA);
  await engine.setDomain(1, session, one.image);
  await engine.setDomain(2, session, numbered(forbidBoth, one).image);
  await engine.setDomain(3, engine.newSession(), one.image);
  const shell = Bun.spawn(["bash", "-c", "sleep 60 & sleep 60 & echo; wait"], { stdout: "pipe" });
  await shell.stdout.getReader().read();
  try {
    engine.admit(shell.pid, 1);
    expect(engine.members(1).length).toBe(3);
    engine.admit(shell.pid, 2);
    expect([engine.members(1).length, engine.members(2).length]).toEqual([0, 3]);
    expect(engine.domainOf(shell.pid)).toBe(2);
    expect(engine.domainOf(process.pid)).toBeNull();
    expect(() => engine.admit(shell.pid, 3)).toThrow(/another session/);
    expect(() => engine.endSession(session)).toThrow();
  } finally {
    const members = engine.members();
    for (const pid of members) process.kill(pid, 9);
    await shell.exited;
  }
  while (engine.members().length > 0) await Bun.sleep(5);
  engine.endSession(session);
  expect(() => engine.admit(1, 1)).toThrow();
});

onNative(
  "children that are forked while their parent is moved are in one of both domains",
  async () => {
    const engine = await open(null);
    const session = engine.newSession();
    const one = numbered(forbidA);
    await engine.setDomain(1, session, one.image);
    await engine.setDomain(2, session, numbered(forbidBoth, one).image);
    const forks = "for i in {1..100000}; do /bin/true & done 2>/dev/null; wait";
    const shell = Bun.spawn(["bash", "-c", `read; ${forks}`], { stdin: "pipe", stdout: "ignore" });
    engine.admit(shell.pid, 1);
    shell.stdin.write("\n");
    shell.stdin.flush();
    const strays: number[] = [];
    for (let round = 0; round < 200 / patience; round++) {
      engine.admit(shell.pid, 1 + (round % 2));
      // Whoever it forked is in the domain it is in now, not only in either of both.
      await Bun.sleep(2);
      strays.push(...engine.members(2 - (round % 2)));
    }
    const members = engine.members();
    shell.kill(9);
    await shell.exited;
    expect(members.length).toBeGreaterThan(0);
    expect(strays).toEqual([]);
  },
);

const onHooks = test.skipIf(!isRoot || tier === "tracepoint");

onHooks("rules go with files and folders that were renamed under an earlier policy", async () => {
  const engine = await open(null);
  const session = engine.newSession();
  const work = mkdtempSync(join(process.env.ACTPLANE_E2E_WORK ?? folder, "renamed-"));
  mkdirSync(join(work, "vault/inner"), { recursive: true });
  for (const name of ["key", "inner/key", "other"]) writeFileSync(join(work, "vault", name), "x");
  const keeping = `rule v: block read "${work}/vault/**" because "x"`;
  const one = numbered(keeping);
  const more = numbered(`rule c: block write "/c/**" because "x"\n ${keeping}`, one);
  const none = numbered('rule d: block read "/d/**" because "x"', more);
  await engine.setDomain(1, session, one.image);
  await engine.setDomain(2, session, none.image);
  const shell = new Shell(work);
  engine.admit(shell.pid, 1);
  expect(await shell.run("mv vault/key key && mv vault/inner moved")).toBe(0);
  const reads = async () => [
    await shell.run("cat key"),
    await shell.run("cat moved/key"),
    await shell.run("cat vault/other"),
  ];
  expect(await reads()).toEqual([1, 1, 1]);
  expect(engine.hits(session)[0]).toBe(3);
  // The same rule, from other words of the table; then renamed on, out of a folder that was moved before.
  await engine.setDomain(1, session, more.image);
  expect(await reads()).toEqual([1, 1, 1]);
  expect(await shell.run("mv moved/key again")).toBe(0);
  expect(await shell.run("cat again")).toBe(1);
  // A policy that does not have the rule does not judge by it, and one that has it again does.
  await engine.setDomain(1, session, none.image);
  expect([await shell.run("cat key"), await shell.run("cat again")]).toEqual([0, 0]);
  await engine.setDomain(1, session, more.image);
  expect([await shell.run("cat key"), await shell.run("cat again")]).toEqual([1, 1]);
  engine.admit(shell.pid, 2);
  expect([await shell.run("cat key"), await shell.run("cat again")]).toEqual([0, 0]);
  expect(engine.hits(session)[0]).toBe(9);
  await shell.end();
  rmSync(work, { recursive: true });
});

onHooks("a governed process can neither open nor remove what is pinned", async () => {
  const pins = join(folder, "bpf/actplane/v1");
  const engine = await open(pins);
  const session = engine.newSession();
  await engine.setDomain(1, session, numbered(forbidA).image);
  const shell = new Shell(folder);
  const attempts = [
    `ls ${pins}`,
    `rm -rf ${pins}/links`,
    `mv ${pins} ${join(folder, "bpf/actplane/v2")}`,
    `mkdir ${pins}/more`,
    `umount ${join(folder, "bpf")}`,
    `umount -l ${join(folder, "bpf")}`,
    `mount -t tmpfs none ${pins}`,
  ];
  // Without rules the first of them works.
  expect(await shell.run(`ls ${pins}`)).toBe(0);
  engine.admit(shell.pid, 1);
  const worked: string[] = [];
  for (const attempt of attempts) if ((await shell.run(attempt)) === 0) worked.push(attempt);
  expect(worked).toEqual([]);
  expect(readdirSync(join(pins, "links")).length).toBeGreaterThan(10);
  expect(await shell.run(`cat ${a}`)).toBe(1);
  await shell.end();
});

onNative("labels and gates mean what they meant when the policy is replaced", async () => {
  const engine = await open(null);
  const session = engine.newSession();
  const work = mkdtempSync(join(process.env.ACTPLANE_E2E_WORK ?? folder, "kept-"));
  writeFileSync(join(work, "secret"), "x");
  const rules = `source SECRET = file "${work}/secret"
    ${forbidding("a", a).replace(" because", " if SECRET because")}
    ${forbidding("b", b).replace(" because", ' unless after exec "true" because')}`;
  const one = numbered(rules);
  // Alone these would have the numbers that the others have.
  const more = `source OTHER = exec "nobody"
    ${forbidding("c", c).replace(" because", ' if OTHER unless after exec "nobody" because')}`;
  const larger = numbered(`${more}\n ${rules}`, one);
  const other = numbered(more, larger);
  await engine.setDomain(1, session, one.image);
  const shell = new Shell(work);
  engine.admit(shell.pid, 1);
  const refused = async () => {
    const found: string[] = [];
    for (const port of [a, b, c])
      if ((await shell.run(`(: > /dev/tcp/127.0.0.1/${port}) 2>&1 | grep -q permitted`)) === 0)
        found.push(port);
    return found;
  };
  expect(await refused()).toEqual([b]);
  expect(await shell.run("read x < secret; /bin/true")).toBe(0);
  expect(await refused()).toEqual([a]);
  for (const [policy, expected] of [
    [larger, [a]],
    [other, []],
    [one, [a]],
  ] as const) {
    await engine.setDomain(1, session, policy.image);
    expect(await refused()).toEqual([...expected]);
  }
  await shell.end();
  rmSync(work, { recursive: true });
});

onNative("a session that ended leaves nothing in the tables", async () => {
  const pins = join(folder, "bpf/actplane/v1");
  const engine = await open(pins);
  const session = engine.newSession();
  const work = mkdtempSync(join(process.env.ACTPLANE_E2E_WORK ?? folder, "ended-"));
  writeFileSync(join(work, "secret"), "x");
  const policy = numbered(`source S = file "${work}/secret"
    rule n: notify read "${work}/**" if S unless after exec "true" since write "${work}/x" because "x"
            notify read "${work}/secret"`);
  await engine.setDomain(1, session, policy.image);
  const shell = new Shell(work);
  engine.admit(shell.pid, 1);
  expect(await shell.run("/bin/true; read x < secret; cat secret > copy; mv copy other")).toBe(0);
  const entries = () =>
    Object.fromEntries(
      ["sessions", "objects", "hits", "runs", "procs"].map((name) => {
        const map = BpfMap.pinned(join(pins, "maps", name));
        const count = [...map.keys()].length;
        map.close();
        return [name, count];
      }),
    );
  const during = entries();
  expect(Object.entries(during).filter(([, count]) => count === 0)).toEqual([]);
  await shell.end();
  while (engine.members().length > 0) await Bun.sleep(5);
  engine.endSession(session);
  expect(entries()).toEqual({ sessions: 0, objects: 0, hits: 0, runs: 0, procs: 0 });
  // Its number is not given again; its domain's is, but not the generation.
  expect(engine.newSession()).toBe(session + 1);
  expect(await engine.setDomain(1, session + 1, policy.image)).toEqual({ generation: 2 });
  rmSync(work, { recursive: true });
});

onNative("an image that the table has no room for leaves the policy as it is", async () => {
  const engine = await open(null);
  const session = engine.newSession();
  const one = numbered(forbidA);
  await engine.setDomain(1, session, one.image);
  const long = Array.from({ length: 300 }, (_, i) => `/${i}/${"x".repeat(200)}/**`);
  const large = numbered(`define S = ${long.map((one) => `"${one}"`).join(", ")}
    rule s: block read @S because "x"`);
  expect(large.image.length * 4).toBeGreaterThan(1 << 20);
  await expect(engine.setDomain(1, session, large.image)).rejects.toThrow(EngineFull);
  expect(await engine.setDomain(1, session, one.image)).toEqual({ generation: 2 });
});

onNative("an image that was replaced makes room, unless a file goes by its rules", async () => {
  const pins = join(folder, "bpf/actplane/v1");
  const engine = await open(pins);
  const session = engine.newSession();
  const tenth = (number: number) => {
    const names = Array.from({ length: 30 }, (_, i) => `"/${number}/${i}/${"x".repeat(200)}/**"`);
    return numbered(`rule s: block read ${names[0]} because "x"
      ${names
        .slice(1)
        .map((name) => `block read ${name}`)
        .join("\n      ")}`).image;
  };
  expect(tenth(0).length * 4 * 20).toBeGreaterThan(1 << 20);
  const ledger = BpfMap.pinned(join(pins, "maps/images"));
  const bases = () => [...ledger.keys()].map((key) => new DataView(key.buffer).getUint32(0, true));
  await engine.setDomain(1, session, tenth(0));
  await engine.setDomain(1, session, tenth(1));
  await engine.setDomain(1, session, tenth(2));
  const [unused = -1, kept = -1] = bases().sort((one, other) => one - other);
  // As if a process had renamed a file under the second policy.
  const objects = BpfMap.pinned(join(pins, "maps/objects"));
  const [key, object] = [new Uint8Array(24), new Uint8Array(objects.valueBytes)];
  const view = new DataView(object.buffer);
  const [listsAt, namedAt] = [32, 96];
  view.setUint32(listsAt + 8, kept, true);
  view.setUint32(listsAt + 12, 1, true);
  view.setUint32(namedAt, 1, true);
  objects.update(key, object);
  for (let number = 3; number < 23; number++) await engine.setDomain(1, session, tenth(number));
  const table = BpfMap.pinned(join(pins, "maps/table"));
  const mapping = table.mmap(true);
  const holds = (base: number, image: Uint32Array) => {
    const { buffer, byteOffset } = mapping.bytes;
    return Buffer.from(buffer, byteOffset + base * 4, image.byteLength).equals(
      Buffer.from(image.buffer, image.byteOffset, image.byteLength),
    );
  };
  expect([holds(unused, tenth(0)), holds(kept, tenth(1))]).toEqual([false, true]);
  objects.delete(key);
  for (let number = 3; number < 33; number++) await engine.setDomain(1, session, tenth(number));
  expect(holds(kept, tenth(1))).toBe(false);
  mapping.unmap();
  table.close();
  for (const map of [ledger, objects]) map.close();
});

onKernel(
  "an engine outlives its process, is adopted, and leaves nothing when it is closed",
  async () => {
    const pins = join(folder, "bpf/actplane/v1");
    const one = numbered(forbidA);
    const other = numbered(`${forbidding("c", c)}\n ${forbidA}`, one);
    const files = [one, other].map(({ image }, number) => {
      const file = join(folder, `image${number}`);
      writeFileSync(file, image);
      return file;
    });
    const storm = new Storm();
    const holder = join(import.meta.dir, "engine-holder.ts");
    const words = [process.execPath, holder, pins, tier, `${storm.pid}`, ...files];
    // Each finds what the one before it left in the middle of a swap.
    for (let round = 0; round < (patience === 1 ? 5 : 2); round++) {
      const daemon = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
      const said = new TextDecoder().decode((await daemon.stdout.getReader().read()).value);
      const { session, adopted } = JSON.parse(said);
      expect([session, adopted.length]).toEqual([1, round === 0 ? 0 : 1]);
      if (round === 0) {
        await expect(open(pins)).rejects.toThrow(EngineTaken);
        expect(() => removePinned(pins)).toThrow(EngineTaken);
        storm.tell();
      }
      await Bun.sleep(100 + 37 * round);
      daemon.kill(9);
      await daemon.exited;
    }
    await Bun.sleep(300);
    const fds = readdirSync(join(pins, "links")).map((name) => pinnedFd(join(pins, "links", name)));
    const own = fds.map((fd) => linkInfo(fd).id);
    expect(own.length).toBeGreaterThan(10);
    expect(own.filter((id) => !linkIds().includes(id))).toEqual([]);

    const seen: KernelEvent[] = [];
    const engine = await open(pins, (event) => seen.push(event));
    const generation = engine.adopted[0]?.generation ?? 0;
    console.error(`generation ${generation} was adopted`);
    expect(engine.adopted).toEqual([{ domain: 7, session: 1, generation }]);
    expect(generation).toBeGreaterThan(1);
    expect([engine.tier, engine.members(7)]).toEqual([tier, [storm.pid]]);
    await until("a match that is told to who adopted", () => {
      engine.drain();
      return seen.some(({ type, domain }) => type === "match" && domain === 7);
    });

    // A swap by the one that adopted, and then by one that adopts from it.
    await engine.setDomain(7, 1, numbered(forbidBoth, other).image);
    storm.tell();
    const enough = patience === 1 ? 100 : 2;
    await until("refusals by what forbids both", () =>
      [0, 2].every((clause) => (engine.hits(1)[clause] ?? 0) > enough),
    );
    await forget(engine).detach();
    const last = await open(pins);
    expect(last.adopted).toEqual([{ domain: 7, session: 1, generation: generation + 1 }]);
    expect(last.newSession()).toBe(2);
    const asked = await storm.end();
    console.error("adopted", asked);
    expect(asked).toMatchObject({ slippedA: 0, slippedB: 0 });
    expect([asked.refusedA, asked.refusedB].every((times) => times > enough)).toBe(true);
    expect(last.hits(1)).toEqual([asked.refusedA, 0, asked.refusedB]);

    await forget(last).close();
    expect(existsSync(join(folder, "bpf/actplane"))).toBe(false);
    // Our own descriptors of them, which the test has opened, are the last.
    for (const fd of fds.splice(0)) close(fd);
    expect(own.filter((id) => linkIds().includes(id))).toEqual([]);
  },
);

onNative("what another version pinned is not adopted, and can be removed", async () => {
  const pins = join(folder, "bpf/actplane/v1");
  await forget(await open(pins)).detach();
  const record = BpfMap.pinned(join(pins, "maps/engine"));
  const key = new Uint8Array(4);
  const bytes = record.lookup(key) as Uint8Array;
  record.update(key, bytes.with(0, (bytes[0] as number) ^ 1));
  await expect(open(pins)).rejects.toThrow(/another version/);
  expect(removePinned(pins)).toBe(true);
  expect(existsSync(join(folder, "bpf/actplane"))).toBe(false);
  expect(removePinned(pins)).toBe(false);
  record.close();
});

onNative("a gate is open for as long as an operator says and the rule lets it", async () => {
  const engine = await open(null);
  const session = engine.newSession();
  const approvable = (name: string, what: string, unless: string) =>
    forbidding(name, what).replace(" because", ` unless ${unless} because`);
  const policy = numbered(
    `${approvable("a", a, 'approved "go"')}\n ${approvable("b", b, 'approved "go" within 1s')}`,
  );
  await engine.setDomain(1, session, policy.image);
  const shell = new Shell("/");
  engine.admit(shell.pid, 1);
  // What nobody listens at is refused by the kernel, with another word.
  const isRefused = async (what: string) =>
    tier === "tracepoint"
      ? await shell.run(`(: > /dev/tcp/127.0.0.1/${what}) 2>&1 | grep -q permitted`)
      : await shell.run(`cat ${what} 2>&1 | grep -q permitted`);
  const both = async () => [(await isRefused(a)) === 0, (await isRefused(b)) === 0];
  expect(await both()).toEqual([true, true]);
  expect(policy.approvals.map(({ name }) => name)).toEqual(["go", "go"]);
  for (const { gate } of policy.approvals) engine.approve(session, gate, true);
  expect(await isRefused(a)).not.toBe(0);
  await Bun.sleep(1100);
  expect(await both()).toEqual([false, true]);
  for (const { gate } of policy.approvals) engine.approve(session, gate, false);
  expect(await both()).toEqual([true, true]);
  expect(() => engine.approve(session + 1, 0, true)).toThrow(/no such/);
  await shell.end();
});

/** Of the whole machine. */
function linkIds(): number[] {
  const run = Bun.spawnSync(["bpftool", "-j", "link", "list"]);
  const links = JSON.parse(run.stdout.toString() || "[]") as { id: number; pids?: unknown }[];
  return links.map(({ id }) => id);
}
