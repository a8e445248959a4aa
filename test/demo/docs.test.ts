// What the documents claim, held against the program: the policy of the README is the demo's, its table is what the
// tool computes, and the example of docs/feedback.md has the shape of a real record.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import { verdictOfOperation } from "../../src/kernel/verdicts.ts";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const isOperation = (word: string): word is OperationName => Object.hasOwn(operationBits, word);

test("the README shows the demo's policy", () => {
  expect(read("README.md")).toContain(`\`\`\`yaml\n${read("demo/project/actplane.yaml")}\`\`\``);
});

test("the README's table of tiers is what the tool computes", () => {
  const rows = [
    ...read("README.md").matchAll(/^\| ([a-z, ]+)[^|]* \| (\S+?) \| ([\w-]+)[^|]* \| (\S+) \|$/gm),
  ];
  const told = rows.flatMap(([, names = "", ...kinds]) =>
    names
      .trim()
      .split(", ")
      .filter(isOperation)
      .map((name) => [name, ...kinds] as const),
  );
  const computed = told.map(([name]) => [
    name,
    verdictOfOperation("block", name, "lsm").kind,
    verdictOfOperation("block", name, "tracepoint").kind,
    verdictOfOperation("kill", name, "tracepoint").kind,
  ]);
  expect(told.map(([name]) => name).sort()).toEqual(
    Object.keys(operationBits).sort() as OperationName[],
  );
  expect(told.map((row) => [...row])).toEqual(computed);
  expect(
    computed.map(
      ([name = ""]) => verdictOfOperation("block", name as OperationName, "modify-return").kind,
    ),
  ).toEqual(computed.map(([, kind]) => kind as ReturnType<typeof verdictOfOperation>["kind"]));
});

/** Names of all fields, those of objects inside and of the first element of lists included. */
function fieldsOf(value: unknown, at = ""): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : fieldsOf(value[0], `${at}[]`);
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    `${at}.${name}`,
    ...fieldsOf(inner, `${at}.${name}`),
  ]);
}

test("the example of docs/feedback.md has the fields of a real record", () => {
  const folder = mkdtempSync("/tmp/actplane-docs-");
  const script = `
    cp -r '${root}/demo/project/.' . && git init -q .
    printf '#!/bin/bash\\nmake -s test; echo >>src/greeting.py; exec 2>/dev/null; git commit -qam stale; true\\n' >agent.sh
    chmod +x agent.sh && exec '${root}/dist/actplane' run --json -- ./agent.sh`;
  const { stderr } = Bun.spawnSync(["/bin/bash", "-euc", script], {
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", HOME: folder },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  rmSync(folder, { recursive: true });
  const line = stderr
    .toString()
    .split("\n")
    .find((each) => each.includes('"type":"match"'));
  expect(line, stderr.toString()).toBeDefined();
  const example =
    /```json\n([^`]*(?:`[^`]+`[^`]*)*?)\n```/.exec(read("docs/feedback.md"))?.[1] ?? "";
  const [real, shown] = [JSON.parse(line ?? ""), JSON.parse(example)];
  expect(fieldsOf(shown).sort()).toEqual(fieldsOf(real).sort());
  expect(shown.gates[0].state).toBe(real.gates[0].state);
}, 60_000);
