// What is told of a match, to a person or a model.

import { describe, expect, test } from "bun:test";
import { renderFeedback } from "../../src/surface/text/feedback.ts";
import { addressBytes, encoded, Story } from "../runtime/story.ts";
import { expectGolden, expectHarmless, hostileName } from "./golden.ts";
import { agentAt, passedOn } from "./passed-on.ts";

function check(name: string, story: Story): void {
  const text = story.records.map((record) => `${renderFeedback(record)}\n`).join("\n");
  expectGolden(`feedback ${name}`, text);
  expectHarmless(text);
}

const push = `source AGENT = exec "claude"
rule no-push:
  block exec "git" "push" if AGENT unless approved "release"
  because "pushing needs a person"
  fix "open a pull request instead"`;

describe("what was done", () => {
  const outcomes = {
    refused: "refused before",
    "killed-before": "killed before its effect",
    "killed-after": "killed after its effect",
    observed: "not prevented",
  } as const;
  for (const [outcome, name] of Object.entries(outcomes)) {
    test(name, () => {
      const story = agentAt(push, "tracepoint");
      story.match(102, "exec", "/usr/bin/git", {
        argv: ["git", "push", "origin", "main"],
        labels: ["AGENT"],
        outcome: outcome as keyof typeof outcomes,
      });
      check(name, story);
    });
  }
  test("noticed", () => {
    const story = new Story('rule seen: notify read "/etc/passwd"');
    story.exec(10, "/bin/cat", ["cat"]);
    story.match(10, "read", "/etc/passwd", { outcome: "observed" });
    check("noticed", story);
  });
});

test("a secret on its way out", () => {
  const story = agentAt(`source AGENT = exec "claude"
source SECRET = file "**/.env"
rule no-exfiltration:
  kill connect "*" if AGENT and SECRET
  because "secrets stay here"`);
  const labels = ["AGENT", "SECRET"];
  story.exec(102, "/bin/curl", ["curl"], { labels: ["AGENT"] });
  story.tell(102, "label", { ops: 4, labels, first: encoded("/work/.env") });
  const address = addressBytes("tcp", "2001:db8:0:0:0:0:0:1", 443);
  story.match(102, "connect", address, { labels, outcome: "killed-before" });
  check("a secret on its way out", story);
});

test("a secret through a pipe and a file", () =>
  check("a secret through a pipe and a file", passedOn(1)));
test("a secret through many files", () => check("a secret through many files", passedOn(20)));

test("a script goes by its own name", () => {
  const story = new Story('source AGENT = exec "agent.sh"\nrule r: block exec "git" if AGENT');
  const bash = ["/bin/bash", "./agent.sh"];
  story.exec(10, "/usr/bin/bash", bash, { labels: ["AGENT"], script: 1 });
  story.fork(10, 11, { labels: ["AGENT"] });
  story.match(11, "exec", "/usr/bin/git", { argv: ["git", "push"], labels: ["AGENT"] });
  check("a script", story);
});

test("a file of which nobody knows from where it has its label", () => {
  const story = new Story('source SECRET = file "**/.env"\nrule r: block exec "git" if SECRET');
  story.exec(11, "/bin/sh", ["sh"]);
  const object = { kind: "file", inode: 2n, device: 1, generation: 0 } as const;
  story.tell(11, "label", { ops: 4, labels: ["SECRET"], first: encoded("/work/x"), object });
  story.match(11, "exec", "/usr/bin/git", { argv: ["git"], labels: ["SECRET"] });
  check("a file of which nobody knows", story);
});

describe("a gate", () => {
  const policy = `rule tested:
  block exec "git" "commit" unless after exec "npm" "test" exits 0 since write "src/**" within 30m
  because "only tested code is committed"`;
  const gate = (name: string, tell: (story: Story) => void) =>
    test(name, () => {
      const story = new Story(policy);
      story.exec(10, "/bin/sh", ["sh"]);
      tell(story);
      story.match(10, "exec", "/usr/bin/git", { argv: ["git", "commit"] });
      check(`a gate ${name}`, story);
    });
  const pass = (story: Story) => {
    story.gate(20, "gate-start");
    story.gate(20, "gate-open");
    story.exit(20);
  };
  gate("that never ran", () => {});
  gate("whose run is under way", (story) => story.gate(20, "gate-start"));
  gate("whose run failed", (story) => {
    story.gate(20, "gate-start");
    story.gate(20, "run-failed");
    story.exit(20, 1 << 8);
  });
  gate("that is stale", (story) => {
    pass(story);
    story.exec(30, "/usr/bin/vim", ["vim"]);
    story.gate(30, "gate-stale", { ops: 8, first: encoded("/work/src/main.c") });
  });
  gate("that was stale when its run ended", pass);
  gate("that is expired", (story) => {
    pass(story);
    story.later(31 * 60_000);
  });
});

test("several rules", () => {
  const story = new Story(`rule audit: notify write "/etc/**"
rule etc: block write "/etc/**" because "the system's"
rule shadow: kill write "/etc/shadow" because "never"`);
  story.match(10, "write", "/etc/shadow", { outcome: "killed-before", moreClauses: true });
  check("several rules", story);
});

test("the strict side", () => {
  const story = new Story('rule etc: block write "/etc/**"');
  story.match(10, "write", "", { strictPath: true });
  check("the strict side", story);
});

test("built-in protections", () => {
  const story = new Story('rule etc: block write "/etc/**"');
  story.exec(10, "/bin/sh", ["sh"]);
  for (const builtin of ["bpf", "signal", "trace", "nameless", "arguments"] as const) {
    const target =
      builtin === "bpf" ? "" : builtin === "nameless" ? "/memfd:x" : "/usr/bin/actplane";
    story.match(10, builtin === "nameless" ? "exec" : "signal", target, { clauses: [], builtin });
  }
  check("built-in protections", story);
});

test("hostile names", () => {
  const story = agentAt(`source AGENT = exec "claude"
rule r: block exec any if AGENT unless after exec "make" exits 0 since write "/src/**"`);
  story.exec(101, hostileName, [hostileName], { labels: ["AGENT"] });
  story.fork(101, 103, { labels: ["AGENT"] });
  story.gate(20, "gate-start");
  story.gate(20, "gate-open");
  story.exit(20);
  story.exec(30, hostileName, [hostileName]);
  story.gate(30, "gate-stale", { ops: 8, first: encoded(hostileName) });
  story.match(103, "exec", hostileName, {
    argv: [hostileName, hostileName],
    labels: ["AGENT"],
  });
  check("hostile names", story);
});

test("hostile words in the policy itself", () => {
  const words = "\u001b[31mred\u202e ".repeat(200);
  const story = new Story(
    `rule r: block write "/x/${words}" unless target "/y/${words}"\n  because "${words}" fix "${words}"`,
  );
  story.match(10, "write", "/x");
  check("hostile words in the policy", story);
});

test("names are cut in the text and whole in the record", () => {
  const story = new Story('rule r: block read "/**"');
  const long = `/${"x".repeat(4000)}`;
  story.match(10, "read", long);
  expect(story.last.target).toBe(long);
  expect(renderFeedback(story.last)).not.toContain(long);
});
