// How a verb comes to the command line.

import type { Command } from "commander";
import type { Host } from "./host.ts";
import type { Io } from "./io.ts";

/** Yields the exit code. */
export type Finish = (code: number) => void;

/** Declares one verb, and hands its options to the work that is imported when it is used. */
export type Register = (program: Command, io: Io, finish: Finish, host: Host) => void;
