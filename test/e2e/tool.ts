// The compiled tool as the tests use it: where it is, one run of it, what it told.

import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dir, "../..");
export const tool = join(root, "dist/actplane");
export const probes = join(root, "build/test/probes");

/** On the file system that the caller of the tests asks for; removed by `clean`. */
export function scratchFolder(): string {
  return mkdtempSync(join(process.env.ACTPLANE_E2E_WORK ?? "/tmp", "actplane-e2e-"));
}

export function clean(folder: string): void {
  if (process.env.ACTPLANE_E2E_KEEP === undefined) rmSync(folder, { recursive: true, force: true });
}

export type Tier = "lsm" | "modify-return" | "tracepoint";

/** A line of `--events`. */
export interface EventLine {
  readonly type: string;
  readonly time: string;
  readonly pid: number;
  readonly parent: number;
  readonly ops: readonly string[];
  readonly target: string | null;
  readonly argv: readonly string[] | null;
  readonly labels: readonly string[];
  readonly gates: readonly number[];
  readonly effect: string;
  readonly outcome: string | null;
  readonly clauses: readonly number[];
  readonly status: number | null;
  readonly strict: string | null;
}

/** What `--json` told at the start and at the end, and of each match. */
export interface Told {
  readonly tier: Tier;
  readonly verdicts: readonly {
    rule: string;
    clause: number;
    kind: string;
    reason: string | null;
  }[];
  readonly matches: readonly { rule: { name: string }; verdict: string; target: string }[];
  readonly counters: Readonly<Record<string, number>>;
  readonly leftBehind: number;
  readonly notes: readonly string[];
}

export interface ToolRun {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly stdin?: Uint8Array;
  readonly environment?: Record<string, string>;
  readonly timeoutMs?: number;
  readonly command?: readonly string[];
  /** Is given its number when it has begun. */
  readonly meanwhile?: (pid: number) => Promise<void>;
}

/** Under TCG everything takes twenty times as long. */
export const patience = process.env.ACTPLANE_E2E_SLOW === undefined ? 1 : 10;

/** `actplane WORDS`; never longer than its time. */
export async function runTool(
  words: readonly string[],
  options: ToolOptions = {},
): Promise<ToolRun> {
  const started = performance.now();
  const child = Bun.spawn([...(options.command ?? [tool]), ...words], {
    cwd: options.cwd ?? "/",
    env: { ...process.env, NO_COLOR: "1", ...options.environment },
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: (options.timeoutMs ?? 20_000) * patience,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
    options.meanwhile?.(child.pid),
  ]);
  return {
    code: child.exitCode ?? -1,
    signal: child.signalCode === null ? null : `${child.signalCode}`,
    stdout,
    stderr,
    ms: performance.now() - started,
  };
}

export function toldBy(stderr: string): Told {
  const lines = stderr
    .split("\n")
    .filter((line) => line.startsWith('{"schema_version"'))
    .map((line) => JSON.parse(line));
  const start = lines.find(({ type }) => type === "start");
  const end = lines.find(({ type }) => type === "end");
  if (start === undefined || end === undefined) throw new Error(`the run told:\n${stderr}`);
  return {
    tier: start.tier,
    verdicts: start.verdicts,
    matches: lines.filter(({ type }) => type === "match"),
    counters: end.counters,
    leftBehind: end.left_behind,
    notes: lines.filter(({ type }) => type === "note").map(({ text }) => text),
  };
}

export function eventsIn(path: string): EventLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Compiles the C programs, where they are not yet. */
function buildProbes(): void {
  const built = Bun.spawnSync(["bash", join(root, "test/probes/build.sh")]);
  if (built.exitCode !== 0) throw new Error(built.stderr.toString());
}

/** Null: this machine can run the tool; else why not, which is also said. */
export function whyNot(): string | null {
  const reason = reasonAgainst();
  if (reason !== null) console.error(`e2e: skipped: ${reason}`);
  return reason;
}

function reasonAgainst(): string | null {
  if (process.geteuid?.() !== 0) return "loading programs into the kernel needs root";
  buildProbes();
  try {
    accessSync(tool, constants.X_OK);
  } catch {
    return "scripts/build.sh has not run";
  }
  return null;
}
