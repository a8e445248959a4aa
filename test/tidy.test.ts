// House rules that a machine can read: which folder may import which, what no file may contain, how every file begins.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { $ } from "bun";

const root = join(import.meta.dir, "..");
// New files count before they are committed.
const listed = await $`git ls-files --cached --others --exclude-standard`.cwd(root).text();
const files = listed.split("\n").filter((path) => path !== "" && isThere(path));
const sources = files.filter((path) => /^src\/.*\.ts$/.test(path) && !path.endsWith(".d.ts"));

function isThere(path: string): boolean {
  return Bun.file(join(root, path)).size > 0;
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Breaches as one text, so that a failure names each of them. */
function expectNone(breaches: readonly string[]): void {
  expect(breaches.join("\n")).toBe("");
}

// -- imports --------------------------------------------------------------------------------------------------------

const entryPoints = ["src/main.ts", ...sources.filter((path) => path.endsWith(".worker.ts"))];

/** What `path` imports, types included: files of src by their path from the root, packages by their name. */
function importsOf(path: string): string[] {
  const code = read(path).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, "");
  const names = [...code.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    (match) => match[1] as string,
  );
  return names.map((name) => (name.startsWith(".") ? normalize(join(dirname(path), name)) : name));
}

const imports = new Map(sources.map((path) => [path, importsOf(path)]));

/** `kernel` of `src/kernel/libbpf/map.ts`; empty for `src/main.ts` and other files beside it. */
function folderOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? "";
}

/** Every import that `isBreach` finds wrong, as `importer imports imported`. */
function breaches(isBreach: (importer: string, imported: string) => boolean): string[] {
  return [...imports].flatMap(([importer, all]) =>
    all
      .filter((imported) => isBreach(importer, imported))
      .map((imported) => `${importer} imports ${imported}`),
  );
}

test("a folder of src imports only from itself and folders that sort before it", () => {
  // The files beside main.ts come last: they see all, and nobody sees them.
  const reachesForward = (importer: string, imported: string) =>
    imported.startsWith("src/") &&
    folderOf(importer) !== "" &&
    (folderOf(imported) === "" || folderOf(imported) > folderOf(importer));
  expectNone(breaches(reachesForward));
});

test("only the files beside main.ts import the live kernel", () => {
  const importsLive = (importer: string, imported: string) =>
    imported === "src/kernel/live.ts" && folderOf(importer) !== "";
  expectNone(breaches(importsLive));
});

test("bun:ffi stays in kernel, hono in surface/http", () => {
  const ffi = (importer: string, imported: string) =>
    imported === "bun:ffi" && folderOf(importer) !== "kernel";
  const hono = (importer: string, imported: string) =>
    /^@?hono\b/.test(imported) && !importer.startsWith("src/surface/http/");
  expectNone([...breaches(ffi), ...breaches(hono)]);
});

/** What `path` imports before it runs; with `isLater` what it imports when it wants. Types are neither. */
function valuesOf(path: string, isLater: boolean): string[] {
  const code = read(path).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, "");
  const pattern = isLater
    ? /\bimport\(\s*"([^"]+)"/g
    : /^(?:import|export)(?! type\b)[^"';]*"([^"]+)"/gm;
  return [...code.matchAll(pattern)].map(([, name = ""]) =>
    name.startsWith(".") ? normalize(join(dirname(path), name)) : name,
  );
}

test("arktype, which takes long to import, is imported by these few and only when they need it", () => {
  const now = new Map(sources.map((path) => [path, valuesOf(path, false)]));
  const isSlow = (path: string, seen = new Set<string>()): boolean => {
    if (seen.has(path)) return false;
    seen.add(path);
    const all = now.get(path) ?? [];
    return all.some((each) => each.startsWith("arktype") || isSlow(each, seen));
  };
  expectNone(entryPoints.filter((path) => isSlow(path)));
  const later = sources.flatMap((path) =>
    valuesOf(path, true)
      .filter((each) => isSlow(each))
      .map((each) => `${path} imports ${each}`),
  );
  expect(later).toEqual([
    "src/surface/cli.ts imports src/surface/commands/hooks.ts",
    "src/surface/commands/explain.ts imports src/surface/explained-file.ts",
    "src/surface/commands/why.ts imports src/runtime/trace-line.ts",
    "src/surface/http/routes/questions.ts imports src/runtime/trace-line.ts",
  ]);
});

test("every imported file of src is there", () => {
  const isMissing = (_: string, imported: string) =>
    imported.startsWith("src/") && !sources.includes(imported);
  expectNone(breaches(isMissing));
});

test("no file imports itself by way of others", () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const imported of imports.get(path) ?? []) visit(imported, [...trail, path]);
    done.add(path);
  };
  for (const path of sources) visit(path, []);
  expectNone(cycles);
});

test("every file of src is reached from main.ts or a worker", () => {
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const imported of imports.get(path) ?? []) visit(imported);
  };
  for (const path of entryPoints) visit(path);
  expectNone(sources.filter((path) => !reached.has(path)));
});

// -- texts ----------------------------------------------------------------------------------------------------------

const code = files.filter((path) => /\.(?:ts|sh|c|h|py)$/.test(path) || path === ".ci/run");

test("every file starts by saying what it is", () => {
  const start = /^(?:#!.*\n)?(?:\/\/|\/\*|#|""")\s*\S/;
  // A licence line comes before it in bpf/, as the kernel wants it.
  const withoutLicence = (text: string) =>
    text.replace(/^(?:\/\/|\/\*) SPDX-License-Identifier:.*\n/, "");
  expectNone(code.filter((path) => !start.test(withoutLicence(read(path)))));
});

test("no marker for later and no test switched off or singled out", () => {
  const self = "test/tidy.test.ts";
  const forbidden = /\b(?:TODO|FIXME|XXX|HACK)\b|\.(?:only|skip)\(/;
  const found = code
    .filter((path) => path !== self)
    .flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, index) =>
          forbidden.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
        ),
    );
  expectNone(found);
});
