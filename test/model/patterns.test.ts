// Patterns alone, more wildly than whole policies need them: random globs over few bytes, argument
// lists of every program of the command table, addresses at the edges of their ranges.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Command, commandTable } from "../../src/ir/commands.ts";
import { disagreement } from "./agreement.ts";
import { places } from "./generate.ts";
import type { Command as Line } from "./script.ts";

const numRuns = Math.ceil(Number(process.env.ACTPLANE_MODEL_RUNS ?? 1000) / 4);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);
const timeoutMs = 60 * 60_000;

const pick = (...words: string[]) => fc.constantFrom(...words);
const join = (texts: readonly string[]) => texts.join("");

/** Policies of one clause a pattern, and events that show what each pattern matches. */
function agreeOn(
  clause: (pattern: string) => string,
  patterns: fc.Arbitrary<string>,
  lines: fc.Arbitrary<Line>,
): void {
  const policy = fc
    .array(patterns, { minLength: 1, maxLength: 6 })
    .map((all) => all.map((pattern, i) => `rule r${i}:\n  notify ${clause(pattern)}`).join("\n"));
  const property = fc.property(
    policy,
    fc.array(lines, { minLength: 5, maxLength: 30 }),
    (text, all) => {
      const found = disagreement(text, places, all);
      if (found !== null) throw new Error(found);
    },
  );
  const details = fc.check(property, { seed, numRuns });
  expect(details.failed ? `seed ${seed}\n${details.errorInstance}` : "agreed").toBe("agreed");
}

const piece = fc.oneof(
  { weight: 5, arbitrary: pick("a", "b", "/", "/", ".", "é") },
  { weight: 4, arbitrary: pick("*", "**", "?", "/**/", "**/") },
  {
    weight: 2,
    arbitrary: pick("[ab]", "[!a]", "[a-c]", "{a,b}", "{a/,}b", "{*a,**/b}", "{/a,b}", "\\*"),
  },
);
const start = pick("", "/", "/", "~/", "**/", "./", "{a,/b}");
const glob = fc
  .tuple(start, fc.array(piece, { minLength: 1, maxLength: 6 }))
  .map(([head, rest]) => head + join(rest));
const segment = fc
  .array(pick("a", "b", ".", "é", "*", "c"), { minLength: 1, maxLength: 3 })
  .map(join);
const path = fc
  .tuple(pick("/", "/w/", "/w/", "/h/"), fc.array(segment, { minLength: 1, maxLength: 4 }))
  .map(([head, rest]) => head + rest.join("/"));

test(
  "a file pattern matches the same paths in the model and in the tables",
  () => {
    agreeOn(
      (pattern) => `open ${JSON.stringify(pattern)}`,
      glob,
      path.map((text) => ["1", "open", "r", text]),
    );
  },
  timeoutMs,
);

test(
  "a program pattern matches the same programs in the model and in the tables",
  () => {
    const program = fc
      .tuple(path, path)
      .map(([invoked, resolved]): Line => ["1", "exec", `${invoked}=${resolved}`]);
    agreeOn((pattern) => `exec ${JSON.stringify(pattern)}`, glob, program);
  },
  timeoutMs,
);

test(
  "an argument pattern matches the same arguments in the model and in the tables",
  () => {
    const argument = fc.array(pick("a", "b", "/", "-", "é", "*", "c"), { maxLength: 4 }).map(join);
    const line = fc
      .array(argument, { maxLength: 4 })
      .map((all): Line => ["1", "exec", "/bin/x", ...all]);
    agreeOn((pattern) => `exec any ${JSON.stringify(pattern)}`, glob, line);
  },
  timeoutMs,
);

test.each(commandTable.map((command): [string, Command] => [command.names[0] ?? "", command]))(
  "the subcommand of %s is the same in the model and in the tables",
  (name, command) => {
    const options = [
      ...command.valueOptions.slice(0, 6),
      ...command.flags.slice(0, 4),
      "-",
      "--",
      "-x",
      "--xx",
      "--xx=y",
      "-xy",
    ];
    const shortened = options
      .filter((option) => option.length > 5)
      .map((option) => option.slice(0, -2));
    const joined = command.valueOptions
      .slice(0, 4)
      .flatMap((option) => [`${option}=push`, `-v${option.slice(1)}`, `${option}v`]);
    const word = pick(
      "push",
      "pull",
      "p",
      "",
      "publish",
      "publ",
      "uninstall",
      "un",
      "uni",
      "t",
      "te",
      ...command.words,
      ...command.wordStarts.map((head) => `${head}push`),
    );
    const argument = fc.oneof(word, pick(...options, ...shortened, ...joined));
    const called = pick(
      `/bin/${name}`,
      `/core/${name}-push=/bin/${name}`,
      `${name}-p=/bin/${name}`,
      `/${name}-push/${name}=/bin/${name}`,
      `my-${name}-push=/bin/${name}`,
    );
    const line = fc
      .tuple(called, fc.array(argument, { maxLength: 5 }))
      .map(([program, all]): Line => ["1", "exec", program, ...all]);
    const pattern = fc.array(
      pick('"push"', '"pu*"', '"-x"', '"p"', '"*"', '"?ush"', '"t"', '"{uni,rm}"'),
      {
        minLength: 1,
        maxLength: 2,
      },
    );
    agreeOn(
      (args) => `exec "${name}" ${args}`,
      pattern.map((all) => all.join(" ")),
      line,
    );
  },
  timeoutMs,
);

test(
  "an endpoint matches the same addresses in the model and in the tables",
  () => {
    const port = pick(
      "",
      ":0",
      ":1",
      ":255-256",
      ":256",
      ":80-443",
      ":65535",
      ":1-65535",
      ":300-900",
    );
    const address = pick("10.0.0.1", "10.", "10.0.", "10.0.0.0/7", "10.0.0.0/31", "0.0.0.0/0", "*");
    const v6 = pick("[2001:db8::1]", "[::1]");
    const network = pick("2001:db8::/33", "::/0", "::ffff:10.0.0.0/104", "fe80::/10");
    const protocol = pick("", "", "tcp://", "udp://");
    const endpoint = fc.oneof(
      fc.tuple(protocol, address, port).map(join),
      fc.tuple(protocol, v6, port).map(join),
      fc.tuple(protocol, network).map(join),
    );
    const peer = pick(
      "10.0.0.1",
      "10.0.0.0",
      "11.0.0.1",
      "12.0.0.1",
      "10.0.1.0",
      "2001:db8::1",
      "::1",
      "2001:db8:8000::",
      "fe80::1",
      "fec0::",
    );
    const line = fc
      .tuple(
        pick("tcp", "udp"),
        peer,
        pick("0", "1", "80", "255", "256", "257", "300", "443", "444", "899", "65535"),
      )
      .map((words): Line => ["1", "connect", ...words]);
    agreeOn((pattern) => `connect ${JSON.stringify(pattern)}`, endpoint, line);
  },
  timeoutMs,
);
