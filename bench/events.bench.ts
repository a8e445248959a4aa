// What an event costs in the kernel under few rules and under many, as a ratio: the same program under both policies, in
// turn, and the time the kernel says it spent in each of our programs (kernel.bpf_stats_enabled, set meanwhile).
//
//   bun bench/events.bench.ts           # smoke size, seconds; runs in the tests
//   bun bench/events.bench.ts --real    # a minute
//   bun bench/events.bench.ts --json    # one object, for a machine
//
// The rules are about programs, files and addresses, a third each; none of them matches what is done.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tool = join(import.meta.dir, "../dist/actplane");
const isReal = process.argv.includes("--real");
const rounds = isReal ? 15 : 3;
const scale = isReal ? 4 : 1;
const sizes = [10, 10_000] as const;
const statistics = "/proc/sys/kernel/bpf_stats_enabled";

const folder = mkdtempSync("/tmp/actplane-bench-");

function policy(count: number): string {
  const clauses = [
    (i: number) => `block exec "tool-${i}" "argument-${i}"`,
    (i: number) => `block read "**/secret-${i}"`,
    (i: number) => `block connect "10.${i >> 8}.${i & 255}.0/24:443"`,
  ];
  return Array.from(
    { length: count },
    (_, i) => `rule r${i}:\n  ${clauses[i % 3]?.(i)}\n  because "x"`,
  ).join("\n");
}

/** Says `done` and waits, so that the programs are still there to be asked. */
const work = `
import os, socket, subprocess, sys
for i in range(${1000 * scale}):
    os.close(os.open("/usr/share/doc", os.O_RDONLY)); os.close(os.open("/etc/passwd", os.O_RDONLY))
for i in range(${300 * scale}):
    s = socket.socket(); s.connect_ex(("127.0.0.1", 9)); s.close()
for i in range(${30 * scale}): subprocess.run(["/bin/true", "one", "two"])
print("done", flush=True); sys.stdin.read()`;

/** Nanoseconds that the kernel spent in each program, by its name. */
type Spent = ReadonlyMap<string, number>;

async function spent(count: number): Promise<Spent> {
  const command = [tool, "run", "--quiet", "--policy", join(folder, `${count}.policy`)];
  const run = Bun.spawn([...command, "--", "/usr/bin/python3", "-c", work], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await run.stdout.getReader().read();
  if (
    !Buffer.from(value ?? [])
      .toString()
      .startsWith("done")
  )
    throw new Error("the work ended early");
  const found = spentBy(run.pid);
  run.stdin.end();
  if ((await run.exited) !== 0) throw new Error(`exit code ${run.exitCode}`);
  return found;
}

/** From the descriptors that the tool holds. */
function spentBy(pid: number): Spent {
  const programs = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(info)?.[1];
    const id = field("prog_id");
    if (id === undefined || field("verified_insns") === undefined) continue;
    programs.set(nameOf(id), Number(field("run_time_ns")));
  }
  return programs;
}

const names = new Map<string, string>();

function nameOf(id: string): string {
  const known = names.get(id);
  if (known !== undefined) return known;
  const told = Bun.spawnSync(["/usr/sbin/bpftool", "-j", "prog", "show", "id", id]);
  const { name } = JSON.parse(told.stdout.toString()) as { name: string };
  names.set(id, name);
  return name;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

interface Result {
  readonly program: string;
  /** Many rules to few: the median of the pairs, and the least and the most. */
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
}

const statisticsBefore = readFileSync(statistics, "utf8");
try {
  for (const count of sizes) writeFileSync(join(folder, `${count}.policy`), policy(count));
  writeFileSync(statistics, "1");
  const [few, many] = sizes;
  const pairs: { few: Spent; many: Spent }[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = await spent(round % 2 === 0 ? few : many);
    const second = await spent(round % 2 === 0 ? many : few);
    pairs.push(round % 2 === 0 ? { few: first, many: second } : { few: second, many: first });
  }
  const programs = [...(pairs[0]?.few.keys() ?? [])].filter((name) =>
    pairs.every((pair) => (pair.few.get(name) ?? 0) > 100_000 && pair.many.has(name)),
  );
  const results: Result[] = programs.sort().map((program) => {
    const ratios = pairs.map(
      (pair) => (pair.many.get(program) ?? 0) / (pair.few.get(program) ?? 1),
    );
    return {
      program,
      ratio: median(ratios),
      ratioMin: Math.min(...ratios),
      ratioMax: Math.max(...ratios),
    };
  });
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ schema_version: 1, rounds, isReal, sizes, results }));
  } else {
    console.log(
      `time in the kernel, ${many} rules to ${few}, median of ${rounds} pairs (least to most)`,
    );
    for (const { program, ratio, ratioMin, ratioMax } of results)
      console.log(
        `${program.padEnd(24)} ${ratio.toFixed(2).padStart(5)} x (${ratioMin.toFixed(2)} to ${ratioMax.toFixed(2)})`,
      );
  }
} finally {
  writeFileSync(statistics, statisticsBefore);
  rmSync(folder, { recursive: true, force: true });
}
