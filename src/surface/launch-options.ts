// Whom a command is run as and with which environment: who called sudo, as if they had started it themselves.

import type { LaunchOptions } from "../kernel/launch.ts";
import { environmentBeforeSudo, environmentFor, type User } from "../kernel/user.ts";
import type { Io } from "./io.ts";

export function launchOf(
  io: Io,
  user: User | null,
  argv: readonly string[],
): Omit<LaunchOptions, "inheritance"> {
  const environment =
    user === null
      ? definedOf(io.env)
      : io.env.SUDO_UID === String(user.uid)
        ? environmentBeforeSudo(io.env, user)
        : environmentFor(io.env, user);
  return { argv, environment, cwd: io.cwd, identity: user };
}

function definedOf(env: Io["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
