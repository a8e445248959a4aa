// The journal of a run: whose it is, that it has an end, and that the last run has the name.

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import type { FeedbackRecord } from "../../src/runtime/feedback.ts";
import { Journal, JournalRefused, journalPath } from "../../src/runtime/journal.ts";
import { Story } from "./story.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);

let folder = "";
beforeEach(() => {
  folder = mkdtempSync("/tmp/actplane-journal-");
});
afterEach(() => rmSync(folder, { recursive: true }));

const head = { time: "t", command: ["make"], policy: "p", domain: "session", tier: "lsm" };
const user = { uid: 4711, gid: 4712 };
const open = (more: { bytesMax?: number } = {}, time = "t") =>
  new Journal({ folder: join(folder, "run"), ...user, ...more }, { ...head, time });
const path = () => journalPath(join(folder, "run"), user.uid);
const lines = () =>
  readFileSync(path(), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const story = new Story('rule r: block read "/**"');
story.match(10, "read", `/${"x".repeat(1000)}`);

function record(seq: number): FeedbackRecord {
  return { ...story.last, seq };
}

asRoot("a run's head, its records and its end", () => {
  const journal = open();
  journal.write(record(1));
  expect(lines().map(({ type }) => type)).toEqual(["journal", "match"]);
  journal.write(record(2));
  journal.end("later", 3);
  expect(lines()[0]).toEqual({ schema_version: 1, type: "journal", ...head, dropped: 0 });
  expect(lines().map(({ seq }) => seq)).toEqual([undefined, 1, 2, undefined]);
  expect(lines()[3]).toEqual({ schema_version: 1, type: "end", time: "later", exit_code: 3 });
});

asRoot("only root may write it, and only the user's group read it", () => {
  open();
  const { uid, gid, mode } = statSync(path());
  expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 0, gid: user.gid, mode: 0o640 });
  for (const each of ["run", "run/last"])
    expect(statSync(join(folder, each)).mode & 0o777).toBe(0o755);
});

asRoot("a narrow umask of the caller keeps nobody out", () => {
  const before = process.umask(0o077);
  try {
    open();
  } finally {
    process.umask(before);
  }
  expect(statSync(join(folder, "run/last")).mode & 0o777).toBe(0o755);
});

asRoot("a file has an end: the youngest stay, and how many went is said", () => {
  const bytesMax = 32 * 1024;
  const journal = open({ bytesMax });
  const records = 100;
  for (let seq = 1; seq <= records; seq++) {
    journal.write(record(seq));
    expect(statSync(path()).size).toBeLessThan(bytesMax + 4096);
  }
  const [first, ...rest] = lines();
  expect(rest.length).toBeGreaterThan(5);
  expect(first.dropped).toBe(records - rest.length);
  expect(rest.map(({ seq }) => seq)).toEqual(
    Array.from({ length: rest.length }, (_, i) => first.dropped + 1 + i),
  );
  expect(readdirSync(join(folder, "run/last"))).toEqual([`${user.uid}.jsonl`]);
});

asRoot("the name is that of the run that began last", () => {
  const bytesMax = 8 * 1024;
  const first = open({ bytesMax }, "first");
  const second = open({}, "second");
  second.write(record(1));
  for (let seq = 1; seq <= 50; seq++) first.write(record(seq));
  first.end("end", 0);
  expect(lines().map(({ type, seq }) => [type, seq])).toEqual([
    ["journal", undefined],
    ["match", 1],
  ]);
  expect(lines()[0].time).toBe("second");
});

asRoot("a folder that is not root's alone is not used", () => {
  mkdirSync(join(folder, "run"));
  chmodSync(join(folder, "run"), 0o777);
  expect(() => open()).toThrow(JournalRefused);
});

asRoot("a folder that is a link is not used", () => {
  mkdirSync(join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "run"));
  expect(() => open()).toThrow(JournalRefused);
  expect(readdirSync(join(folder, "elsewhere"))).toEqual([]);
});
