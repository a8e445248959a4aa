// What an author reads, for every kind of fault: the source and the rendered findings together in one
// file beside the source. UPDATE_GOLDEN=1 writes them anew; the diff is the review.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasErrors } from "../../src/base/diagnostic.ts";
import { inTextOrder } from "../../src/dsl/check.ts";
import { decodeSource } from "../../src/dsl/decode.ts";
import { checkDocument } from "../../src/dsl/domains.ts";
import { readPolicyFile } from "../../src/dsl/policy-file.ts";
import { renderDiagnostics } from "../../src/surface/text/diagnostic.ts";

const folder = join(import.meta.dir, "golden");

describe("golden", () => {
  for (const file of readdirSync(folder).filter((name) => !name.endsWith(".txt"))) {
    test(file.replace(/\.\w+$/, "").replaceAll("-", " "), () => check(file));
  }
});

async function check(file: string): Promise<void> {
  const bytes = readFileSync(join(folder, file));
  const text = `${bytes.toString()}\n${"-".repeat(80)}\n${(await findings(file, bytes)) || "nothing to say\n"}`;
  const golden = join(folder, `${file}.txt`);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, text);
  expect(text).toBe(existsSync(golden) ? readFileSync(golden, "utf8") : "");
}

async function findings(file: string, bytes: Uint8Array): Promise<string> {
  const decoded = decodeSource(file, bytes);
  if (hasErrors(decoded.diagnostics)) return renderDiagnostics(decoded.diagnostics);
  const read = await readPolicyFile(decoded.value);
  return renderDiagnostics(inTextOrder([...read.diagnostics, ...checkDocument(read.value)]));
}
