// Runs a command line as a user would, in a folder of its own, without a process.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cli } from "../../src/surface/cli.ts";
import type { Host } from "../../src/surface/host.ts";
import type { Io } from "../../src/surface/io.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Place {
  readonly folder: string;
  write(name: string, text: string | Uint8Array): void;
  run(
    argv: readonly string[],
    given?: {
      cwd?: string;
      stdin?: string;
      tty?: boolean;
      env?: Record<string, string>;
      host?: Partial<Host>;
    },
  ): Promise<Ran>;
  remove(): void;
}

/** Most commands under test need no kernel; one that asks for what a test did not give fails. */
const noHost: Partial<Host> = {};

export function makePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "actplane-test-"));
  return {
    folder,
    write(name, text) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    },
    async run(argv, given = {}) {
      let out = "";
      let err = "";
      const io: Io = {
        stdout: {
          write: (text) => {
            out += text;
          },
          isTTY: given.tty,
        },
        stderr: {
          write: (text) => {
            err += text;
          },
          isTTY: given.tty,
        },
        readStdin: async () => new TextEncoder().encode(given.stdin ?? ""),
        env: given.env ?? {},
        cwd: join(folder, given.cwd ?? ""),
      };
      const code = await cli(argv, io, { ...noHost, ...given.host } as Host);
      return { code, out, err };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
