// Which files are shown to the kernel half before a run, and where they are looked for.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { NameSearch } from "../../src/kernel/libbpf/names.ts";
import { placesOf, type SearchOptions, searchNames } from "../../src/kernel/second-names.ts";
import { compiledPolicy } from "../runtime/story.ts";

const folder = mkdtempSync("/tmp/actplane-names-");
const link = `${folder}-link`;
afterAll(() => {
  for (const path of [folder, link]) rmSync(path, { recursive: true, force: true });
});

const anyDepth = Number.POSITIVE_INFINITY;

function compiled(patterns: readonly string[], workspace = folder) {
  const clauses = patterns.map((pattern) => `  block read "${pattern}"\n`).join("");
  return compiledPolicy(`rule r:\n${clauses}`, workspace).compiled;
}

describe("places", () => {
  const check = (patterns: readonly string[], expected: readonly [string, number][]) =>
    test(patterns.join(" "), () => {
      const places = placesOf(compiled(patterns, "/w").files, "/w");
      expect(places.map(({ path, depth }) => [path, depth] as [string, number])).toEqual([
        ...expected,
      ]);
    });
  check(["/etc/shadow"], [["/etc/shadow", 0]]);
  check(["/etc/*.conf"], [["/etc", 1]]);
  check(["/home/*/.ssh/id_rsa"], [["/home", 3]]);
  check(["/etc/ssl/**"], [["/etc/ssl", anyDepth]]);
  check(["**/.env"], [["/w", anyDepth]]);
  check(["**/.claude/**"], [["/w", anyDepth]]);
  check(["/**"], [["/", anyDepth]]);
  check(["**/.env", "**/key"], [["/w", anyDepth]]);
  check(
    ["**/.env", "/etc/shadow"],
    [
      ["/etc/shadow", 0],
      ["/w", anyDepth],
    ],
  );
});

beforeAll(() => {
  mkdirSync(join(folder, "vault/deep"), { recursive: true });
  for (const name of ["vault/single", "vault/deep/double", "outside"])
    writeFileSync(join(folder, name), "");
  linkSync(join(folder, "vault/deep/double"), join(folder, "other"));
  Bun.spawnSync(["mkfifo", join(folder, "vault/pipe")]);
  symlinkSync(folder, link);
});

/** Without a kernel half. */
function filesOf(search: NameSearch): string[] {
  search.show(null, 1);
  return search.files;
}

/** The names below the folder that are found, of several names of a file every one. */
function namesOf(search: NameSearch): string[] {
  const inodes = new Set(filesOf(search).map((file) => file.split(":")[1]));
  const names = ["", ...readdirSync(folder, { recursive: true })].map(String);
  return names.filter((name) => inodes.has(String(lstatSync(join(folder, name)).ino))).sort();
}

function found(patterns: readonly string[], options: SearchOptions, workspace = folder): string[] {
  const placed = patterns.map((pattern) => pattern.replace("{}", folder));
  const search = searchNames(compiled(placed, workspace), options);
  search.wait();
  expect(search.isComplete).toBe(true);
  const names = namesOf(search);
  search.end();
  return names;
}

test("where hooks see every rename, files that rules name and that have several names", () => {
  const double = ["other", "vault/deep/double"];
  expect(found(["{}/vault/**"], { all: false })).toEqual(double);
  expect(found(["{}/vault/*"], { all: false })).toEqual([]);
  expect(found(["**/double"], { all: false })).toEqual(double);
  expect(found(["**/other.*"], { all: false })).toEqual([]);
  expect(found(["{}/other"], { all: false })).toEqual(double);
  expect(found(["{}/missing"], { all: false })).toEqual([]);
  expect(found(["{}/missing/**"], { all: false })).toEqual([]);
});

describe("elsewhere every file that rules name, and the folders that make it so", () => {
  const check = (pattern: string, ...names: string[]) =>
    test(pattern, () => expect(found([pattern], { all: true })).toEqual(names));
  const inVault = ["vault/deep", "vault/deep/double", "vault/single"];
  check("{}/vault/**", "other", "vault", ...inVault);
  check("{}/vault/*", "vault", "vault/deep", "vault/single");
  check("**/single", "vault/single");
  check("**/sing*", "vault/single");
  check("**/deep/**", "other", "vault/deep", "vault/deep/double");
  // What a folder of another name lies in may decide, too.
  check("**/d*/**", "", "other", "vault", "vault/deep", "vault/deep/double");
});

test("places are looked at by their real names, each once", () => {
  expect(found(["**/single"], { all: true }, link)).toEqual(["vault/single"]);
  const search = searchNames(compiled([`${folder}/**`, `${folder}/vault/**`]), { all: true });
  search.wait();
  const inodes = filesOf(search).map((file) => file.split(":")[1]);
  search.end();
  for (const name of ["outside", "vault/single"]) {
    const inode = String(lstatSync(join(folder, name)).ino);
    expect(inodes.filter((each) => each === inode)).toEqual([inode]);
  }
});

test("where rules may know files by another mount's path, all of them count", () => {
  // Of its file system the first mount of the whole is another one.
  const bound = join(folder, "bound");
  mkdirSync(bound);
  expect(Bun.spawnSync(["mount", "--bind", join(folder, "vault"), bound]).exitCode).toBe(0);
  try {
    expect(found(["{}/bound/nothing*", "**/single"], { all: true })).toContain("vault/single");
    const search = searchNames(compiled([`${folder}/bound/nothing*`]), { all: true });
    search.wait();
    expect(namesOf(search)).toContain("vault/single");
    search.end();
  } finally {
    expect(Bun.spawnSync(["umount", bound]).exitCode).toBe(0);
    rmSync(bound, { recursive: true });
  }
});

test("no more names are looked at than a start may wait for", () => {
  const isComplete = (most: number) => {
    const search = searchNames(compiled(["**/x"]), { all: false, most });
    search.wait();
    const { isComplete } = search;
    search.end();
    return isComplete;
  };
  expect(isComplete(3)).toBe(false);
  expect(isComplete(100)).toBe(true);
});

test("who waits patiently leaves the thread to others meanwhile", async () => {
  const crowd = join(folder, "crowd");
  mkdirSync(crowd);
  for (let i = 0; i < 4000; i++) writeFileSync(join(crowd, `${i}`), "");
  let turns = 0;
  const others = setInterval(() => {
    turns += 1;
  }, 1);
  const search = searchNames(compiled([`${crowd}/*`]), { all: false });
  await search.waitPatiently(10_000);
  expect(search.isComplete).toBe(true);
  search.end();
  expect(turns).toBeGreaterThan(0);
  clearInterval(others);
});

test("a search that nobody waits for ends by itself", () => {
  for (let i = 0; i < 20; i++) searchNames(compiled(["/**"]), { all: true }).end();
  const search = searchNames(compiled(["**/single"]), { all: true });
  search.wait();
  expect(namesOf(search)).toEqual(["vault/single"]);
  search.end();
});
