// Processes become members of a domain: attached as they run, or launched into it. What an attached process did
// before nobody saw, so the answer lists what it holds.

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Engine } from "../kernel/kernel.ts";
import { exitCodeOf, type Launch, type LaunchOptions, startLauncher } from "../kernel/launch.ts";
import type { Caller } from "./caller.ts";
import { requireOperator } from "./caller.ts";
import type { Control } from "./control.ts";
import { Refusal } from "./refusal.ts";
import { type DomainState, type Registry, withDescendants } from "./registry.ts";

/** What attaching cannot know, in the words of the answer. */
export interface Unknown {
  readonly kind: "history" | "descriptor" | "mapping";
  /** The file or other object; null of `history`. */
  readonly what: string | null;
  readonly text: string;
}

export interface Attached {
  readonly pid: number;
  /** What is governed with it from now on: the process and everything it started. */
  readonly members: readonly number[];
  readonly unknown: readonly Unknown[];
  /** Of descriptors and mappings more than can be listed. */
  readonly more: number;
}

/** Descriptors and mappings that an answer lists. */
const listedMax = 256;

export interface LaunchRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: LaunchOptions["identity"];
  /** A file that takes what the command writes, appended; null: nothing does. */
  readonly output: string | null;
}

export interface Launched {
  readonly pid: number;
}

export interface MembershipOptions {
  readonly engine: () => Engine;
  readonly registry: Registry;
  readonly control: Control;
}

export class Membership {
  /** Those whose commands have not ended. */
  readonly #launches = new Set<Launch>();

  constructor(private readonly options: MembershipOptions) {}

  /** The process is governed by the domain from its next operation on. */
  attach(caller: Caller, id: string, pid: number): Attached {
    const { control } = this.options;
    const engine = this.options.engine();
    const domain = control.existing(id);
    this.#requireMayAttach(caller, domain, pid);
    const { unknown, more } = unknownOf(pid);
    try {
      engine.admit(pid, domain.number);
    } catch (failure) {
      throw new Refusal("process-elsewhere", `process ${pid} cannot be attached: ${failure}`);
    }
    if (startOf(pid) === null)
      throw new Refusal("process-not-there", `process ${pid} ended while it was attached`);
    const members = engine.members(domain.number);
    control.audit.note(caller, "process-attached", domain, { pid, members: members.length });
    return { pid, members, unknown, more };
  }

  /**
   * An operator attaches what is not governed, and moves within a session. A member moves what is in its own domain
   * further down, where at least the same rules hold.
   */
  #requireMayAttach(caller: Caller, domain: DomainState, pid: number): void {
    const { registry } = this.options;
    const engine = this.options.engine();
    if (startOf(pid) === null) throw new Refusal("process-not-there", `there is no process ${pid}`);
    if (pid === process.pid || pid === 1)
      throw new Refusal("not-allowed", `process ${pid} is what the rules depend on`);
    const number = engine.domainOf(pid);
    const current = number === null ? null : registry.byNumber(number);
    if (number !== null && current?.session !== domain.session)
      throw new Refusal("process-elsewhere", `process ${pid} is governed by another session`);
    if (caller.kind === "operator") return;
    const isOwn = caller.kind === "member" && current?.id === caller.domain;
    if (!isOwn || !isBelow(domain, current))
      throw new Refusal(
        "not-allowed",
        "a member attaches processes of its own domain to children of it",
      );
  }

  /** SIGKILL to every member of the domain and of those below it, until there is none. */
  async killAll(caller: Caller, id: string): Promise<void> {
    requireOperator(caller, "kill its processes");
    const { control } = this.options;
    const domain = control.existing(id);
    const engine = this.options.engine();
    const membersNow = () =>
      withDescendants(domain).flatMap(({ number }) => engine.members(number));
    const killed = new Set<number>();
    // A process that forks while it is killed leaves a child, which is a member as well.
    for (let round = 0; round < killRoundsMax; round++) {
      const members = membersNow();
      if (members.length === 0) break;
      for (const pid of members) {
        killed.add(pid);
        endProcess(pid);
      }
      await new Promise((resolve) => setTimeout(resolve, killRoundMs));
    }
    control.audit.note(caller, "processes-killed", domain, { count: killed.size });
  }

  /** The command is governed from its first instruction. */
  async launch(caller: Caller, id: string, request: LaunchRequest): Promise<Launched> {
    requireOperator(caller, "have the daemon launch commands; a member attaches its own process");
    const { control } = this.options;
    const engine = this.options.engine();
    const domain = control.existing(id);
    const streams = openStreams(request.output);
    try {
      const launch = await startLauncher({
        argv: request.argv,
        environment: request.environment,
        cwd: request.cwd,
        identity: request.identity,
        inheritance: { descriptors: [], ignoredSignals: [], openFilesSoft },
        streams: [streams.input, streams.output, streams.output],
      });
      engine.admit(launch.pid, domain.number);
      launch.release({ confined: engine.tier === "tracepoint" });
      control.audit.note(caller, "process-launched", domain, {
        pid: launch.pid,
        argv: request.argv.slice(0, 64),
        uid: request.identity?.uid ?? 0,
      });
      this.#launches.add(launch);
      void launch.ended.then((end) => {
        if (!this.#launches.delete(launch)) return;
        control.audit.note(null, "process-ended", domain, {
          pid: launch.pid,
          exit_code: exitCodeOf(end),
        });
      });
      return { pid: launch.pid };
    } catch (failure) {
      throw new Refusal("launch-failed", `the command was not started: ${messageOf(failure)}`);
    } finally {
      closeSync(streams.input);
      closeSync(streams.output);
    }
  }

  /** We end, and the commands that were launched go on; how they end is not told any more. */
  leaveLaunched(): void {
    for (const launch of this.#launches) launch.leave();
    this.#launches.clear();
  }
}

const killRoundsMax = 200;
const killRoundMs = 10;

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
  }
}

/** What a service manager gives its services. */
const openFilesSoft = 1024;

function openStreams(output: string | null): { input: number; output: number } {
  const input = openSync("/dev/null", "r");
  try {
    return { input, output: openSync(output ?? "/dev/null", "a", 0o600) };
  } catch (failure) {
    closeSync(input);
    throw new Refusal("launch-failed", `the output file cannot be opened: ${messageOf(failure)}`);
  }
}

function isBelow(domain: DomainState, above: DomainState | null): boolean {
  for (let at: DomainState | null = domain; at !== null; at = at.parent)
    if (at === above) return true;
  return false;
}

/** When a process started, in clock ticks since boot: with its number it names the process. Null: it is not there. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Everything that a process holds and that was not seen coming. */
export function unknownOf(pid: number): { unknown: Unknown[]; more: number } {
  const history: Unknown = {
    kind: "history",
    what: null,
    text: "what it read, ran and was sent before is not known: it carries no labels, and gates count from now",
  };
  const descriptors = descriptorsOf(pid).map(
    ([fd, what]): Unknown => ({
      kind: "descriptor",
      what,
      text: `descriptor ${fd} was open already: its opening was not judged`,
    }),
  );
  const mappings = mappingsOf(pid).map(
    (what): Unknown => ({
      kind: "mapping",
      what,
      text: "mapped already: what it reads and writes there is not seen",
    }),
  );
  const held = [...descriptors, ...mappings];
  return {
    unknown: [history, ...held.slice(0, listedMax)],
    more: Math.max(0, held.length - listedMax),
  };
}

function descriptorsOf(pid: number): [fd: string, what: string][] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd): [string, string][] => {
      try {
        return [[fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Files that are mapped and shared, so that storing to memory writes to them. */
function mappingsOf(pid: number): string[] {
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
    const shared = maps
      .split("\n")
      .flatMap((line) => /^\S+ \S{3}s \S+ \S+ \S+ +(.+)$/.exec(line)?.[1] ?? []);
    return [...new Set(shared)];
  } catch {
    return [];
  }
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
