// What a command may touch of the world: its streams, its environment, where it runs. `main.ts`
// gives the real ones; a test gives its own.

import { reasonOf } from "./text/failure.ts";

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Columns, where it is a terminal. */
  readonly columns?: number | undefined;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** All of standard input. */
  readonly readStdin: () => Promise<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export function processIo(): Io {
  tellLostOutput();
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: () => Bun.stdin.bytes(),
    env: process.env,
    cwd: process.cwd(),
  };
}

/** As of a program that SIGPIPE ended: the reader has what it wanted. */
const readerGone = 141;
const outputLost = 1;

/**
 * Without a listener the runtime prints our source. What was asked for and cannot be delivered is a failure; where
 * standard error takes nothing, nobody is left to tell, and what `run` has started goes on.
 */
function tellLostOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(readerGone);
    process.stderr.write(`actplane: cannot write to standard output: ${reasonOf(error)}\n`);
    process.exit(outputLost);
  });
  process.stderr.on("error", () => {});
}
