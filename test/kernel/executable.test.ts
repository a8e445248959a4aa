// What a compiled executable must not do in a folder that belongs to somebody else, such as an agent's checkout: run or
// read anything there. Each test shows first that it can tell, on an executable built without the precaution.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { bun, compiledBpf, root } from "./compile.ts";

setDefaultTimeout(60_000);

const fixtures = join(import.meta.dir, "fixtures");
const executable = join(root, "dist/actplane");
const flags = readFileSync(join(root, "scripts/build.sh"), "utf8").match(
  /--no-compile-autoload-\w+/g,
);

let folder = "";
let marker = "";
beforeAll(async () => {
  await compiledBpf("probe");
  folder = mkdtempSync(join(tmpdir(), "actplane-hostile-"));
  marker = join(folder, "executed");
  const evil = `require("fs").appendFileSync(${JSON.stringify(marker)}, process.argv.join(" ") + "\\n");`;
  await Bun.write(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  await Bun.write(join(folder, "evil.ts"), evil);
  await Bun.write(join(folder, ".env"), "FROM_DOTENV=read\n");
  await Bun.write(join(folder, "kernel/doorbell.worker.js"), evil);
  await Bun.write(join(folder, "kernel/doorbell.worker.ts"), evil);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles a fixture, with the doorbell as in the executable. */
async function compiled(name: string, buildFlags: readonly string[]): Promise<string> {
  const target = join(root, "build/test", `${name}-${buildFlags.length}`);
  const main = join(fixtures, `${name}.ts`);
  const worker = join(root, "src/kernel/doorbell.worker.ts");
  const format = ["--format=esm", "--splitting", "--root", join(root, "src")];
  await $`${bun} build --compile ${buildFlags} ${format} ${main} ${worker} --outfile ${target}`.quiet();
  return target;
}

/** The lines that evil.ts left since the last time. */
function executed(): string[] {
  if (!existsSync(marker)) return [];
  const lines = readFileSync(marker, "utf8").trimEnd().split("\n");
  rmSync(marker);
  return lines;
}

test("the build has both flags", () => {
  expect(flags).toEqual(["--no-compile-autoload-bunfig", "--no-compile-autoload-dotenv"]);
});

test("without the flags bunfig.toml and .env of the current folder are taken", async () => {
  const careless = await compiled("environment", []);
  expect(await $`${careless}`.cwd(folder).text()).toBe("read\n");
  expect(executed().length).toBe(1);
});

test("with the flags they are not", async () => {
  const careful = await compiled("environment", flags!);
  expect(await $`${careful}`.cwd(folder).text()).toBe("none\n");
  expect(executed()).toEqual([]);
});

test("the executable runs nothing of the current folder", async () => {
  await $`${executable} --help`.cwd(folder).quiet();
  await $`${executable} __launch </dev/null`.cwd(folder).nothrow().quiet();
  await $`${executable} __guardian </dev/null`.cwd(folder).nothrow().quiet();
  expect(executed()).toEqual([]);
});

test("a worker of the current folder is not taken for ours, and no library is unpacked", async () => {
  const ring = await compiled("ring", flags!);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const object = join(root, "build/test/probe.bpf.o");
  const out = await $`${ring} ${object}`.cwd(folder).env({ TMPDIR: temporary }).text();
  expect(out).toBe("ring 0\nring 1\nring 2\nclosed\n");
  expect(executed()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test("BUN_OPTIONS reaches neither the launcher nor the command's start, only the command", async () => {
  const options = `--preload ${join(folder, "evil.ts")}`;
  const run = $`${bun} ${join(fixtures, "run.ts")} printenv BUN_OPTIONS`;
  expect(await run.env({ ...process.env, BUN_OPTIONS: options }).text()).toBe(`${options}\n`);
  // Ourselves it does reach, before any of our code: so the executable is never setuid, and sudo drops the variable.
  const lines = executed();
  expect(lines.length).toBe(1);
  expect(lines[0]).not.toContain("__launch");
});
