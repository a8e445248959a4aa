// The documents an author reads are true: their examples are policies, and every diagnostic is described
// and is produced by some test.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasErrors } from "../../src/base/diagnostic.ts";
import { checkDocument } from "../../src/dsl/domains.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { readDocument } from "../../src/dsl/yaml-document.ts";
import { brief, source } from "./support.ts";

const root = join(import.meta.dir, "../..");
const language = readFileSync(join(root, "docs/language.md"), "utf8");

describe("examples of docs/language.md", () => {
  for (const [index, text] of fenced("policy").entries()) {
    test(`policy ${index + 1}`, () => {
      expect(brief(loadPolicy(source(text)).diagnostics)).toEqual([]);
    });
  }
  for (const [index, text] of fenced("yaml").entries()) {
    test(`document ${index + 1}`, () => {
      const { value, diagnostics } = readDocument(source(text, "actplane.yaml"));
      expect(hasErrors(diagnostics)).toBe(false);
      expect(brief([...diagnostics, ...checkDocument(value)])).toEqual([]);
    });
  }
});

function fenced(tag: string): string[] {
  return [...language.matchAll(new RegExp(`^\`\`\`${tag}\n(.*?)^\`\`\``, "gms"))].map(
    ([, text]) => text ?? "",
  );
}

describe("diagnostics", () => {
  const sources = texts(join(root, "src"), /\.ts$/);
  const codes = [
    ...new Set(sources.flatMap((text) => text.match(/(?<=")[LPCDXT]\d{3}(?=")/g) ?? [])),
  ].sort();
  const described =
    readFileSync(join(root, "docs/diagnostics.md"), "utf8").match(/(?<=^### )\w+$/gm) ?? [];

  test("every code is described, and no other", () => expect([...described].sort()).toEqual(codes));
  test("every code of the front end is produced by a test", () => {
    const tests = [
      ...texts(join(root, "test/dsl"), /\.(txt|ts)$/),
      ...texts(join(root, "test/surface"), /\.ts$/),
      ...texts(join(root, "test/runtime"), /\.ts$/),
    ].join("\n");
    const own = codes.filter((code) => !code.startsWith("X"));
    expect(
      own.filter(
        (code) => !tests.includes(`[${code}]`) && !new RegExp(`["\` ]${code}\\b`).test(tests),
      ),
    ).toEqual([]);
  });
});

/** The texts of all files below `folder` whose name matches. */
function texts(folder: string, name: RegExp): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name) && entry.name !== "docs.test.ts")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}
