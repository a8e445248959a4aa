// What a command may touch of the world: its streams, its environment, where it runs. `main.ts`
// gives the real ones; a test gives its own.

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
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: () => Bun.stdin.bytes(),
    env: process.env,
    cwd: process.cwd(),
  };
}
