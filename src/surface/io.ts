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
  /** All of standard input; of what is longer than `bytesMax`, some more than that. */
  readonly readStdin: (bytesMax?: number) => Promise<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export function processIo(): Io {
  tellLostOutput();
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin,
    env: process.env,
    cwd: process.cwd(),
  };
}

async function readStdin(bytesMax = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bytesMax) break;
  }
  return Buffer.concat(chunks);
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
