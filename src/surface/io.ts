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

/** The streams are made when they are first asked for: each takes a millisecond, and a quiet `run` writes to neither. */
export function processIo(): Io {
  let stdout: Output | null = null;
  let stderr: Output | null = null;
  return {
    get stdout() {
      stdout ??= standardOutput();
      return stdout;
    },
    get stderr() {
      stderr ??= standardError();
      return stderr;
    },
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

// Without a listener for their errors the runtime prints our source.

/** What was asked for and cannot be delivered is a failure. */
function standardOutput(): Output {
  return process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(readerGone);
    standardError().write(`actplane: cannot write to standard output: ${reasonOf(error)}\n`);
    process.exit(outputLost);
  });
}

/** Where it takes nothing, nobody is left to tell, and what `run` has started goes on. */
function standardError(): Output {
  return process.stderr.on("error", () => {});
}
