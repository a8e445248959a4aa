// What a command is kept from where no hook could refuse it: io_uring and bpf(2), in every way of calling them.

import { expect, test } from "bun:test";
import { constants } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { bun } from "./compile.ts";

const { EPERM } = constants.errno;
const isX64 = process.arch === "x64";
const [ioUringSetup, ioUringEnter, bpf, getpid, readv, writev] = isX64
  ? [425, 426, 321, 39, 310, 311]
  : [425, 426, 280, 172, 270, 271];
const x32 = 0x40000000;

async function answers(
  ...numbers: readonly number[]
): Promise<{ before: number[]; after: number[] }> {
  return await $`${bun} ${join(import.meta.dir, "fixtures/confine.ts")} ${numbers}`.json();
}

// Without root a filter needs no_new_privs, which would take sudo from the command.
const asRoot = test.skipIf(process.geteuid?.() !== 0);

asRoot(
  "io_uring_setup, bpf and the memory of others are refused, and nothing else is",
  async () => {
    const { before, after } = await answers(ioUringSetup, bpf, readv, writev, ioUringEnter, getpid);
    expect(before[0]).not.toBe(EPERM);
    expect(after.slice(0, 4)).toEqual([EPERM, EPERM, EPERM, EPERM]);
    expect(after.slice(4)).toEqual(before.slice(4));
  },
);

if (isX64)
  asRoot("nor by the numbers of x32 programs", async () =>
    expect((await answers(x32 + ioUringSetup, x32 + bpf)).after).toEqual([EPERM, EPERM]),
  );
