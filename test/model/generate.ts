// Random policies as text and random traces as lines, over one small vocabulary, so that
// patterns, labels and gates meet each other often. What shrinks is what a person then reads.

import fc from "fast-check";
import { type Command, parseCommand } from "./script.ts";

export const places = { workspace: "/w", home: "/h" };

const pick = (...words: string[]) => fc.constantFrom(...words);
const quoted = (arbitrary: fc.Arbitrary<string>) => arbitrary.map((text) => JSON.stringify(text));
const seldom = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2, nil: null });
const words = (...parts: fc.Arbitrary<string | null>[]) =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== null && text !== "").join(" "));

// ---- policies ----

const label = pick("A", "B", "C");

const filePattern = quoted(
  pick(
    ".env",
    "/w/.env",
    "src/**",
    "**/.env",
    "**/*.ts",
    "out/*",
    "/w/src/?.ts",
    "src/{a,b}.ts",
    "/w/src/[a-c].ts",
    "~/.ssh/**",
    "**",
    "src/**/x",
    "/w/**/a.ts",
    "{/tmp,out}/**",
    "*",
  ),
);
const target = fc.oneof(
  { weight: 6, arbitrary: filePattern },
  { weight: 1, arbitrary: pick("any", "@SRC", "@KEYS") },
);

const program = fc.oneof(
  { weight: 8, arbitrary: quoted(pick("git", "pytest", "sh", "curl", "run.sh")) },
  {
    weight: 3,
    arbitrary: quoted(
      pick("/usr/bin/git", "/w/*.sh", "/w/run.sh", "./run.sh", "py*", "**/bin/*", "{git,curl}"),
    ),
  },
  { weight: 1, arbitrary: pick("any", "@TOOLS") },
);
const argumentPattern = quoted(
  pick("push", "commit", "pu*", "--force", "-q", "-*", "origin", "https://*", "d"),
);
const execPattern = fc
  .tuple(
    program,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      fc.array(argumentPattern, { maxLength: 2 }),
    ),
  )
  .map(([name, args]) => [name, ...args].join(" "));

const address = quoted(
  pick(
    "10.0.0.1:443",
    "10.0.",
    "10.0.0.0/8",
    "*",
    "*:443",
    "tcp://10.0.0.1",
    "udp://10.0.0.1:53",
    "[2001:db8::1]:443",
    "2001:db8::/32",
    "10.0.0.1:400-500",
    "192.168.0.1",
  ),
);
const endpoint = fc.oneof(
  { weight: 6, arbitrary: address },
  { weight: 1, arbitrary: pick("any", "@NETS") },
);

const expression: fc.Arbitrary<string> = fc.letrec((tie) => ({
  expr: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: label },
    { weight: 1, arbitrary: fc.constant("true") },
    { weight: 2, arbitrary: tie("expr").map((inner) => `not (${inner})`) },
    { weight: 2, arbitrary: fc.tuple(tie("expr"), tie("expr")).map(([a, b]) => `${a} and (${b})`) },
    { weight: 2, arbitrary: fc.tuple(tie("expr"), tie("expr")).map(([a, b]) => `(${a} or ${b})`) },
  ) as fc.Arbitrary<string>,
})).expr;

const fileEvent = words(pick("read", "write", "open", "create", "unlink", "rename"), target);
const execEvent = execPattern.map((exec) => `exec ${exec}`);
const anyEvent = fc.oneof(execEvent, fileEvent);
const since = fc
  .array(anyEvent, { minLength: 1, maxLength: 2 })
  .map((events) => `since ${events.join(" or ")}`);
const within = pick("5s", "10s", "1m").map((duration) => `within ${duration}`);
const exits = pick("0", "0", "1").map((code) => `exits ${code}`);

const afterCondition = fc.oneof(
  {
    weight: 4,
    arbitrary: words(
      execEvent.map((event) => `after ${event}`),
      fc.option(exits),
      fc.option(since),
      seldom(within),
    ),
  },
  {
    weight: 1,
    arbitrary: words(
      fileEvent.map((event) => `after ${event}`),
      fc.option(since),
      seldom(within),
    ),
  },
);
const approvedCondition = words(
  pick("one", "two").map((name) => `approved "${name}"`),
  seldom(within),
);
const lineageCondition = execPattern.map((exec) => `lineage-includes exec ${exec}`);
const targetCondition = (of: fc.Arbitrary<string>) =>
  words(fc.constant("target"), seldom(fc.constant("not")), of);

const unless = (targets: fc.Arbitrary<string>) =>
  fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: afterCondition },
        { weight: 3, arbitrary: lineageCondition },
        { weight: 3, arbitrary: targetCondition(targets) },
        { weight: 1, arbitrary: approvedCondition },
      ),
      { maxLength: 2 },
    )
    .map((conditions) => (conditions.length === 0 ? null : `unless ${conditions.join(" or ")}`));

const effect = pick("notify", "notify", "notify", "block", "block", "kill");
const condition = fc.option(expression.map((text) => `if ${text}`));
const fileWord = pick(
  "open",
  "read",
  "write",
  "write",
  "create",
  "unlink",
  "rename",
  "link",
  "truncate",
  "metadata",
);
const absolute = quoted(pick("/usr/bin/*", "**/git", "/w/**", "/bin/sh", "/usr/**"));

const clause = fc.oneof(
  {
    weight: 4,
    arbitrary: words(
      effect,
      fileWord,
      seldom(fc.constant("file")),
      target,
      condition,
      unless(target),
    ),
  },
  { weight: 4, arbitrary: words(effect, execEvent, condition, unless(absolute)) },
  {
    weight: 2,
    arbitrary: words(
      effect,
      pick("connect", "connect", "bind"),
      seldom(fc.constant("endpoint")),
      endpoint,
      condition,
      unless(endpoint),
    ),
  },
  {
    weight: 1,
    arbitrary: words(
      effect,
      pick("signal exec", "ptrace exec"),
      program,
      condition,
      unless(absolute),
    ),
  },
);

const source = (name: string) =>
  fc
    .oneof(
      execEvent,
      filePattern.map((pattern) => `file ${pattern}`),
      address.map((pattern) => `endpoint ${pattern}`),
      pick("one", "two").map((approval) => `approval "${approval}"`),
    )
    .map((origin) => `source ${name} = ${origin}`);

const transform = words(pick("declassify", "endorse"), label, fc.constant("by"), execEvent);

/** The text of a policy with the labels A, B and C and the sets @SRC, @KEYS, @TOOLS and @NETS. */
export const policyText: fc.Arbitrary<string> = fc
  .tuple(
    source("A"),
    source("B"),
    source("C"),
    fc.array(source("A"), { maxLength: 1 }),
    fc.array(transform, { maxLength: 2 }),
    fc.array(fc.array(clause, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  )
  .map(([a, b, c, more, transforms, rules]) =>
    [
      a,
      b,
      c,
      ...more,
      ...transforms,
      `define SRC = "src/**", "/tmp/*"`,
      `define KEYS = "~/.ssh/**", ".env"`,
      `define TOOLS = "git", "/usr/bin/cu*", "/w/run.sh"`,
      `define NETS = "10.0.0.0/31", "tcp://*:80"`,
      ...rules.map((clauses, i) => [`rule r${i}:`, ...clauses].join("\n  ")),
    ].join("\n"),
  );

// ---- traces ----

const process = pick("1", "1", "2", "2", "3", "4", "5");
const child = pick("2", "3", "4", "5");
const path = pick(
  "/w/src/a.ts",
  "/w/src/b.ts",
  "/w/src/lib/x",
  "/w/.env",
  "/w/out/x",
  "/w/out/.env",
  "/h/.ssh/id",
  "/tmp/a.ts",
  "/w/run.sh",
);
const image = fc.oneof(
  { weight: 3, arbitrary: pick("/usr/bin/git", "/usr/bin/pytest", "/bin/sh", "/usr/bin/curl") },
  {
    weight: 1,
    arbitrary: pick(
      "/tmp/run.sh!/bin/sh",
      "/tmp/git=/usr/bin/curl",
      "git=/usr/bin/git",
      "/usr/bin/pytest!/bin/sh",
      "./run.sh=/w/run.sh!/bin/sh",
    ),
  },
);
const argument = pick(
  "push",
  "commit",
  "pull",
  "-C",
  "d",
  "--force",
  "-m",
  "-q",
  "origin",
  "https://x/y",
  "",
);
const by = (...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(process, ...parts).map((all): Command => all);

/** One thing that a process does. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: by(fc.constant("fork"), child) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(process, image, fc.array(argument, { maxLength: 4 }))
      .map(([id, name, args]): Command => [id, "exec", name, ...args]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(process, pick("git-push", "/core/git-commit", "push"), image, argument)
      .map(([id, called, name, arg]): Command => [id, "exec-as", called, name, arg]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(process, pick("exec-loader", "exec-interpreter"), image)
      .map(([id, how, name]): Command => [id, how, name]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(child, pick("0", "0", "1"))
      .map(([id, code]): Command => [id, "exit", code]),
  },
  {
    weight: 6,
    arbitrary: by(fc.constant("open"), pick("r", "w", "rw", "wc", "wct", "rwc", "wt", ""), path),
  },
  { weight: 2, arbitrary: by(pick("rename", "link"), path, path) },
  { weight: 1, arbitrary: by(pick("unlink", "truncate", "metadata", "make", "rmdir"), path) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        process,
        pick(
          "tcp 10.0.0.1 443",
          "tcp 10.0.0.1 80",
          "udp 10.0.0.1 53",
          "tcp 192.168.0.1 443",
          "tcp 2001:db8::1 443",
        ),
      )
      .map(([id, peer]): Command => [id, "connect", ...parseCommand(peer)]),
  },
  {
    weight: 1,
    arbitrary: by(fc.constant("bind"), pick("tcp"), pick("10.0.0.1"), pick("80", "443")),
  },
  {
    weight: 1,
    arbitrary: by(pick("signal", "ptrace"), pick("/usr/bin/git", "/bin/sh", "/w/run.sh")),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(pick("approve", "approve", "disapprove"), pick("one", "two")),
  },
  {
    weight: 1,
    arbitrary: pick("1000", "4000", "5000", "20000").map((ms): Command => ["wait", ms]),
  },
);

/** Lives of what the gates are about, so that they open more often than chance would let them. */
const run: fc.Arbitrary<Command[]> = fc
  .tuple(
    child,
    image,
    fc.array(argument, { maxLength: 2 }),
    fc.array(command, { maxLength: 2 }),
    pick("0", "0", "1"),
  )
  .map(([id, name, args, meanwhile, code]) => [
    ["1", "fork", id],
    [id, "exec", name, ...args],
    ...meanwhile,
    [id, "exit", code],
  ]);

/** Begins with three processes; they fork, live and die as it comes. */
export const trace: fc.Arbitrary<readonly Command[]> = fc
  .array(
    fc.oneof({ weight: 6, arbitrary: command.map((one) => [one]) }, { weight: 1, arbitrary: run }),
    { maxLength: 30, size: "+1" },
  )
  .map((parts) => [["1", "fork", "2"], ["1", "fork", "3"], ...parts.flat()]);
