// `actplane compile` from its arguments to its output.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IMAGE_MAGIC } from "../../src/ir/abi.ts";
import { type CompileArguments, compile } from "../../src/surface/commands/compile.ts";
import type { Io } from "../../src/surface/io.ts";

const cwd = mkdtempSync(join(tmpdir(), "actplane-compile-"));
afterAll(() => rmSync(cwd, { recursive: true }));

async function run(given: Partial<CompileArguments>, skipsHooks = false) {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    readStdin: () => Promise.resolve(new Uint8Array()),
    env: { NO_COLOR: "1" },
    cwd,
  };
  const code = await compile(
    io,
    { skipsHooks: async () => skipsHooks },
    { file: undefined, ...given },
  );
  return { code, stdout, stderr };
}

const rule = `
  source AGENT = exec "claude"
  rule no-push:
    block exec "git" "push" if AGENT unless after exec "make" "test" exits 0 since write "/w/src/**"
    block connect "*.example.com"
    because "open a pull request"`;

test("without questions it says how large the tables are", async () => {
  const { code, stdout, stderr } = await run({ rule });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^2 clauses, \d+ automata, [\d.]+ KiB, 1 not carried out as written\n$/);
  expect(stderr).toBe("");
});

test("--explain says what each clause became", async () => {
  const { stdout } = await run({ rule, explain: true });
  // Sizes follow the command table; the sentences do not.
  const sizes = /(?<=^(?:path|exec|args|endpoint) \d.*) {2,}[\d,.]+(?: KiB)?/gm;
  expect(stdout.replace(sizes, "  N").replace(/[\d.,]+ KiB/g, "N KiB")).toMatchSnapshot();
});

test("--explain and --json name what judges where the kernel skips programs of hooks", async () => {
  const given = { rule: 'rule r: block exec "git" because "y"' };
  const { stdout } = await run({ ...given, explain: true }, true);
  expect(stdout).toContain(
    "modify-return  blocked-before        first_bprm_check_security first_mmap_file\n",
  );
  expect(stdout).toContain(
    "  so kprobes (`first_`) judge, and 4 programs of the same hook (`take0_` to `take3_`) refuse\n",
  );
  expect(stdout).not.toContain("mod_");
  const { clauses } = JSON.parse((await run({ ...given, json: true }, true)).stdout);
  expect(clauses[0].tiers["modify-return"].programs).toEqual([
    "first_bprm_check_security",
    "take0_bprm_check_security",
    "take1_bprm_check_security",
    "take2_bprm_check_security",
    "take3_bprm_check_security",
    "first_mmap_file",
    "take0_mmap_file",
    "take1_mmap_file",
    "take2_mmap_file",
    "take3_mmap_file",
  ]);
  expect(clauses[0].tiers.lsm.programs).toEqual(["lsm_bprm_check_security", "lsm_mmap_file"]);
});

test("--dump prints the image", async () => {
  const { stdout } = await run({ rule: 'rule r: block read "**/.env" because "y"', dump: true });
  expect(stdout).toStartWith("image of ");
  expect(stdout).toContain("entry 0  clause 0  block  read\n");
});

test("--json tells sizes and findings in one value", async () => {
  const { stdout } = await run({ rule, json: true });
  const value = JSON.parse(stdout);
  expect(value.schema_version).toBe(1);
  expect(value.clauses.map((clause: { unsupported: string | null }) => clause.unsupported)).toEqual(
    [null, "host names are not resolved yet"],
  );
  expect(value.clauses[0].tiers.tracepoint).toEqual({
    kind: "killed-before-effect",
    reason: "the tracepoint tier cannot refuse `exec`; it kills before the effect",
    programs: ["trace_exec"],
  });
});

test("-o writes the words, little endian", async () => {
  const { code, stdout } = await run({ rule, output: "image.bin" });
  expect(code).toBe(0);
  expect(stdout).toBe("");
  const bytes = readFileSync(join(cwd, "image.bin"));
  expect(bytes.readUInt32LE(0)).toBe(IMAGE_MAGIC);
  expect(bytes.readUInt32LE(8) * 4).toBe(bytes.length);
});

test("a file that cannot be written is said so", async () => {
  const { code, stderr } = await run({ rule, output: "no/such/folder" });
  expect(code).toBe(1);
  expect(stderr).toBe("actplane compile: cannot write no/such/folder: there is no such folder\n");
});

test("errors are told and nothing is compiled", async () => {
  const { code, stdout, stderr } = await run({ rule: "rule r: block conect any" });
  expect(code).toBe(3);
  expect(stdout).toBe("");
  expect(stderr).toContain("conect");
});

test("a document's `commands:` reach the compiler", async () => {
  const document = (commands: string) =>
    `${commands}policy: |\n  rule r: block exec "terraform" "apply" because "x"\n`;
  const sizeOf = async (text: string) => {
    writeFileSync(join(cwd, "actplane.yaml"), text);
    const { stdout } = await run({ json: true, file: "actplane.yaml" });
    return JSON.parse(stdout).image_bytes;
  };
  // What they do to a command line is held in test/surface/run.test.ts and test/ir/commands.test.ts.
  expect(await sizeOf(document("commands: {terraform: [-chdir]}\n"))).not.toBe(
    await sizeOf(document("")),
  );
});
