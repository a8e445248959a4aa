// One governed run: the order in which events become records.

import { expect, test } from "bun:test";
import { Story } from "./story.ts";

const policy = 'rule r: block exec "git" unless after exec "make"';

test("records are numbered from 1, without gaps, and only matches make them", () => {
  const story = new Story(policy);
  story.exec(10, "/bin/sh", ["sh"]);
  story.match(10, "exec", "/bin/git", { argv: ["git"] });
  story.fork(10, 11);
  story.match(11, "exec", "/bin/git", { argv: ["git"] });
  story.exit(11);
  expect(story.records.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(story.session.records).toBe(2);
});

test("a match without a clause is told by nobody, but for built-in protections", () => {
  const story = new Story(policy);
  story.match(10, "exec", "/bin/git", { clauses: [] });
  expect(story.records).toEqual([]);
  story.match(10, "exec", "/bin/git", { clauses: [], builtin: "nameless" });
  expect(story.records).toHaveLength(1);
});

test("a record tells the state before its own event, and after all earlier ones", () => {
  const story = new Story(policy);
  story.exec(10, "/bin/one", ["one"]);
  story.match(10, "exec", "/bin/git", { argv: ["git"] });
  story.exec(10, "/bin/two", ["two"]);
  story.match(10, "exec", "/bin/git", { argv: ["git"] });
  expect(story.records.map(({ process }) => process.exe)).toEqual(["/bin/one", "/bin/two"]);
});

test("a refused exec changes nothing of the process", () => {
  const story = new Story(policy);
  story.exec(10, "/bin/sh", ["sh"]);
  story.match(10, "exec", "/bin/git", { argv: ["git"] });
  expect(story.session.processes.get(10)?.program).toBe("/bin/sh");
});

test("a gate without `exits` is satisfied from its start", () => {
  const story = new Story(policy);
  story.gate(20, "gate-start");
  expect(story.session.gates.history(0)).toMatchObject({ running: false });
  expect(story.session.gates.history(0).satisfiedNs).not.toBeNull();
});

test("an event of a clause that the policy does not have is a fault of ours", () => {
  const story = new Story(policy);
  expect(() => story.match(10, "exec", "/bin/git", { clauses: [7] })).toThrow();
});

test("times are those of the kernel's clock", () => {
  const story = new Story(policy);
  story.later(3_600_000);
  story.match(10, "exec", "/bin/git");
  expect(story.last.time).toBe("2030-01-01T01:00:00.001Z");
});
