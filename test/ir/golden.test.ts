// Images as people read them: a policy and the dump of its image in one file beside the policy.
// UPDATE_GOLDEN=1 writes them anew; the diff is the review.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dumpImage } from "../../src/ir/dump.ts";
import { compileText } from "./support.ts";

const folder = join(import.meta.dir, "golden");

describe("golden", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".policy"))) {
    test(file.replace(/\.\w+$/, "").replaceAll("-", " "), () => check(file));
  }
});

function check(file: string): void {
  const source = readFileSync(join(folder, file), "utf8");
  const compiled = compileText(source);
  const text = `${source}${"-".repeat(80)}\n${dumpImage(compiled.image, compiled)}`;
  const golden = join(folder, `${file}.txt`);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, text);
  expect(text).toBe(existsSync(golden) ? readFileSync(golden, "utf8") : "");
}
