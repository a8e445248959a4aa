// A governed process that does what the test tells it, one operation at a time, for as long as the test needs it.

import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { patience, probes, tool } from "./tool.ts";

export interface KernelObjects {
  readonly programs: ReadonlyMap<number, { readonly verifiedInstructions: number | null }>;
  readonly maps: readonly number[];
  readonly links: readonly number[];
}

export class Held {
  #seen = 0;

  private constructor(
    readonly child: Bun.Subprocess,
    private readonly folder: string,
    /** A pipe of our own: it outlives the tool. */
    private readonly inputFd: number,
  ) {}

  /** `actplane run FLAGS -- act converse`, and its first word. `folder` takes its output. */
  static async start(folder: string, flags: readonly string[]): Promise<Held> {
    const own = mkdtempSync(join(folder, "held-"));
    const fifo = join(own, "stdin");
    Bun.spawnSync(["mkfifo", fifo]);
    const both = openSync(fifo, "r+"); // with it, neither of the others has to wait for its peer
    const readFd = openSync(fifo, "r");
    const inputFd = openSync(fifo, "w");
    closeSync(both);
    const child = Bun.spawn([tool, "run", ...flags, "--", join(probes, "act"), "converse"], {
      cwd: own, // `act` leaves what it heard there
      env: { ...process.env, NO_COLOR: "1" },
      stdin: readFd,
      stdout: Bun.file(join(own, "stdout")),
      stderr: Bun.file(join(own, "stderr")),
    });
    closeSync(readFd);
    const held = new Held(child, own, inputFd);
    await held.see(/^ready\n/);
    return held;
  }

  get pid(): number {
    return this.child.pid;
  }

  get stderr(): string {
    return readFileSync(join(this.folder, "stderr"), "utf8");
  }

  /** The exit code of `act WORDS` in a child of the governed process. */
  async act(...words: readonly string[]): Promise<number> {
    writeSync(this.inputFd, `${words.join(" ")}\n`);
    return Number(await this.see(/^(\d+)\n/));
  }

  /** Waits for it in what came since the last time. */
  async see(pattern: RegExp): Promise<string> {
    let found: RegExpExecArray | null = null;
    await until(`${pattern} of the governed process`, () => {
      found = pattern.exec(readFileSync(join(this.folder, "stdout"), "utf8").slice(this.#seen));
      if (found === null && this.child.exitCode !== null && this.child.exitCode !== 0)
        throw new Error(`the tool ended with ${this.child.exitCode}: ${this.stderr}`);
      return found !== null;
    });
    const [whole, group] = found as unknown as RegExpExecArray;
    this.#seen += whole.length;
    return group ?? "";
  }

  seeStderr(pattern: RegExp): Promise<void> {
    return until(`${pattern} on stderr`, () => pattern.test(this.stderr));
  }

  /** Ends the governed process by the end of its input. The tool's exit code. */
  async end(): Promise<number> {
    this.hangUp();
    return await this.child.exited;
  }

  /** The governed process ends by the end of its input; nobody waits for it. */
  hangUp(): void {
    closeSync(this.inputFd);
  }

  /** What the tool holds in the kernel, by the ids of its descriptors: nobody else's are among them. */
  objects(): KernelObjects {
    return objectsOf(this.pid);
  }
}

export function objectsOf(pid: number): KernelObjects {
  const programs = new Map<number, { verifiedInstructions: number | null }>();
  const maps: number[] = [];
  const links: number[] = [];
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8");
    } catch {
      continue;
    }
    const number = (name: string) => {
      const value = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1];
      return value === undefined ? null : Number(value);
    };
    const [link, map, program] = [number("link_id"), number("map_id"), number("prog_id")];
    if (link !== null) links.push(link);
    else if (map !== null) maps.push(map);
    else if (program !== null)
      programs.set(program, { verifiedInstructions: number("verified_insns") });
  }
  return { programs, maps, links };
}

/** Which of them the kernel still has. */
export function stillThere({ programs, maps, links }: KernelObjects): string[] {
  return [...known("prog", [...programs.keys()]), ...known("map", maps), ...known("link", links)];
}

function known(kind: string, ids: readonly number[]): string[] {
  const listed = new Set(listOf(kind).map(({ id }) => id));
  return ids.filter((id) => listed.has(id)).map((id) => `${kind} ${id}`);
}

/** Names of programs by id. */
export function programNames(): Map<number, string> {
  return new Map(listOf("prog").map(({ id, name }) => [id, name ?? ""]));
}

/** How many elements the only one of the maps `ids` with that name has. */
export function elementsOf(ids: readonly number[], name: string): number {
  const id = listOf("map").find((map) => map.name === name && ids.includes(map.id))?.id;
  const run = Bun.spawnSync(["bpftool", "-j", "map", "dump", "id", `${id}`]);
  if (run.exitCode !== 0) throw new Error(`bpftool map dump id ${id}: ${run.stderr}${run.stdout}`);
  return (JSON.parse(run.stdout.toString()) as unknown[]).length;
}

function listOf(kind: string): { id: number; name?: string }[] {
  const run = Bun.spawnSync(["bpftool", "-j", kind, "list"]);
  if (run.exitCode !== 0) throw new Error(`bpftool ${kind} list: ${run.stderr}${run.stdout}`);
  return JSON.parse(run.stdout.toString() || "[]");
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000 * patience;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(5 * patience);
  }
}
