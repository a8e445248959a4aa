// What `why` and `simulate` say, against the semantics of the checked policy: random policies, random
// operations, random situations. ACTPLANE_MODEL_RUNS asks for more runs, ACTPLANE_MODEL_SEED repeats one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { commandTable } from "../../src/ir/commands.ts";
import type { FileRef, Peer, TraceEvent } from "../../src/ir/trace.ts";
import { type Asked, UnclearQuestion } from "../../src/runtime/asked.ts";
import { endpointText } from "../../src/runtime/bytes.ts";
import { simulate } from "../../src/runtime/simulate.ts";
import { parseTrace } from "../../src/runtime/trace-line.ts";
import { type AskedPolicy, gateName, whyOf } from "../../src/runtime/why.ts";
import { play, prepare, type Subject, writtenAs } from "../model/agreement.ts";
import { command, places, policyText, trace } from "../model/generate.ts";
import { type Command, printCommand, World } from "../model/script.ts";
import { Semantics } from "../model/semantics.ts";

const numRuns = Number(process.env.ACTPLANE_MODEL_RUNS ?? 300);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);
const minutesMs = 60_000;

test(
  "why says of any operation what the semantics say",
  () => {
    let asked = 0;
    fc.assert(
      fc.property(
        // The history of a process cannot be told to `why`.
        policyText.filter((text) => !text.includes("lineage-includes")),
        fc.array(command, { minLength: 5, maxLength: 20 }),
        fc.subarray(["A", "B", "C"]),
        fc.nat(),
        (text, commands, labels, gateSeed) => {
          const subject = prepare(text, places);
          const known = subject.compiled.gates.filter(({ id }) => (gateSeed >> id) & 1);
          for (const each of commands.filter(isDone)) {
            const event = new World().event(each);
            const question = questionOf(event);
            if (question === null) continue;
            asked++;
            const carried = labels.filter(
              (name) =>
                text.includes(`source ${name} `) && !text.includes(`source ${name} = approval`),
            );
            const model = new Semantics(subject.policy, { ...places, commands: commandTable });
            if (model.gateCount !== subject.compiled.gates.length) known.length = 0;
            model.suppose(
              carried,
              known.map((gate) => writtenAs(gate, subject.policy)),
            );
            const step = model.step({ ...event, process: 1 } as TraceEvent);
            const answer = whyOf(policyOf(subject), question, {
              labels: carried.filter((name) =>
                subject.compiled.labels.some((l) => l.name === name),
              ),
              gates: known.map(({ id }) => `${id}`),
            });
            const expected = {
              effect: step?.verdict === "allow" ? "none" : step?.verdict,
              matched: step?.matches.map(({ rule, effect }) => `${rule} ${effect}`).sort(),
            };
            const said = {
              effect: answer.effect,
              matched: answer.matched.map(({ name, effect }) => `${name} ${effect}`).sort(),
            };
            expect(`${printCommand(each)} ${JSON.stringify(said)}`).toBe(
              `${printCommand(each)} ${JSON.stringify(expected)}`,
            );
          }
        },
      ),
      { seed, numRuns },
    );
    expect(asked).toBeGreaterThan(numRuns);
  },
  60 * minutesMs,
);

test(
  "simulate says of every operation of a trace what the semantics say",
  () => {
    fc.assert(
      fc.property(policyText, trace, (text, all) => {
        // A line tells a folder that goes and a file that goes alike; the vocabulary has only files.
        const commands = all.filter(([, type]) => type !== "rmdir").filter(isDone);
        const subject = prepare(text, places);
        const told: { line: object; said: string }[] = [];
        let nowMs = 0;
        for (const { event, model } of play(subject, places, commands)) {
          if (event.type === "wait") nowMs += event.ms;
          const line = lineOf(event, nowMs);
          if (line === null) continue;
          told.push({ line, said: `${model.verdict} ${model.labels.join(" ")}` });
        }
        const lines = parseTrace(told.map(({ line }) => JSON.stringify(line)).join("\n"));
        const steps = simulate(policyOf(subject), lines);
        const expected = told.filter(
          ({ line }) => !/"type":"(fork|exit)"/.test(JSON.stringify(line)),
        );
        const said = steps.map(
          ({ effect, labels }) =>
            `${effect === "none" ? "allow" : effect} ${[...labels].sort().join(" ")}`,
        );
        expect(said).toEqual(expected.map((each) => each.said));
      }),
      { seed, numRuns },
    );
  },
  60 * minutesMs,
);

/** Not an operator's word. */
function isDone([first]: Command): boolean {
  return first !== "approve" && first !== "disapprove";
}

function policyOf({ compiled, text }: Subject): AskedPolicy {
  return { compiled, source: { name: "test.policy", text }, tier: null };
}

function questionOf(event: TraceEvent): Asked | null {
  switch (event.type) {
    case "exec": {
      if (event.steered !== null) return null;
      const first = event.script ?? event.program;
      const interpreter = event.script === null ? undefined : event.program.path;
      const { argv, invoked } = event;
      return { op: "exec", argv, program: first.path, invoked, interpreter };
    }
    case "open":
      if (event.truncate || (event.read && event.write) || (!event.read && !event.write))
        return null;
      if (event.read && event.create) return null;
      return { op: event.read ? "read" : "write", path: event.file.path, isNew: event.create };
    case "rename":
    case "link":
      return { op: event.type, path: event.from.path, to: event.to };
    case "make":
      return { op: "create", path: event.path };
    case "unlink":
    case "truncate":
    case "metadata":
      return { op: event.type, path: event.file.path };
    case "connect":
    case "bind":
      return { op: event.type, address: addressOf(event.peer) };
    case "signal":
    case "ptrace":
      return { op: event.type, program: event.program.path };
    default:
      return null;
  }
}

function addressOf(peer: Peer): string {
  if (peer.kind !== "inet") throw new Error("the vocabulary has only addresses");
  const protocol = peer.protocol === "tcp" ? 6 : 17;
  return endpointText(
    Uint8Array.from([protocol, ...peer.address, peer.port >> 8, peer.port & 255]),
  );
}

/** As `--events` tells it. */
function lineOf(event: TraceEvent, nowMs: number): object | null {
  if (event.type === "wait") return null;
  const time = new Date(nowMs).toISOString();
  const by = { pid: event.process, time };
  const on = (ops: string[], file: FileRef, more: object = {}) => ({
    ...by,
    ops,
    target: file.path,
    ...more,
  });
  switch (event.type) {
    case "fork":
      return { type: "fork", pid: event.child, parent: event.process, time };
    case "exit":
      return {
        type: "exit",
        ...by,
        status: "code" in event.end ? event.end.code << 8 : event.end.signal,
      };
    case "exec": {
      const first = (event.script ?? event.program).path;
      const interpreter = event.script === null ? undefined : event.program.path;
      return {
        type: "exec",
        ...by,
        target: first,
        invoked: event.invoked,
        interpreter,
        argv: event.argv,
        steered: event.steered,
      };
    }
    case "open": {
      const flags = (["read", "write", "create", "truncate"] as const).filter(
        (flag) => event[flag],
      );
      return on(["open", ...flags], event.file);
    }
    case "rename":
      return on(event.replaces ? ["rename", "unlink"] : ["rename"], event.from, { to: event.to });
    case "link":
      return on(["link"], event.from, { to: event.to });
    case "make":
      return { ...by, ops: ["create"], target: event.path };
    case "rmdir":
      return { ...by, ops: ["unlink"], target: event.path };
    case "unlink":
    case "truncate":
    case "metadata":
      return on([event.type], event.file);
    case "signal":
    case "ptrace":
      return on([event.type], event.program);
    case "touch":
      return { ...by, ops: event.operations, target: event.path };
    default:
      return { ...by, ops: [event.type], target: addressOf(event.peer) };
  }
}

// ---- by example ----

const policy = `
source AGENT = exec "claude"
source SECRET = file "**/.env"
rule no-push:
  block exec "git" "push" if AGENT
  because "a person reviews the work and pushes it"
  fix "say that it is ready"
rule tests-first:
  block exec "git" "commit" unless after exec "make" "test" exits 0 since write "src/**"
rule secrets-stay:
  kill connect "*" if SECRET
`;
const subject = policyOf(prepare(policy, places));

test("a clause that matches says why, and what would satisfy it", () => {
  const { matched } = whyOf(subject, { op: "exec", argv: ["git", "commit"] });
  expect(matched.map(({ name, why, satisfy }) => ({ name, why, satisfy }))).toEqual([
    {
      name: "tests-first",
      why: ['`unless after exec "make" "test" exits 0 since write "src/**"` does not hold'],
      satisfy: [
        'first do `exec "make" "test"` and let it end with exit code 0; then do it before any `write "src/**"`',
      ],
    },
  ]);
});

test("a clause that does not match says what is missing", () => {
  const push: Asked = { op: "exec", argv: ["git", "-C", "d", "push"] };
  const { effect, passed } = whyOf(subject, push);
  expect({ effect, passed: passed.map(({ name, why }) => [name, ...why]) }).toEqual({
    effect: "none",
    passed: [["no-push", "the process does not carry AGENT"]],
  });
  expect(whyOf(subject, push, { labels: ["AGENT"] }).effect).toBe("block");
});

test("a gate that is open lets pass, by its text, its event or its number", () => {
  for (const name of [gateName(0, subject.compiled), 'exec "make" "test"', "0"]) {
    const commit: Asked = { op: "exec", argv: ["git", "commit"] };
    expect(whyOf(subject, commit, { gates: [name] }).effect).toBe("none");
  }
});

test("an approval is a gate that only the question opens", () => {
  const asked: Asked = { op: "exec", argv: ["ship"] };
  const held = policyOf(prepare(`rule r: block exec "ship" unless approved "release"`, places));
  expect(whyOf(held, asked).matched[0]?.satisfy).toEqual(['ask the operator to approve "release"']);
  expect(whyOf(held, asked, { gates: ['approved "release"'] })).toMatchObject({
    effect: "none",
    passed: [{ why: ['`approved "release"` holds'] }],
  });
});

test("labels that the operation brings, and gates that it changes, are told", () => {
  expect(whyOf(subject, { op: "read", path: "/w/.env" }).gained).toEqual(["SECRET"]);
  expect(
    whyOf(subject, { op: "exec", argv: ["make", "test"] }).opens.map(({ exits }) => exits),
  ).toEqual([0]);
  expect(whyOf(subject, { op: "write", path: "/w/src/a" }).makes_stale).toHaveLength(1);
});

const unclear: readonly [Asked, object, string][] = [
  [
    { op: "exec", argv: ["x"] },
    { labels: ["NO"] },
    "the policy has no label `NO`; it has AGENT, SECRET",
  ],
  [{ op: "read", path: "a" }, {}, "`a` is not an absolute path"],
  [{ op: "connect", address: "10.0.0.1" }, {}, "`10.0.0.1` has no port; write `10.0.0.1:443`"],
  [{ op: "connect", address: "10.0.0.0/8" }, {}, "`10.0.0.0/8` is a network; name one address"],
  [{ op: "rename", path: "/a" }, {}, "`rename` needs a second path"],
];
for (const [asked, situation, message] of unclear) {
  test(`a question that makes no sense is answered so: ${message}`, () => {
    expect(() => whyOf(subject, asked, situation)).toThrow(new UnclearQuestion(message));
  });
}

test("a trace as run --events writes it: what no rule is about is told by what it did", () => {
  const lines = [
    { type: "exec", pid: 2, target: "/bin/cp", argv: ["cp", ".env", "q"] },
    { type: "label", pid: 2, ops: ["open", "read"], target: "/w/.env", labels: ["SECRET"] },
    { type: "object", pid: 2, ops: ["open", "write", "create"], target: "/w/q" },
    { type: "object", pid: 2, ops: ["write"], target: "" },
    { type: "exit", pid: 2 },
    { type: "exec", pid: 3, target: "/bin/curl", argv: ["curl"] },
    { type: "label", pid: 3, ops: ["open", "read"], target: "/w/q" },
    { type: "match", pid: 3, ops: ["connect"], target: "tcp://10.0.0.1:443", outcome: "refused" },
  ];
  const steps = simulate(subject, parseTrace(lines.map((line) => JSON.stringify(line)).join("\n")));
  expect(steps.map(({ operation, labels }) => [operation, ...labels])).toEqual([
    ["exec /bin/cp .env q"],
    ["open,read /w/.env", "SECRET"],
    ["open,write,create /w/q", "SECRET"],
    ["exec /bin/curl"],
    ["open,read /w/q", "SECRET"],
    ["connect tcp://10.0.0.1:443", "SECRET"],
  ]);
  expect(steps.at(-1)?.effect).toBe("kill");
});

test("a trace as run --events writes it: matches of an exec and of a rename are one operation", () => {
  const lines = [
    { type: "fork", pid: 2, parent: 1 },
    {
      type: "match",
      pid: 2,
      ops: ["exec"],
      target: "/w/x.sh",
      argv: ["./x.sh"],
      outcome: "observed",
    },
    {
      type: "match",
      pid: 2,
      ops: ["exec"],
      target: "/bin/sh",
      argv: ["/bin/sh"],
      outcome: "observed",
    },
    { type: "exec", pid: 2, target: "/bin/sh", argv: ["/bin/sh", "./x.sh"] },
    { type: "label", pid: 2, ops: ["open", "read"], target: "/w/.env" },
    { type: "match", pid: 2, ops: ["open", "read"], target: "/w/.env", outcome: "observed" },
    { type: "match", pid: 2, ops: ["rename"], target: "/w/a", outcome: "observed" },
    { type: "match", pid: 2, ops: ["rename", "create"], target: "/w/b", outcome: "observed" },
    { type: "match", pid: 2, ops: ["connect"], target: "tcp://10.0.0.1:443", outcome: "observed" },
    { type: "match", pid: 2, ops: ["open", "read"], target: "/w/a", outcome: "observed" },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const steps = simulate(subject, parseTrace(text));
  expect(
    steps.map(
      ({ operation, effect, happens }) => `${operation}: ${happens ? effect : "not reached"}`,
    ),
  ).toEqual([
    "exec /w/x.sh: none",
    "open,read /w/.env: none",
    "rename /w/a to /w/b: none",
    "connect tcp://10.0.0.1:443: kill",
    "open,read /w/a: not reached",
  ]);
});

for (const [line, message] of [
  ["{", "line 2 of the trace: it is cut off; leave it out"],
  ["{\n", "line 2 of the trace: JSON Parse error"],
  ['{"ops": ["read"]}', "line 2 of the trace: `pid` is missing"],
  ["1", "line 2 of the trace: must be an object (was a number)"],
  ['{"pid": 1.5}', "line 2 of the trace: `pid` must be a whole number (was 1.5)"],
  [
    '{"pid": 1, "ops": ["open", "raed"]}',
    'line 2 of the trace: `ops[1]` must be an operation (was "raed")',
  ],
  [
    '{"pid": 1, "argv": ["git", 1]}',
    "line 2 of the trace: `argv[1]` must be a string (was a number)",
  ],
  ['{"pid": 1, "time": "noon"}', 'line 2 of the trace: `time` must be a time (was "noon")'],
  [
    '{"pid": 1, "steered": "luck"}',
    'line 2 of the trace: `steered` must be `loader` or `interpreter` (was "luck")',
  ],
] as const) {
  test(`a line that is none is named: ${line}`, () => {
    expect(() => parseTrace(`\n${line}`)).toThrow(message);
  });
}

test("a script that is told by its interpreter's arguments is judged by its own", () => {
  const line = {
    type: "exec",
    pid: 2,
    target: "/usr/bin/bash",
    argv: ["/bin/bash", "-e", "./deploy.sh", "--now"],
    script: "./deploy.sh",
  };
  const judged = (text: string) =>
    simulate(policyOf(prepare(text, places)), parseTrace(JSON.stringify(line)))[0]?.effect;
  expect(judged('rule r: block exec "deploy.sh" "--now"')).toBe("block");
  expect(judged('rule r: block exec "deploy.sh" "-e"')).toBe("none");
  expect(judged('rule r: block exec "bash" "-e"')).toBe("block");
});
