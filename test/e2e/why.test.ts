// What `actplane why` says of an operation, against what the kernel then does about it.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, everyTier } from "./case.ts";
import { installPrograms, type MatrixRun, makeRepository, runMatrix, slug } from "./matrix.ts";
import { startServers } from "./servers.ts";
import { clean, patience, runTool, scratchFolder, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const reason = whyNot();

const policy = `
source AGENT = exec "agent-a"
source SECRET = file "**/.env"
rule no-push:
  block exec "git" "push"
rule agent-stays-off:
  block exec "forbidden" if AGENT
rule no-lethal:
  kill exec "lethal" unless target "/nowhere/**"
rule no-needle:
  block exec "haystack" "*needle*"
rule no-script:
  block exec "deploy.sh" "--now"
rule no-interpreter:
  block exec "fakesh"
rule no-keys:
  block read "**/keys/**" unless target "**/keys/public"
rule noted:
  notify read "**/log"
rule no-four:
  block connect "127.0.0.1:{tcp.block}"
rule kill-four:
  kill connect "127.0.0.1:{tcp.kill}"
rule no-net:
  block connect "127.0.2.0/24" if SECRET
rule no-bind:
  block bind "127.0.5.0/24"
`;

/** What a governed program does, and how one asks about it beforehand. Words as in a case. */
interface Row {
  readonly name: string;
  readonly run: readonly string[];
  readonly ask: readonly string[];
  readonly labels?: readonly string[];
  readonly prepare?: Case["prepare"];
  readonly files?: readonly string[];
  readonly folders?: readonly string[];
}

const script = (name: string, text: string) => (dir: string, bin: string) => {
  writeFileSync(join(dir, name), text.replaceAll("{bin}", bin));
  chmodSync(join(dir, name), 0o755);
};

const execs: readonly Row[] = [
  ["{bin}/git", "push", "origin"],
  ["{bin}/git", "-C", "push", "status"],
  ["{bin}/git", "-c", "a=b", "push"],
  ["{bin}/git", "commit", "-m", "push"],
  ["{bin}/forbidden"],
  ["{bin}/lethal", "x"],
  ["{bin}/haystack", "a needle in it"],
  ["{bin}/haystack", "hay", "straw"],
  ["{bin}/free", "push"],
  ["/usr/bin/git", "push"],
  ["/usr/bin/git", "status"],
].map((words) => ({ name: words.join(" "), run: words, ask: ["exec", ...words] }));

const rows: readonly Row[] = [
  ...execs,
  {
    name: "a program of the PATH",
    run: ["/usr/bin/env", "git", "push"],
    ask: ["exec", "git", "push"],
  },
  {
    name: "as the agent",
    run: ["{bin}/agent-a", "exec", "{bin}/forbidden"],
    ask: ["exec", "{bin}/forbidden"],
    labels: ["AGENT"],
  },
  {
    name: "a script",
    prepare: script("deploy.sh", "#!/bin/bash\n:\n"),
    run: ["{dir}/deploy.sh", "--now"],
    ask: ["exec", "{dir}/deploy.sh", "--now"],
  },
  {
    name: "a script with another argument",
    prepare: script("deploy.sh", "#!/bin/bash\n:\n"),
    run: ["{dir}/deploy.sh", "--later"],
    ask: ["exec", "{dir}/deploy.sh", "--later"],
  },
  {
    name: "a script of a forbidden interpreter",
    prepare: script("x.sh", "#!{bin}/fakesh -e\n"),
    run: ["{dir}/x.sh"],
    ask: ["exec", "{dir}/x.sh"],
  },
  {
    name: "a program by a symbolic link",
    prepare: (dir, bin) => symlinkSync(join(bin, "lethal"), join(dir, "other")),
    run: ["{dir}/other"],
    ask: ["exec", "{dir}/other"],
  },
  ...["keys/private", "keys/public", "log", ".env", "plain"].map((file) => ({
    name: `read ${file}`,
    folders: ["keys"],
    prepare: (dir: string) => writeFileSync(join(dir, file), "before\n"),
    run: ["{act}", "read", file],
    ask: ["read", `{dir}/${file}`],
  })),
  {
    name: "read by a symbolic link",
    folders: ["keys"],
    prepare: (dir) => {
      writeFileSync(join(dir, "keys/private"), "before\n");
      symlinkSync("keys/private", join(dir, "harmless"));
    },
    run: ["{act}", "read", "harmless"],
    ask: ["read", "{dir}/harmless"],
  },
  ...[
    ["127.0.0.1", "{tcp.block}"],
    ["127.0.0.1", "{tcp.kill}"],
    ["127.0.0.1", "{tcp.free}"],
    ["127.0.2.1", "{tcp.free}"],
  ].map(([address, port]) => ({
    name: `connect ${address} ${port}`,
    run: ["{act}", "tcp", `${address}`, `${port}`, "{name}"],
    ask: ["connect", `tcp://${address}:${port}`],
  })),
];

let folder = "";
let run: MatrixRun | null = null;
let told: string[] = [];

beforeAll(async () => {
  if (reason !== null) return;
  folder = scratchFolder();
  const servers = await startServers();
  try {
    installPrograms(join(folder, "bin"));
    mkdirSync(join(folder, "repository"));
    await makeRepository(join(folder, "repository"));
    const cases = rows.map(({ name, run, files, folders, prepare }): Case => {
      const more = {
        ...(files && { files }),
        ...(folders && { folders }),
        ...(prepare && { prepare }),
      };
      return { name, run, expected: null, ...more };
    });
    const held = join(folder, "held");
    run = await runMatrix({ folder: held, policy, cases, servers, flags: ["--degraded"] });
    told = await Promise.all(
      rows.map(async ({ name, ask, labels = [] }) => {
        const words = ask.map((word) =>
          word.replaceAll(
            /\{([\w.]+)\}/g,
            (whole, key) =>
              ({ dir: join(held, "cases", slug(name)), bin: join(folder, "bin") })[key as "dir"] ??
              servers.names.get(key) ??
              whole,
          ),
        );
        const given = labels.flatMap((label) => ["--label", label]);
        const options = ["--json", "--policy", join(held, "policy.ap")];
        const { stdout, stderr } = await runTool(["why", ...options, ...given, ...words]);
        if (stdout === "") throw new Error(stderr);
        const { effect, matched } = JSON.parse(stdout);
        return [effect, ...matched.map(({ name }: { name: string }) => name)].join(" ");
      }),
    );
  } finally {
    servers.close();
  }
});
afterAll(() => clean(folder));

test.skipIf(reason !== null).each(rows.map(({ name }, index) => [name, index] as const))(
  "why and the kernel agree: %s",
  (_, index) => {
    // The last match is the operation; earlier ones are of what came before it.
    const match = run?.cases[index]?.matches.at(-1);
    const rules = (match?.clauses ?? []).map((id) => run?.rules.get(id));
    expect(told[index] as string).toBe([match?.effect ?? "none", ...rules].join(" "));
  },
);

test.skipIf(reason !== null)(
  "the table has what is refused, what is killed and what passes",
  () => {
    expect(everyTier).toContain(run?.told.tier ?? "lsm");
    for (const effect of ["none", "notify", "block", "kill"])
      expect(told.filter((answer) => answer.startsWith(effect)).length).toBeGreaterThan(0);
  },
);

test.skipIf(reason !== null)(
  "simulate says of the recorded run what the kernel did about it",
  async () => {
    const held = join(folder, "held");
    const files = [join(held, "policy.ap"), join(held, "events.jsonl")];
    const { stdout, stderr } = await runTool(["simulate", "--json", "--policy", ...files]);
    if (stdout === "") throw new Error(stderr);
    const simulated = stdout
      .trim()
      .split("\n")
      .map((line): { effect: string; matched: { name: string }[] } => JSON.parse(line))
      .filter(({ effect }) => effect !== "none")
      .map(({ effect, matched }) => [effect, ...matched.map(({ name }) => name)].join(" "));
    const done = (run?.events ?? [])
      .filter(({ type, effect }) => type === "match" && effect !== "none")
      .map(({ effect, clauses }) => [effect, ...clauses.map((id) => run?.rules.get(id))].join(" "));
    expect(done.length).toBeGreaterThan(10);
    expect(simulated.sort()).toEqual(done.sort());
  },
);
