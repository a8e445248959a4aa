// The two small processes beside this one, launcher and guardian: a program of their own (packaging/attendants), so that
// they are there at once and hold little memory. Each took 10 ms of a processor as long as it was this program again.

import { readFileSync } from "node:fs";
import embedded from "../../build/attendants" with { type: "file" };
import { type OwnedBytes, ownedCopy } from "../base/bytes.ts";
import { checked, close, libc, sealedFile } from "./libc.ts";

export type Attendant = "__launch" | "__guardian";

/** Where it finds its pipes; of the launcher, inherited descriptors follow from `first` on, in order. */
export const attendantFds = { orders: 3, answers: 4, first: 5 } as const;

/** The environment that it starts with: nothing. The caller's belongs to a user who may be less than we are. */
export const attendantEnvironment: Record<string, string> = {};

let file: number | null = null;

/** For Bun.spawn with so many descriptors; the first word is the file, `argv0` what is shown for it. */
export function attendantCommand(
  part: Attendant,
  descriptors: number,
): { cmd: string[]; argv0: string } {
  // From memory that nobody can change, and above the numbers that the child's descriptors get.
  const F_DUPFD_CLOEXEC = 1030;
  file ??= sealedFile("actplane-attendants", readFileSync(embedded));
  if (file < descriptors) {
    const above = checked("fcntl", libc.fcntl(file, F_DUPFD_CLOEXEC, descriptors));
    close(file);
    file = above;
  }
  return { cmd: [`/proc/self/fd/${file}`, part], argv0: "actplane" };
}

/** Words of 32 bits, as an attendant reads them. */
export function wordsOf(...values: readonly number[]): OwnedBytes {
  return ownedCopy(new Uint8Array(Uint32Array.from(values).buffer));
}
