// `actplane stop`: the daemon ends and the rules go on; with --all the rules end as well, and nothing is left in
// the kernel, whether a daemon runs or not.

import { existsSync } from "node:fs";
import { EngineTaken } from "../../kernel/kernel.ts";
import { DaemonAnswers, type DaemonChoice, Undone, undoneTold } from "../daemon.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import { counted } from "../text/counted.ts";
import { printable } from "../text/printable.ts";

export interface StopArguments extends DaemonChoice {
  readonly all?: boolean;
  readonly kill?: boolean;
  readonly pins: string;
}

const lookMs = 20;
const patienceMs = 10_000;

export function stop(io: Io, host: Host, given: StopArguments): Promise<number> {
  return undoneTold(io, async () => {
    if (given.kill === true && given.all !== true)
      throw new Undone("--kill ends what is governed, so it goes with --all");
    const daemon = new DaemonAnswers(io, given);
    if (await daemon.isThere()) {
      await daemon.ask("POST", "/v1/stop", { all: given.all === true, kill: given.kill === true });
      await gone(daemon);
      io.stdout.write(given.all === true ? "stopped, and the rules with it\n" : "stopped\n");
      return 0;
    }
    if (given.all !== true)
      throw new Undone(
        `no daemon answers at ${printable(daemon.socket)}: there is nothing to stop`,
      );
    if (process.geteuid?.() !== 0) throw new Undone("ending rules needs root");
    io.stdout.write(`${await endPinned(host, given)}\n`);
    return 0;
  });
}

async function gone(daemon: DaemonAnswers): Promise<void> {
  for (let waitedMs = 0; await daemon.isThere(patienceMs); waitedMs += lookMs) {
    if (waitedMs > patienceMs) throw new Undone("the daemon was asked to stop and still answers");
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/** What a daemon that was killed left in force. */
async function endPinned(host: Host, { pins, kill }: StopArguments): Promise<string> {
  if (!existsSync(pins)) return "there are no rules";
  try {
    const engine = await host.openEngine({
      tier: null,
      ringBytes: 1 << 20,
      programs: "all",
      pins,
      onEvent: () => {},
    });
    const members = engine.members();
    for (const pid of kill === true ? members : []) endProcess(pid);
    await engine.close();
    const processes = counted(members.length, "process", "processes");
    const be = members.length === 1 ? "is" : "are";
    const what = kill === true ? "ended" : `${be} no longer governed`;
    return members.length === 0
      ? "the rules have ended"
      : `the rules have ended; ${processes} ${what}`;
  } catch (failure) {
    if (failure instanceof EngineTaken) return await endForeign(host, pins, kill === true);
    throw failure;
  }
}

/** Of another version, which we cannot read; a lock says whether a process of it still runs. */
async function endForeign(host: Host, pins: string, kill: boolean): Promise<string> {
  try {
    await host.removeEngine(pins);
  } catch (failure) {
    if (failure instanceof EngineTaken) throw new Undone(failure.message);
    throw failure;
  }
  const unkilled = kill ? "; whom they governed is not known, so nothing was killed" : "";
  return `the rules of another version of actplane have ended${unkilled}`;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
  }
}
