// `actplane exec --domain D -- CMD`: a command as a member of a domain from its first instruction, in this terminal.

import { takeInheritance } from "../../kernel/inheritance.ts";
import { attendTerminal } from "../../kernel/jobcontrol.ts";
import { exitCodeOf, LaunchCode, startLauncher } from "../../kernel/launch.ts";
import { seesKernelPids } from "../../kernel/pid-namespace.ts";
import { findUser, sudoUser, type User } from "../../kernel/user.ts";
import { DaemonAnswers, type DaemonChoice, Undone, undoneTold } from "../daemon.ts";
import type { Io } from "../io.ts";
import { launchOf } from "../launch-options.ts";
import { printable } from "../text/printable.ts";

export interface ExecArguments extends DaemonChoice {
  readonly domain: string;
  readonly user?: string;
  readonly command: readonly string[];
}

/** The exit code is the command's, or 125 where it was not started. */
export function exec(io: Io, given: ExecArguments): Promise<number> {
  return undoneTold(io, () => start(io, given), LaunchCode.failed);
}

async function start(io: Io, given: ExecArguments): Promise<number> {
  if (given.command.length === 0)
    throw new Undone("no command was given: `actplane exec --domain ID -- command [arguments]`");
  const inheritance = takeInheritance();
  if (!seesKernelPids())
    throw new Undone("in this pid namespace processes have other numbers than the daemon knows");
  const daemon = new DaemonAnswers(io, given);
  const { tier } = await daemon.ask<{ readonly tier: string }>("GET", "/version");
  const launch = await startLauncher({
    ...launchOf(io, userOf(io, given.user), given.command),
    inheritance,
  });
  try {
    const path = `/v1/domains/${encodeURIComponent(given.domain)}/processes`;
    await daemon.ask("POST", path, { pid: launch.pid });
  } catch (failure) {
    launch.cancel();
    await launch.ended;
    throw failure;
  }
  const ignoreTerminal = attendTerminal(launch.pid);
  // A member that is not root was kept from the same calls when it was begun, and so is what it starts.
  launch.release({ confined: tier === "tracepoint" && process.geteuid?.() === 0 });
  const end = await launch.ended;
  ignoreTerminal();
  return exitCodeOf(end);
}

function userOf(io: Io, name: string | undefined): User | null {
  if (name === undefined) return sudoUser(io.env);
  const user = findUser(name);
  if (user === null) throw new Undone(`there is no user \`${printable(name)}\` on this machine`);
  return user;
}
