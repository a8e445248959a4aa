// Which files are shown to the kernel half before a run, and where they are looked for.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  placesOf,
  type ShowOptions,
  showNamedFiles,
  showPatiently,
} from "../../src/kernel/second-names.ts";
import { compiledPolicy } from "../runtime/story.ts";

const folder = mkdtempSync("/tmp/actplane-names-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function globsOf(pattern: string) {
  return compiledPolicy(`rule r:\n  block read "${pattern}"`).compiled.files;
}

describe("places", () => {
  const check = (pattern: string, path: string, depth: number, name: string | null) =>
    test(pattern, () =>
      expect(
        placesOf(globsOf(pattern), "/w").map((place) => [
          place.path,
          place.depth,
          place.lastNames && [...place.lastNames].join(),
        ]),
      ).toEqual([[path, depth, name]]),
    );
  check("/etc/shadow", "/etc/shadow", 0, null);
  check("/etc/*.conf", "/etc", 1, null);
  check("/home/*/.ssh/id_rsa", "/home", 3, "id_rsa");
  check("/etc/ssl/**", "/etc/ssl", Number.POSITIVE_INFINITY, null);
  check("**/.env", "/w", Number.POSITIVE_INFINITY, ".env");
  check("**/.claude/**", "/w", Number.POSITIVE_INFINITY, null);
  check("/**", "/", Number.POSITIVE_INFINITY, null);
});

test("equal places are looked at once, by all their names", () =>
  expect(
    placesOf([...globsOf("**/.env"), ...globsOf("**/key")], "/w").map(({ path, lastNames }) => [
      path,
      [...(lastNames ?? [])],
    ]),
  ).toEqual([["/w", [".env", "key"]]]));

beforeAll(() => {
  mkdirSync(join(folder, "vault/deep"), { recursive: true });
  for (const name of ["vault/single", "vault/deep/double", "outside"])
    writeFileSync(join(folder, name), "");
  linkSync(join(folder, "vault/deep/double"), join(folder, "other"));
  Bun.spawnSync(["mkfifo", join(folder, "vault/pipe")]);
});

const ways = {
  "at once": async (options: ShowOptions) => showNamedFiles(options),
  patiently: showPatiently,
};

describe.each(Object.entries(ways))("%s", (_, look) => {
  /** The names that are shown, below the folder. */
  async function shown(pattern: string, all: boolean): Promise<string[]> {
    const names: string[] = [];
    const isComplete = await look({
      globs: globsOf(pattern.replace("{}", folder)),
      workspace: folder,
      all,
      show: (fd) => void names.push(readlinkSync(`/proc/self/fd/${fd}`).slice(folder.length + 1)),
    });
    expect(isComplete).toBe(true);
    return names.sort();
  }

  test("files with several names are shown, and where names are all there is every file and folder", async () => {
    expect(await shown("{}/vault/**", false)).toEqual(["vault/deep/double"]);
    expect(await shown("{}/vault/**", true)).toEqual([
      "vault",
      "vault/deep",
      "vault/deep/double",
      "vault/single",
    ]);
    expect(await shown("{}/vault/*", false)).toEqual([]);
    expect(await shown("**/double", false)).toEqual(["vault/deep/double"]);
    expect(await shown("**/single", true)).toEqual(["vault/single"]);
    expect(await shown("{}/other", false)).toEqual(["other"]);
    expect(await shown("{}/missing", false)).toEqual([]);
  });

  test("no more names are looked at than a start may wait for", async () => {
    const most = (most: number) =>
      look({ globs: globsOf("**/x"), workspace: folder, all: false, show: () => {}, most });
    expect(await most(3)).toBe(false);
    expect(await most(100)).toBe(true);
  });
});

test("who looks patiently leaves the thread to others meanwhile", async () => {
  const crowd = join(folder, "crowd");
  mkdirSync(crowd);
  for (let i = 0; i < 400; i++) writeFileSync(join(crowd, `${i}`), "");
  let turns = 0;
  const others = setInterval(() => {
    turns += 1;
  }, 1);
  const options = { globs: globsOf(`${crowd}/*`), workspace: folder, all: false, show: () => {} };
  expect(await showPatiently(options)).toBe(true);
  expect(turns).toBeGreaterThan(0);
  turns = 0;
  expect(showNamedFiles(options)).toBe(true);
  expect(turns).toBe(0);
  clearInterval(others);
});
