// What every route is given besides the request: the daemon, and who asks.

import type { Caller } from "../../runtime/caller.ts";
import type { Daemon } from "../../runtime/daemon.ts";
import type { Way } from "./identity.ts";

export interface Environment {
  Bindings: { readonly way: Way };
  Variables: { readonly caller: Caller };
}

/** What routes work on. */
export interface Served {
  readonly daemon: Daemon;
  readonly version: string;
  /** Set when we are about to end: long polls answer at once. */
  readonly stopping: AbortSignal;
  /** Ends the daemon, and with `all` the rules. */
  readonly stop: (how: { readonly all: boolean }) => void;
  /** A line for the log. */
  readonly log: (text: string) => void;
}
