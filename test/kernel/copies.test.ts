// What the kernel's counts of skipped programs mean where there are several of one body.

import { expect, test } from "bun:test";
import { skippedOf } from "../../src/kernel/engine/copies.ts";

function check(what: string, misses: Readonly<Record<string, bigint>>, expected: bigint): void {
  test(what, () => expect(skippedOf(new Map(Object.entries(misses)))).toBe(expected));
}

check("programs without copies", { any_fork: 2n, trace_exec: 3n }, 5n);
check("what one copy saw was seen", { any_fork: 2n, "any_fork-1": 0n, trace_exec: 3n }, 3n);
check(
  "all of them were skipped at most as often as the one that was least often",
  {
    any_fork: 9n,
    "any_fork-1": 4n,
    "any_fork-2": 1n,
  },
  1n,
);
check(
  "hooks are counted by their programs",
  {
    first_file_open: 1n,
    take0_file_open: 9n,
    take1_file_open: 4n,
    mod_path_link: 7n,
  },
  7n,
);
