// `actplane run` as a user meets it: exit codes, streams, the terminal, policies that are wrong or go away, and what it says.
// About the tool and hardly about the kernel, so it runs natively only.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Held, until } from "./held.ts";
import {
  clean,
  eventsIn,
  runTool,
  scratchFolder,
  type Tier,
  toldBy,
  tool,
  whyNot,
} from "./tool.ts";

setDefaultTimeout(60_000);
const reason = whyNot();
const runs = test.skipIf(reason !== null);

let folder = "";
let tier: Tier = "lsm";
beforeAll(async () => {
  folder = scratchFolder();
  if (reason === null)
    tier = toldBy((await runTool(["run", "--json", "--rule", neutral, "--", "true"])).stderr).tier;
});
afterAll(() => clean(folder));

const neutral = 'rule nothing:\n  notify exec "no-such-program"';

/** Runs `script` in bash in a folder of its own; `$RUN` before a command runs it under a policy that matches nothing. */
async function shell(script: string, environment: Record<string, string> = {}) {
  writeFileSync(join(folder, "neutral.ap"), neutral);
  const run = await runTool(["-c", script], {
    command: ["bash"],
    cwd: folder,
    environment: {
      TOOL: tool,
      RULE: neutral,
      RUN: `${tool} run --quiet --policy ${join(folder, "neutral.ap")} --`,
      ...environment,
    },
  });
  return { code: run.code, out: run.stdout, err: run.stderr };
}

async function check(
  script: string,
  expected: { out?: string; err?: string | RegExp; code?: number },
) {
  const { out, err, code } = await shell(script);
  const { err: expectedErr = "", ...rest } = expected;
  expect({ out, code, err: typeof expectedErr === "string" ? err : "" }).toEqual({
    out: "",
    code: 0,
    err: typeof expectedErr === "string" ? expectedErr : "",
    ...rest,
  });
  if (typeof expectedErr !== "string") expect(err).toMatch(expectedErr);
}

// -- exit codes and streams ---------------------------------------------------------------------------------------------

runs("exit code 0 passes through", () => check("$RUN true", {}));
runs("exit code 3 passes through", () => check("$RUN sh -c 'exit 3'", { code: 3 }));
runs("exit code 125 of the command passes through", () =>
  check("$RUN sh -c 'exit 125'", { code: 125 }),
);
runs("a command that is not there: 127", () =>
  check("$RUN no-such-command", {
    code: 127,
    err: "actplane: no-such-command: command not found\n",
  }),
);
runs("a command that cannot be executed: 126", () =>
  check("$RUN /etc/passwd", { code: 126, err: "actplane: /etc/passwd: Permission denied\n" }),
);
runs("a command that dies of a signal: 128 and its number", () =>
  check("$RUN sh -c 'kill -TERM $$'", { code: 143 }),
);
runs("a command that is killed: 137", () => check("$RUN sh -c 'kill -KILL $$'", { code: 137 }));

runs("standard input and output pass through byte by byte", () =>
  check("head -c 3000000 /dev/urandom > bytes; $RUN cat < bytes | cmp - bytes", {}),
);
runs("standard input that ends early ends early", () =>
  check("printf 'a\\nb\\n' | $RUN head -n 1", { out: "a\n" }),
);
runs("standard input is left to the command alone", () =>
  check("(printf '1\\n2\\n' | ($RUN bash -c 'read -r line; echo got $line'; cat))", {
    out: "got 1\n2\n",
  }),
);
runs("output of the command and words of ours keep apart", () =>
  check("$RUN sh -c 'echo out; echo err >&2'", { out: "out\n", err: "err\n" }),
);
runs("a descriptor of the caller's passes through", () =>
  check("$RUN sh -c 'cat <&5' 5< <(echo five)", { out: "five\n" }),
);

// -- policies -----------------------------------------------------------------------------------------------------------

// The kernel half is prepared on another thread meanwhile: which of its maps are there when we look hangs on the moment.
runs("none of our descriptors is the command's", () =>
  check(
    `for fd in $(ls /proc/self/fd); do (( fd > 2 )) && eval "exec $fd>&-"; done
     for i in 1 2 3 4 5 6 7 8; do echo $($RUN ls /proc/self/fd); done`,
    { out: "0 1 2 3\n".repeat(8) }, // 3 is the listing
  ),
);

runs("a policy with errors: each is told, nothing is started, 125", async () => {
  writeFileSync(
    join(folder, "typo.ap"),
    'rule one:\n  blok exec "git"\nrule two:\n  block exce "git"\n',
  );
  const { code, out, err } = await shell("$TOOL run --policy typo.ap -- touch typo-started");
  expect({ code, out }).toEqual({ code: 125, out: "" });
  expect(err).toMatch(/typo\.ap:2:3/);
  expect(err).toMatch(/typo\.ap:4:9/);
  expect(err).toMatch(/actplane: the policy has errors, so nothing was started/);
  expect(existsSync(join(folder, "typo-started"))).toBe(false);
});

runs("an empty policy governs nothing, and says so", async () => {
  const { code, err } = await shell(": > empty.ap; $TOOL run --policy empty.ap -- sh -c 'exit 6'");
  expect(err).toMatch(/ tier, 0 clauses\n/);
  expect(code).toBe(6);
});

runs("no policy anywhere: how to give one, 125", async () => {
  const { code, err } = await shell("cd / && $TOOL run -- touch $OLDPWD/none-started");
  expect(code).toBe(125);
  expect(err).toBe(
    "actplane: no actplane.yaml in / or above it; name one with --policy, or give its text with --rule\n",
  );
  expect(existsSync(join(folder, "none-started"))).toBe(false);
});

runs("a policy file that is not there: 125", () =>
  check("$TOOL run --policy nowhere.ap -- touch started", {
    code: 125,
    err: /^actplane: cannot read .*nowhere\.ap: there is no such file\n$/,
  }),
);

runs("the nearest actplane.yaml is the policy", async () => {
  mkdirSync(join(folder, "project/deep"), { recursive: true });
  writeFileSync(
    join(folder, "project/actplane.yaml"),
    'version: 1\npolicy: |\n  rule no-uname:\n    block exec "uname"\n',
  );
  const { code, err } = await shell("cd project/deep && $TOOL run -- sh -c 'uname; exit 5'");
  expect(code).toBe(5);
  expect(err).toMatch(/rule +no-uname: block exec "uname" \(.*actplane\.yaml:4:5\)/);
});

runs("a policy that is deleted or changed meanwhile stays what it was", async () => {
  writeFileSync(join(folder, "going.ap"), 'rule no-uname:\n  block exec "uname"\n');
  const { out } = await shell(
    `$TOOL run --quiet --policy going.ap -- bash -c 'uname; rm going.ap; uname; echo "rule x: notify exec \\"x\\"" > going.ap; uname; echo end' 2>/dev/null`,
  );
  expect(out).toBe("end\n");
});

runs(
  "a clause that this host cannot carry out: nothing is started without --degraded, 125",
  async () => {
    const rule = `--rule 'rule no-unlink: block unlink "**/precious"'`;
    writeFileSync(join(folder, "precious"), "x");
    const plain = await shell(`$TOOL run ${rule} -- rm -f precious`);
    if (tier !== "tracepoint") {
      expect(plain.code).not.toBe(125);
      expect(existsSync(join(folder, "precious"))).toBe(true);
      return;
    }
    expect(plain.code).toBe(125);
    expect(plain.err).toMatch(
      /^actplane: this host \(tracepoint tier\) cannot carry out 1 of 1 clauses as written, so nothing was started\n/,
    );
    expect(existsSync(join(folder, "precious"))).toBe(true);

    const degraded = await shell(`$TOOL run --degraded ${rule} -- rm -f precious`);
    expect(degraded.code).toBe(0);
    expect(degraded.err).toMatch(/unenforceable +no-unlink: block unlink/);
    expect(existsSync(join(folder, "precious"))).toBe(false);
    const told = await shell(
      `touch precious; $TOOL run --json --degraded ${rule} -- rm -f precious`,
    );
    expect(toldBy(told.err).matches.map(({ verdict }) => verdict)).toEqual(["unenforceable"]);
  },
);

runs("without root: what to do instead, 125", () =>
  check(
    `setpriv --reuid 65534 --clear-groups $TOOL run --rule '${neutral.replace("\n", "")}' -- true`,
    {
      code: 125,
      err: /^actplane: `run` loads programs into the kernel, which needs root\n.*use `sudo actplane run -- \.\.\.`/,
    },
  ),
);

// -- what it tells --------------------------------------------------------------------------------------------------

runs("--events writes a JSON object a line, --json tells on standard error", async () => {
  const { code, out, err } = await shell(
    `$TOOL run --json --events told.jsonl --rule 'rule no-uname: block exec "uname" because "why" fix "how"' -- sh -c 'uname; echo out'`,
  );
  expect({ code, out }).toEqual({ code: 0, out: "out\n" });
  const told = toldBy(err);
  expect(told.matches).toMatchObject([
    { rule: { name: "no-uname" }, because: "why", fix: "how", op: "exec", retry_useful: false },
  ]);
  const events = eventsIn(join(folder, "told.jsonl"));
  expect(events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["exec", "fork", "match", "exit"]),
  );
  expect(events.filter(({ type }) => type === "match")).toMatchObject([
    { argv: ["uname"], effect: "block" },
  ]);
});

runs("--events adds to the file", async () => {
  await shell(
    "$TOOL run --quiet --events twice.jsonl --policy neutral.ap -- true; $TOOL run --quiet --events twice.jsonl --policy neutral.ap -- true",
  );
  expect(eventsIn(join(folder, "twice.jsonl")).filter(({ type }) => type === "exit").length).toBe(
    2,
  );
});

runs("--quiet says nothing where no rule matches", () => check("$RUN true", { err: "" }));

runs("the text names rule, reason and way out", async () => {
  const { err } = await shell(
    `$TOOL run --rule 'rule no-uname: block exec "uname" because "why" fix "how"' -- sh -c 'uname; true'`,
  );
  expect(err).toMatch(/rule +no-uname/);
  expect(err).toMatch(/because +why/);
  expect(err).toMatch(/fix +how/);
  expect(err).toMatch(/actplane: done: 1 (refused|killed)\n$/);
});

// -- signals and the terminal -------------------------------------------------------------------------------------------

runs("SIGTERM to the tool reaches the command", async () => {
  const held = await Held.start(folder, ["--quiet", "--policy", join(folder, "neutral.ap")]);
  process.kill(held.pid, "SIGTERM");
  expect(await held.child.exited).toBe(143);
  held.hangUp();
});

let end: () => void = () => {};
afterEach(() => {
  end();
  end = () => {};
});

async function startShell() {
  let screen = "";
  await shell("true");
  const child = Bun.spawn(["bash", "--norc", "--noprofile", "-i"], {
    cwd: folder,
    env: {
      ...process.env,
      RUN: `${tool} run --quiet --policy neutral.ap --`,
      PS1: "$ ",
      TERM: "dumb",
      HISTFILE: "",
    },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_, bytes) => (screen += Buffer.from(bytes).toString()),
    },
  });
  const terminal = child.terminal!;
  end = () => {
    child.kill("SIGKILL");
    terminal.close();
  };
  async function see(pattern: RegExp): Promise<void> {
    await until(`${pattern} on the screen`, () => {
      const found = pattern.exec(screen);
      if (found !== null) screen = screen.slice(found.index + found[0].length);
      return found !== null;
    });
  }
  await see(/\$ /);
  return { type: (keys: string) => terminal.write(keys), see };
}

runs("Ctrl-C ends the command: 130", async () => {
  const { type, see } = await startShell();
  type("$RUN sh -c 'echo r\"\"eady; exec sleep 100'\n");
  await see(/ready/);
  type("\x03");
  await see(/\$ /);
  type("echo code=$?\n");
  await see(/code=130\r/);
});

runs("Ctrl-Z stops the command and the tool, fg goes on with both", async () => {
  const { type, see } = await startShell();
  type("$RUN bash -c 'echo r\"\"eady; read line; echo got $line'\n");
  await see(/ready/);
  type("\x1a");
  await see(/Stopped/);
  type("fg\n");
  await see(/RUN bash/);
  type("word\n");
  await see(/got word/);
});

runs("the terminal is the command's", async () => {
  const { type, see } = await startShell();
  type("$RUN sh -c 'tty; stty size'\n");
  await see(/\/dev\/pts\/\d+/);
  await see(/50 200/);
});

runs("the tool leaves no file behind", async () => {
  // In empty folders of its own: other programs use the machine's at the same time.
  const { out } = await shell(`unshare -m --propagation private bash -c '
    mount --bind "$(dirname "$TOOL")" /mnt
    for folder in /run /tmp; do mount -t tmpfs none $folder; done
    mount -t bpf none /sys/fs/bpf
    mkdir /tmp/work && cd /tmp/work
    /mnt/actplane run --quiet --rule "$RULE" -- touch made
    find /run /tmp -type f | sort
    ls /sys/fs/bpf | grep -c actplane
  '`);
  // What is remembered of a boot, the journal for `explain --last`, and the command's own file.
  // What the kernel's build says of preemption is asked for on some kernels only.
  const left = out.replace(/(types|load)-\S+/g, "$1").replace(/.*\/preempt-config-.*\n/, "");
  expect(left.split("\n")).toEqual([
    ...["/run/actplane/last/0.jsonl", "/run/actplane/load", "/run/actplane/probes.json"],
    ...["/run/actplane/types", "/tmp/work/made", "0", ""],
  ]);
});

runs("what an earlier policy needed is only a guess at what the next one needs", async () => {
  const rule = 'rule n: block connect "127.0.0.1:9" because "x"';
  const connect = `bash -c '(: >/dev/tcp/127.0.0.1/9) 2>&1 | grep -q permitted && echo refused'`;
  const { out, err } = await shell(
    `unshare -m --propagation private bash -c '
    mount --bind "$(dirname "$TOOL")" /mnt
    mount -t tmpfs none /run
    few() { /mnt/actplane run --quiet --rule "$RULE" -- true; }
    more() { /mnt/actplane run --quiet --rule "$MORE" -- bash -c "$CONNECT" 2>/dev/null; }
    few; few; more; more; few; more
    memory=$(echo /run/actplane/load-*)
    echo garbage >$memory; more
    : >$memory; more; more
    # Of another policy: its constants, its sizes, one program less.
    few; cp $memory /run/of-few; more; cp /run/of-few $memory; more; more
    sed -i s/prepared/of_old/ $memory; more
    sed -i "s/constants.:.AAAA/&AAAA/" $memory; more
    sed -i "s/hits.:/&9/" $memory; grep -c hits.:9 $memory; more
  '`,
    { MORE: rule, CONNECT: connect },
  );
  expect({ out, err }).toEqual({ out: `${"refused\n".repeat(11)}1\nrefused\n`, err: "" });
});

runs("the command's exit code stands where standard error takes nothing", () =>
  check(
    `$TOOL run --rule 'rule n: block exec "touch" because "x"' -- sh -c 'touch x; echo out; exit 7' 2>/dev/full`,
    { out: "out\n", code: 7 },
  ),
);

runs("a policy without end is refused, from a pipe and from standard input", () =>
  check(
    `yes | $TOOL check - 2>&1 | head -1; $TOOL check <(yes) 2>&1 | head -1; $TOOL check <(echo "$RULE"); echo $?`,
    {
      out: "error[L006]: the text is longer than 32 MiB\nerror[L006]: the text is longer than 32 MiB\n0\n",
    },
  ),
);

runs("standard output that takes nothing is told, without our source", () =>
  check("$TOOL --help > /dev/full", {
    code: 1,
    err: "actplane: cannot write to standard output: no space is left\n",
  }),
);

const approval = `
source FREE = approval "go"
rule by-exception:
  block exec "true" unless approved "go"
rule by-label:
  block exec "false" if not FREE
rule while-approved:
  block exec "env" if FREE
`;

runs("an approval from the start lets pass what waits for it, and nothing else", async () => {
  const tries = "/bin/true; echo $?; /bin/false; echo $?; /usr/bin/env > /dev/null; echo $?";
  const refused = tier === "tracepoint" ? "137" : "126";
  const out = async (...flags: string[]) => {
    const run = await runTool(["run", ...flags, "--rule", approval, "--", "bash", "-c", tries]);
    return run.stdout.trim().split("\n");
  };
  expect(await out()).toEqual([refused, refused, "0"]);
  expect(await out("--approve", "go")).toEqual(["0", "1", refused]);
});

runs("an approval that the policy does not ask for starts nothing", async () => {
  const run = await runTool(["run", "--approve", "gone", "--rule", approval, "--", "echo", "ran"]);
  expect([run.code, run.stdout, run.stderr]).toEqual([
    125,
    "",
    "actplane: the policy asks for no approval `gone`; it asks for `go`\n",
  ]);
});

// -- files ----------------------------------------------------------------------------------------------------------

runs(
  "below a workspace that is a symbolic link, rules stay with files that are renamed",
  async () => {
    const inLink = (script: string) => `
    mkdir -p real/vault; echo secret >real/vault/key; echo plain >real/other; ln -sfn real link
    printf 'rule no-key:\n  block read "**/key" because "it is secret"\n' >real/key.ap
    cd link; "$TOOL" run --policy "$PWD/key.ap" -- sh -c '${script}' || echo refused`;
    await check(inLink("mv vault/key plain; cat plain"), {
      out: "refused\n",
      err: /no-key: block read/,
    });
    await check(inLink("mv other plain; cat plain"), { out: "plain\n", err: /no rule matched/ });
  },
);
