// The whole story of a refusal as the kernel half told it: a secret that went through a pipe, a file and other processes
// until somebody wanted to send it away.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FeedbackRecord } from "../../src/runtime/feedback.ts";
import { runDeaf, unheard } from "./deaf.ts";
import { clean, patience, runTool, scratchFolder, toldBy, tool, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const reason = whyNot();
const runs = test.skipIf(reason !== null);
const tier = process.env.ACTPLANE_E2E_TIER;
const flags = tier === undefined ? [] : ["--tier", tier];

let folder = "";
beforeAll(() => {
  folder = scratchFolder();
});
afterAll(() => clean(folder));

const policy = `source SECRET = file "**/.env"
source AGENT = exec "agent"
rule no-leak:
  block connect "127.0.0.1:9" if SECRET and AGENT
`;

/** Runs `script` as a program called `agent`; yields what was told of its matches. */
async function recordsOf(name: string, script: string): Promise<FeedbackRecord[]> {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, ".env"), "secret\n");
  writeFileSync(join(place, "agent"), `#!/bin/bash\n${script}\n`);
  chmodSync(join(place, "agent"), 0o755);
  const run = await runTool(["run", "--json", ...flags, "--rule", policy, "--", "./agent"], {
    cwd: place,
  });
  return toldBy(run.stderr).matches as unknown as FeedbackRecord[];
}

/** `cat read .env`: the last names only, and pipes without their numbers. */
function storyOf(record: FeedbackRecord | undefined): string[] {
  const chain = record?.provenance.find(({ label }) => label === "SECRET");
  if (record === undefined || chain === undefined) throw new Error("nothing was told");
  expect(chain).toMatchObject({ complete: true, left_out: 0 });
  const last = (path: string) => path.split("/").at(-1) ?? "";
  return chain.hops.map(({ how, who, what, over }) =>
    how === "inherit" || how === "become"
      ? `${last(who.exe)} from ${over.map(({ exe }) => last(exe)).join(", ")}`
      : `${last(who.exe)} ${how} ${last(what.replace(/\d+/, "N"))}`,
  );
}

const leak = "exec 3<>/dev/tcp/127.0.0.1/9";

runs("a refusal names every hop from the secret to who wanted to send it", async () => {
  const [record] = await recordsOf(
    "hops",
    `cat .env | tr a-z A-Z > out
mv out moved
bash -c 'read -r line < moved; bash -c "env bash -c \\"${leak}\\"; true"; true'`,
  );
  expect(storyOf(record)).toEqual([
    "cat read .env",
    "cat write pipe:[N]",
    "tr read pipe:[N]",
    "tr write out",
    "bash read moved",
    "bash from bash, bash",
  ]);
  const [agent] = record?.provenance.filter(({ label }) => label === "AGENT") ?? [];
  expect(agent).toMatchObject({ how: "exec", what: "./agent", exe: "./agent", complete: true });
  expect(record?.process.ancestry.at(-1)).toMatchObject({ script: "./agent" });
  expect(record?.satisfy).toHaveLength(1);
  expect(record?.satisfy[0]).toMatch(/read neither "\S+\/moved" nor .*\/\.env"; "\S+agent" \(pid/);
});

runs("the objects of a hop are the same at both ends", async () => {
  const [record] = await recordsOf(
    "objects",
    `mkfifo queue; cat .env > queue & bash -c 'read -r line < queue; ${leak}'`,
  );
  const hops = record?.provenance.find(({ label }) => label === "SECRET")?.hops ?? [];
  expect(hops.map(({ how, object }) => `${how} ${object?.kind}`)).toEqual([
    "read file",
    "write fifo",
    "read fifo",
  ]);
  expect(hops[1]?.object).toEqual(hops[2]?.object as never);
});

/** Two processes of Python: `child` has read the secret into `secret`, the parent does `parent` and then wants out. */
const handsOver = (prepare: string, child: string, parent: string) =>
  `exec python3 -c 'import mmap, os, socket, time
${prepare}
if os.fork() == 0:
    secret = open(".env", "rb").read()
    ${child}
    os._exit(0)
${parent}
try: socket.create_connection(("127.0.0.1", 9))
except OSError: pass
os.wait()'`;

const numberless = (record: FeedbackRecord | undefined) =>
  storyOf(record).map((hop) => hop.replace(/^python\S+/, "python").replaceAll(/\d+/g, "N"));

runs("what came over TCP is told with its address", async () => {
  const [record] = await recordsOf(
    "tcp",
    handsOver(
      `server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()`,
      "client = socket.create_connection(server.getsockname()); client.send(secret); client.recv(1)",
      "connection = server.accept()[0]; connection.recv(64); connection.close()",
    ),
  );
  expect(numberless(record)).toEqual([
    "python read .env",
    "python write N.N.N.N:N",
    "python read N.N.N.N:N",
  ]);
});

runs("what was found in shared memory is told as such", async () => {
  const [record] = await recordsOf(
    "memory",
    handsOver(
      "memory = mmap.mmap(-1, 4096)",
      "memory.write(secret)",
      "while memory[0] == 0: time.sleep(0.01)",
    ),
  );
  expect(numberless(record)).toEqual([
    "python read .env",
    "python write memory:[N]",
    "python read memory:[N]",
  ]);
});

runs("whoever called sudo can have the last run explained, without root", async () => {
  const place = join(folder, "explain");
  mkdirSync(place);
  writeFileSync(join(place, ".env"), "secret\n");
  writeFileSync(join(place, "policy.ap"), policy);
  writeFileSync(join(place, "agent"), `#!/bin/bash\nread -r line < .env; ${leak}\n`);
  chmodSync(join(place, "agent"), 0o755);
  chmodSync(folder, 0o755);
  // /run is this run's own, or another one would take the name; the tool is put where every user may run it.
  const script = `
    mount -t tmpfs none /run && cp ${tool} /run/actplane-tool && cd ${place}
    export SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody
    /run/actplane-tool run --events events --policy policy.ap ${flags.join(" ")} -- ./agent
    chmod 644 events
    as() { setpriv --reuid=$1 --regid=$2 --clear-groups env -u SUDO_UID /run/actplane-tool explain "\${@:3}"; }
    as 65534 65534 --last --format ascii >last
    as 65534 65534 events --format ascii >replayed
    as 65534 65534 --last --format svg >picture
    as 1 1 --last; echo "a stranger: $?"
    as 1 1 --last --user nobody; echo "of nobody: $?"
    setpriv --reuid=65534 --regid=65534 --clear-groups bash -c 'rm -f /run/actplane/last/65534.jsonl || echo > /run/actplane/last/x' || echo "kept out"`;
  // The tool starts seven times.
  const slowly = { command: ["unshare"], timeoutMs: 50_000 };
  const run = await runTool(["-m", "bash", "-c", script], slowly);
  const read = (name: string) => readFileSync(join(place, name), "utf8");
  expect(run.stdout).toBe("a stranger: 1\nof nobody: 1\nkept out\n");
  expect(run.stderr).toContain("no run of yours has left a journal");
  expect(run.stderr).toContain("only root and the group of the user whose run it was may");
  expect(read("last").replaceAll(/\d+/g, "N")).toMatch(
    /SECRET\n {2}\[\S+\/\.env\]\n.*read by.*\n.*\n.*agent \(pid N\)/,
  );
  expect(read("replayed")).toBe(read("last"));
  expect(read("picture")).toStartWith("<svg ");
});

runs("a flood of files that gain labels keeps nobody from hearing of a refusal", async () => {
  const place = join(folder, "flood");
  mkdirSync(place);
  writeFileSync(join(place, ".env"), "secret\n");
  writeFileSync(
    join(place, "agent"),
    `#!/bin/bash\nread -r l < .env; ${unheard(`for i in {1..500}; do echo > f$i; done; ${leak}`)}\n`,
  );
  chmodSync(join(place, "agent"), 0o755);
  const words = [
    "run",
    "--json",
    ...flags,
    "--ring-bytes",
    "4096",
    "--rule",
    policy,
    "--",
    "./agent",
  ];
  const { matches, counters } = toldBy((await runDeaf(words, place)).stderr);
  expect(matches.map(({ target }) => target)).toEqual(["tcp://127.0.0.1:9"]);
  expect(counters).toMatchObject({ matches: 1, eventsLost: 0 });
  expect(counters.untold).toBeGreaterThan(400);
});

/** Numbers of processes can be chosen, and are those that the kernel half counts by. */
const choosesPids = reason === null && readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]";

test.skipIf(!choosesPids)("a number that is used again confuses nobody", async () => {
  const [record] = await recordsOf(
    "reuse",
    `cat .env > out & writer=$!; wait
for i in {1..200}; do
  echo $((writer - 1)) > /proc/sys/kernel/ns_last_pid
  bash -c '[[ $$ == '$writer' ]] || exit 1; read -r line < out; ${leak}; true' && break
done`,
  );
  expect(storyOf(record)).toEqual(["cat read .env", "cat write out", "bash read out"]);
  const hops = record?.provenance.find(({ label }) => label === "SECRET")?.hops ?? [];
  expect(hops[2]?.who.pid).toBe(hops[0]?.who.pid ?? 0);
});
