// The record of a match, for every kind of clause and condition.

import { describe, expect, test } from "bun:test";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import { addressBytes, Story } from "./story.ts";

const agent = 'source AGENT = exec "claude"\n';

describe("what was done, by effect and outcome", () => {
  const check = (
    effect: string,
    outcome: "observed" | "refused" | "killed-before" | "killed-after",
    verdict: string,
  ) =>
    test(`${effect}, ${outcome}: ${verdict}`, () => {
      const story = new Story(
        `rule r: ${effect} read "/etc/passwd" because "b" fix "f"`,
        "tracepoint",
      );
      story.match(10, "read", "/etc/passwd", { outcome });
      expect(story.last).toMatchObject({
        schema_version: 1,
        seq: 1,
        time: "2030-01-01T00:00:00.001Z",
        domain: "session",
        tier: "tracepoint",
        effect,
        verdict,
        op: "read",
        target: "/etc/passwd",
        argv: null,
        because: "b",
        fix: "f",
        builtin: null,
        matched_more: false,
        strict: null,
        retry_useful: false,
      } as object);
    });
  check("notify", "observed", "observed");
  check("block", "refused", "blocked-before");
  check("block", "killed-before", "killed-before-effect");
  check("kill", "killed-before", "killed-before-effect");
  check("kill", "killed-after", "killed-after");
  check("block", "observed", "unenforceable");
});

describe("every operation has its word and its target", () => {
  const files = [
    "open",
    "read",
    "write",
    "create",
    "unlink",
    "rename",
    "link",
    "metadata",
    "truncate",
    "mount",
  ] as const;
  for (const op of files)
    test(op, () => {
      const story = new Story(`rule r: block ${op} "/srv/**"`);
      story.match(10, op, "/srv/x");
      expect(story.last).toMatchObject({ op, target: "/srv/x", argv: null });
    });
  for (const op of ["connect", "bind", "send", "recv"] as const)
    test(op, () => {
      const story = new Story(`rule r: block ${op} "10.0.0.0/8"`);
      story.match(10, op, addressBytes("tcp", "10.1.2.3", 443));
      expect(story.last).toMatchObject({ op, target: "tcp://10.1.2.3:443" });
    });
  for (const op of ["signal", "ptrace"] as const)
    test(op, () => {
      const story = new Story(`rule r: block ${op} exec "sshd"`);
      story.match(10, op, "/usr/sbin/sshd", { strictArgs: true });
      expect(story.last).toMatchObject({ op, target: "/usr/sbin/sshd", argv: null, strict: null });
    });
  test("exec", () => {
    const story = new Story('rule r: block exec "git" "push"');
    story.match(10, "exec", "/usr/bin/git", { argv: ["git", "push", "origin main"] });
    expect(story.last).toMatchObject({
      op: "exec",
      target: "/usr/bin/git push origin main",
      argv: ["git", "push", "origin main"],
    });
  });
  test("exec of a program without a name goes by argv[0]", () => {
    const story = new Story("rule r: block exec any");
    story.match(10, "exec", "", { argv: ["./gone", "-x"] });
    expect(story.last.target).toBe("./gone -x");
  });
});

describe("of several clauses", () => {
  const policy =
    'rule a: notify write "/srv/**" because "a"\nrule b: kill write "/srv/x" because "b"\nrule c: block write "/srv/*" because "c"';
  test("the strongest is the rule, and all are named with their places", () => {
    const story = new Story(policy);
    story.match(10, "write", "/srv/x", { outcome: "killed-before" });
    expect(story.last).toMatchObject({
      because: "b",
      effect: "kill",
      rule: { name: "b", clause: 'kill write "/srv/x"', file: "test.policy", line: 2, column: 9 },
    });
    expect(story.last.matched.map(({ name, effect }) => `${name} ${effect}`)).toEqual([
      "a notify",
      "b kill",
      "c block",
    ]);
  });
  test("only those of the event", () => {
    const story = new Story(policy);
    story.match(10, "write", "/srv/x", { clauses: [2] });
    expect(story.last.matched.map(({ name }) => name)).toEqual(["c"]);
  });
  test("more than the event can name", () => {
    const story = new Story(policy);
    story.match(10, "write", "/srv/x", { moreClauses: true });
    expect(story.last.matched_more).toBe(true);
  });
});

describe("the strict side is said", () => {
  test("of a path", () => {
    const story = new Story('rule r: block write "/srv/**"');
    story.match(10, "write", "", { strictPath: true });
    expect(story.last.strict).toContain("path");
    expect(story.last.target).toBe("");
  });
  const args = (policy: string) => {
    const story = new Story(policy);
    story.match(10, "exec", "/bin/git", { argv: ["git"], strictArgs: true });
    return story.last.strict;
  };
  test("of arguments", () =>
    expect(args('rule r: block exec "git" "push"')).toContain("arguments"));
  test("but not where no rule asks for arguments", () =>
    expect(args('rule r: block exec "git"')).toBeNull());
});

describe("where labels come from", () => {
  const policy = `${agent}source SECRET = file "/etc/secret"\nsource NET = endpoint "10.0.0.0/8"\nrule r: block connect any if AGENT and SECRET or NET`;
  const story = () => {
    const told = new Story(policy);
    told.exec(10, "/usr/bin/claude", ["claude"], { labels: ["AGENT"] });
    told.fork(10, 11, { labels: ["AGENT"] });
    told.exec(11, "/bin/cat", ["cat"], { labels: ["AGENT"] });
    told.tell(11, "label", {
      ops: 4,
      labels: ["AGENT", "SECRET"],
      first: new TextEncoder().encode("/etc/secret"),
    });
    return told;
  };
  test("exec by an ancestor, and a read of its own", () => {
    const told = story();
    told.match(11, "connect", addressBytes("tcp", "1.1.1.1", 80), { labels: ["AGENT", "SECRET"] });
    expect(told.last.labels).toEqual(["AGENT", "SECRET"]);
    expect(told.last.provenance).toMatchObject([
      {
        label: "AGENT",
        how: "exec",
        what: "/usr/bin/claude",
        pid: 10,
        exe: "/usr/bin/claude",
        time: "2030-01-01T00:00:00.001Z",
      },
      {
        label: "SECRET",
        how: "read",
        what: "/etc/secret",
        pid: 11,
        exe: "/bin/cat",
        time: "2030-01-01T00:00:00.004Z",
      },
    ]);
    expect(told.last.process).toMatchObject({ pid: 11, exe: "/bin/cat", argv: ["cat"], uid: 1000 });
    expect(told.last.process.ancestry).toEqual([
      { pid: 10, exe: "/usr/bin/claude", script: null, argv: ["claude"] },
    ]);
  });
  test("the very operation that matched", () => {
    const told = story();
    told.match(10, "connect", addressBytes("tcp", "10.9.9.9", 80), { labels: ["AGENT", "NET"] });
    expect(told.last.provenance[1]).toMatchObject({
      label: "NET",
      how: "connect",
      what: "tcp://10.9.9.9:80",
      pid: 10,
    });
  });
  test("labels that no matching rule asks for have no origin told", () => {
    const told = new Story(
      `${agent}rule other: notify exec "x" if AGENT\nrule r: block write "/x"`,
    );
    told.exec(10, "/usr/bin/claude", ["claude"], { labels: ["AGENT"] });
    told.match(10, "write", "/x", { labels: ["AGENT"], clauses: [1] });
    expect(told.last).toMatchObject({ labels: ["AGENT"], provenance: [] });
  });
  test("a process that nothing is known of", () => {
    const told = new Story(policy);
    told.match(77, "connect", addressBytes("tcp", "1.1.1.1", 80), { labels: ["AGENT"] });
    expect(told.last.process).toEqual({
      pid: 77,
      exe: "",
      script: null,
      argv: [],
      uid: 1000,
      ancestry: [],
    });
  });
});

describe("what would make it pass", () => {
  const check = (unless: string, expected: readonly string[], op = 'exec "git" "push"') =>
    test(unless || "nothing", () => {
      const story = new Story(`rule r: block ${op}${unless === "" ? "" : ` unless ${unless}`}`);
      story.match(10, op.split(" ")[0] as OperationName, "/x", { argv: ["x"] });
      expect(story.last.satisfy).toEqual([...expected]);
    });
  check("", []);
  check('target "/work/**"', ['choose a target that matches "/work/**"'], "write any");
  check('target not "/work/**"', ['choose a target that is none of "/work/**"'], "write any");
  check('lineage-includes exec "make"', ['do it from a process that `exec "make"` started']);
  check('approved "release"', ['ask the operator to approve "release"']);
  check('after exec "npm" "test"', ['first do `exec "npm" "test"`']);
  check('after exec "npm" "test" exits 0 since write "src/**" or unlink "src/**" within 30m', [
    'first do `exec "npm" "test"` and let it end with exit code 0; then do it before any `write "src/**"` or `unlink "src/**"`; it counts for 30m',
  ]);
  check('approved "a" or lineage-includes exec "make"', [
    'ask the operator to approve "a"',
    'do it from a process that `exec "make"` started',
  ]);
});

describe("what would make it pass, of labels", () => {
  const check = (name: string, clause: string, expected: readonly string[], more = "") =>
    test(name, () => {
      const story = new Story(
        `source A = file "/a"\nsource B = exec "b"\n${more}\nrule r: block connect any if ${clause}`,
      );
      story.exec(10, "/bin/sh", ["sh"]);
      story.fork(10, 11);
      story.tell(11, "label", { ops: 4, first: new TextEncoder().encode("/a"), labels: ["A"] });
      story.match(11, "connect", addressBytes("tcp", "10.0.0.1", 1), { labels: ["A"] });
      expect(story.last.satisfy).toEqual([...expected]);
    });
  const unread = 'do it from a process that has not read "/a"; "/bin/sh" (pid 10) has not';
  check("one that was read", "A", [unread]);
  check("one of two that are both needed", "A and not B", [
    unread,
    'do it from what `exec "b"` starts, which has B',
  ]);
  check("one that does not decide", "A or true", []);
  check("one whose absence is asked for", "not B", [
    'do it from what `exec "b"` starts, which has B',
  ]);
  check(
    "one that a program gives",
    "not C",
    ['do it from what `exec "review" "--all"` starts, which has C'],
    'endorse C by exec "review" "--all"',
  );
  check(
    "one that an operator gives",
    "not C",
    ['ask the operator to approve "release"'],
    'source C = approval "release"',
  );
  check(
    "one that a file or an address gives",
    "not C",
    [
      'do it from a process that has read `file "/c/**"`, which gives C',
      'do it from a process that has reached `endpoint "10.1."`, which gives C',
    ],
    'source C = file "/c/**"\nsource C = endpoint "10.1."',
  );
  check(
    "one that a program takes away",
    "A",
    [
      unread,
      'do it from a process that has read only what `exec "clean"` wrote, which is without A',
    ],
    'declassify A by exec "clean"',
  );
  test("one of two rules that both refuse does not", () => {
    const story = new Story(
      'source A = file "/a"\nrule r: block connect any if A\nrule s: block connect any',
    );
    story.tell(11, "label", { ops: 4, first: new TextEncoder().encode("/a"), labels: ["A"] });
    story.match(11, "connect", addressBytes("tcp", "10.0.0.1", 1), { labels: ["A"] });
    expect(story.last.satisfy).toEqual([]);
  });
});

describe("gates", () => {
  const policy =
    'rule r: block exec "git" "commit" unless after exec "npm" "test" exits 0 since write "/src/**" within 1m';
  const gateAfter = (tell: (story: Story) => void) => {
    const story = new Story(policy);
    tell(story);
    story.match(10, "exec", "/usr/bin/git", { argv: ["git", "commit"] });
    return { gate: story.last.gates[0], retry: story.last.retry_useful };
  };
  const passed = (story: Story) => {
    story.gate(20, "gate-start");
    story.gate(20, "gate-open");
    story.exit(20);
  };
  test("never ran", () =>
    expect(gateAfter(() => {})).toEqual({
      gate: {
        event: 'exec "npm" "test" exits 0',
        state: "never-ran",
        ran_at: null,
        ran_by: null,
        exit_status: null,
        stale_since: null,
        stale_by: null,
      },
      retry: false,
    }));
  test("running: repeating it later is useful", () =>
    expect(gateAfter((story) => story.gate(20, "gate-start"))).toMatchObject({
      gate: { state: "running", ran_at: "2030-01-01T00:00:00.001Z" },
      retry: true,
    }));
  const failing = (status: number) =>
    gateAfter((story) => {
      story.gate(20, "gate-start");
      story.gate(20, "run-failed");
      story.exit(20, status);
    }).gate;
  test("failed with an exit code", () =>
    expect(failing(3 << 8)).toMatchObject({ state: "failed", exit_status: 3 }));
  test("failed by a signal", () =>
    expect(failing(9)).toMatchObject({ state: "failed", exit_status: 137 }));
  test("stale, by whom and since when", () =>
    expect(
      gateAfter((story) => {
        passed(story);
        story.exec(30, "/usr/bin/vim", ["vim"]);
        story.gate(30, "gate-stale", { ops: 8, first: new TextEncoder().encode("/src/a.c") });
      }).gate,
    ).toMatchObject({
      state: "stale",
      ran_at: "2030-01-01T00:00:00.001Z",
      stale_since: "2030-01-01T00:00:00.005Z",
      stale_by: { what: "/src/a.c", how: "change", pid: 30, exe: "/usr/bin/vim" },
    }));
  const staleHow = (ops: number) =>
    gateAfter((story) => {
      passed(story);
      story.gate(30, "gate-stale", { ops, first: new TextEncoder().encode("/usr/bin/vim") });
    }).gate?.stale_by?.how;
  test("stale because a program ran", () => expect(staleHow(operationBits.exec)).toBe("exec"));
  test("stale because a file was read", () =>
    expect(staleHow(operationBits.open | operationBits.read)).toBe("read"));
  test("stale by what happened while it ran", () =>
    expect(gateAfter(passed).gate).toMatchObject({
      state: "stale",
      stale_since: null,
      stale_by: null,
    }));
  test("expired", () =>
    expect(
      gateAfter((story) => {
        passed(story);
        story.later(60_000);
      }).gate,
    ).toMatchObject({ state: "expired" }));
});

describe("built-in protections", () => {
  const check = (builtin: "bpf" | "signal" | "trace" | "nameless" | "arguments", op: string) =>
    test(builtin, () => {
      const story = new Story('rule r: block exec "git"');
      story.match(10, "exec", "/memfd:x", { argv: ["x"], clauses: [], builtin });
      expect(story.last).toMatchObject({
        builtin,
        op,
        effect: "block",
        verdict: "blocked-before",
        satisfy: [],
        gates: [],
        rule: { file: "", line: 0, column: 0 },
      });
      expect(story.last.matched).toEqual([story.last.rule]);
      expect(story.last.because).not.toBeNull();
    });
  check("bpf", "bpf");
  check("signal", "signal");
  check("trace", "ptrace");
  check("nameless", "exec");
  check("arguments", "exec");
});
