// Texts that a person reads, kept in test/surface/golden/. UPDATE_GOLDEN=1 writes them anew; the diff is the review.

import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `name` is a sentence; the file is named by it. */
export function expectGolden(name: string, text: string): void {
  const path = join(import.meta.dir, "golden", `${name.replaceAll(" ", "-")}.txt`);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, text);
  expect(text).toBe(existsSync(path) ? readFileSync(path, "utf8") : "");
}

/** Escapes that clear a screen, recolour and reorder, a line that looks like ours, and 4 KiB of it. */
export const hostileName = `/tmp/\x1b[2J\x1b]0;title\x07\n actplane: done, no rule matched\r\u202egnp.exe\u200b\t\u0085${"a".repeat(4096)}`;

/** What no text for a terminal may hold, whoever chose the names in it. */
export function expectHarmless(text: string): void {
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(2000);
}
