// The verbs over the daemon's API, against a daemon whose engine has no kernel.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Command } from "commander";
import { EngineTaken } from "../../src/kernel/kernel.ts";
import { completionScript } from "../../src/surface/commands/completions.ts";
import type { Host } from "../../src/surface/host.ts";
import { ServedPlane } from "./http/served.ts";
import { makePlace, type Place } from "./support.ts";

setDefaultTimeout(60_000);

const isRoot = process.geteuid?.() === 0;
const asRoot = test.skipIf(!isRoot);
let plane: ServedPlane;
let place: Place;
beforeEach(async () => {
  plane = await new ServedPlane().open();
  place = makePlace();
});
afterEach(async () => {
  place.remove();
  await plane.close();
});

const run = (...argv: string[]) => place.run(argv, { env: { ACTPLANE_SOCKET: plane.socket } });

test("without a daemon each verb says what would start one", async () => {
  const env = { ACTPLANE_SOCKET: "/nowhere/actplane.sock" };
  for (const argv of [["ps"], ["events"], ["feedback"], ["policy", "list"], ["attach", "1"]]) {
    const { code, err } = await place.run(
      [...argv, ...(argv[0] === "attach" ? ["--rule", ""] : [])],
      { env },
    );
    expect([code, err]).toEqual([
      1,
      "actplane: no daemon answers at /nowhere/actplane.sock; `sudo actplane serve` starts one\n",
    ]);
  }
});

asRoot("who is in no domain is told to name one", async () => {
  for (const argv of [["feedback"], ["policy", "list"], ["policy", "show"]])
    expect(await run(...argv)).toMatchObject({
      code: 1,
      err: "actplane: we are in no domain: name one with --domain; `actplane ps` lists them\n",
    });
});

test("a number that is none is told in a sentence", async () => {
  expect((await run("attach", "foo", "--rule", "")).err).toEndWith("A number is needed.\n");
});

describe("stop --all where nothing answers", () => {
  const socket = "/nowhere/actplane.sock";
  const stop = (pins: string, host: Partial<Host>) =>
    place.run(["stop", "--all", "--socket", socket, "--pins", pins], { host });
  asRoot("says that there are no rules", async () => {
    expect(await stop("/sys/fs/bpf/no-such/v1", {})).toMatchObject({
      code: 0,
      out: "there are no rules\n",
    });
  });
  asRoot("ends the rules of a version that it cannot read", async () => {
    const removed: string[] = [];
    const openEngine = () => Promise.reject(new EngineTaken("laid out by another version"));
    const removeEngine = async (pins: string) => removed.push(pins) > 0;
    expect(await stop(place.folder, { openEngine, removeEngine })).toMatchObject({
      code: 0,
      out: "the rules of another version of actplane have ended\n",
    });
    expect(removed).toEqual([place.folder]);
  });
  asRoot("leaves those of a process that runs", async () => {
    const taken = () => Promise.reject(new EngineTaken("another process has it open"));
    expect(await stop(place.folder, { openEngine: taken, removeEngine: taken })).toMatchObject({
      code: 1,
      err: "actplane: another process has it open\n",
    });
  });
});

describe("ps", () => {
  asRoot("lists domains, and processes under their domain", async () => {
    expect((await run("ps")).out).toBe("there are no domains\n");
    const { id } = await plane.make();
    await plane.make("", { name: "child", parent: id });
    const { number } = plane.daemon.control.existing(id);
    for (const pid of [4711, 4712]) plane.engine.processes.set(pid, number);
    plane.refuse(id);
    await Bun.sleep(1);
    expect((await run("ps")).out).toBe(
      [
        "ID  NAME   PARENT  CLAUSES  REVISION  UNREAD  PID   PROGRAM",
        "d1  agent  -       1        1         1       4711  ?",
        "                                              4712  ?",
        "d2  child  d1      1        1         0       -     -",
        "",
      ].join("\n"),
    );
    expect(JSON.parse((await run("ps", "--json")).out).domains).toHaveLength(2);
  });
});

describe("policy", () => {
  asRoot("add tightens, list and show tell what holds", async () => {
    const { id } = await plane.make();
    place.write("more.policy", 'rule more: block exec "dd"\n');
    const dry = await run("policy", "add", "--domain", id, "--dry-run", "more.policy");
    expect(dry.out).toBe(
      'would add 1 clause to d1\n  blocked-before        more: block exec "dd"\n',
    );
    const added = await run("policy", "add", "--domain", id, "more.policy");
    expect(added.out).toBe(
      'added 1 clause to d1 as text 2, revision 2\n  blocked-before        more: block exec "dd"\n',
    );
    expect((await run("policy", "list", "--domain", id)).out).toContain("2   more.policy");
    expect((await run("policy", "show", "--domain", id)).out).toContain(
      '# 2: more.policy\nrule more: block exec "dd"\n',
    );
  });
  asRoot("a refusal names the clause and its place, and ends with 1", async () => {
    const { id } = await plane.make('rule review: block exec "git" if not REVIEWED');
    const rule = 'source REVIEWED = exec "sh"';
    const { code, err } = await run("policy", "add", "--domain", id, "--rule", rule);
    expect(code).toBe(1);
    expect(err).toBe(
      [
        'error[T002]: more would carry `REVIEWED`, and rule `review` (`block exec "git" if not REVIEWED`) asks for `not REVIEWED`',
        "  policy:1:1",
        "  help: give it another name",
        "  this clause would match less: policy:1:14",
        'actplane: the text would loosen: more would carry `REVIEWED`, and rule `review` (`block exec "git" if not REVIEWED`) asks for `not REVIEWED`',
        "",
      ].join("\n"),
    );
  });
  asRoot("diff says which rules differ from a file's", async () => {
    const { id } = await plane.make('rule same: block exec "a"\nrule gone: block exec "b"');
    place.write("p.policy", 'rule same: block exec "a"\nrule new: block exec "c"\n');
    const { code, out } = await run("policy", "diff", "--domain", id, "p.policy");
    expect([code, out]).toEqual([
      2,
      '+ rule new:\n+   block exec "c"\n- rule gone:\n-   block exec "b"\n',
    ]);
    place.write("p.policy", 'rule same: block exec "a"\nrule gone: block exec "b"\n');
    expect((await run("policy", "diff", "--domain", id, "p.policy")).code).toBe(0);
  });
});

describe("feedback and events", () => {
  asRoot("feedback is told in words, and acknowledged where that is asked", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    await Bun.sleep(1);
    const { out } = await run("feedback", "--domain", id, "--ack");
    expect(out).toStartWith("actplane: refused with EPERM, nothing happened: /usr/bin/git\n");
    expect((await run("feedback", "--domain", id)).out).toBe("");
    expect((await run("feedback", "--domain", id, "--after", "0", "--json")).out).toContain(
      '"seq":1',
    );
  });
  asRoot("events are told a line each", async () => {
    const { id } = await plane.make();
    plane.refuse(id);
    await Bun.sleep(1);
    expect((await run("events", "--domain", id)).out).toMatch(
      /^\S+Z {2}d1 {2}10 {2}match refused {2}exec {2}\/usr\/bin\/git\n$/,
    );
  });
});

describe("approve", () => {
  asRoot("gives the word, and takes it back", async () => {
    const { id } = await plane.make('rule r: block exec "git" unless approved "release"');
    expect((await run("approve", "release", "--domain", id)).out).toBe("approved: release\n");
    expect((await run("approve", "release", "--domain", id, "--withdraw")).out).toBe(
      "withdrawn: release\n",
    );
    expect([...plane.engine.approvals.values()]).toEqual([false]);
  });
});

describe("attach", () => {
  asRoot("makes a domain for the process, and says what it cannot know", async () => {
    const sleeper = Bun.spawn(["sleep", "60"], { stdin: "ignore" });
    const words = ["attach", `${sleeper.pid}`, "--rule", 'rule r: block exec "git"'];
    const { code, out } = await run(...words);
    sleeper.kill(9);
    await sleeper.exited;
    expect(code).toBe(0);
    expect(out).toContain(`d1 governs 1 process, process ${sleeper.pid} among them\n`);
    expect(out).toContain("/dev/null: descriptor 0 was open already");
  });
  asRoot("calls the text as its file is called, which is how refusals name its place", async () => {
    place.write("agent.policy", 'rule r: block exec "git"');
    const sleeper = Bun.spawn(["sleep", "60"], { stdin: "ignore" });
    const { code } = await run("attach", `${sleeper.pid}`, "--policy", "agent.policy");
    sleeper.kill(9);
    await sleeper.exited;
    expect(code).toBe(0);
    const [text] = plane.daemon.control.existing("d1").texts;
    expect(text?.name).toBe("agent.policy");
  });
});

describe("stop", () => {
  asRoot("asks the daemon to end", async () => {
    const asked = run("stop", "--all");
    for (let i = 0; i < 100 && plane.stopped.length === 0; i++) await Bun.sleep(10);
    expect(plane.stopped).toEqual([{ all: true }]);
    // The rules end while it drains: nothing is said before they have.
    await plane.listening.drain();
    expect((await plane.ask("/healthz")).status).toBe(503);
    expect(await Promise.race([asked, Bun.sleep(200)])).toBeUndefined();
    await plane.listening.close();
    expect((await asked).out).toBe("stopped, and the rules with it\n");
  });
  test("kills only with --all", async () => {
    const { code, err } = await run("stop", "--kill");
    expect([code, err]).toEqual([
      1,
      "actplane: --kill ends what is governed, so it goes with --all\n",
    ]);
  });
});

describe("completions", () => {
  test("bash knows verbs, their options and the verbs below them", async () => {
    const { out } = await run("completions", "bash");
    const complete = (...words: string[]) => {
      const script = `${out}
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
        _actplane; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return Bun.spawnSync(["bash", "-c", script]).stdout.toString().split("\n");
    };
    expect(complete("actplane", "se")).toContain("serve");
    expect(complete("actplane", "policy", "")).toContain("diff");
    expect(complete("actplane", "policy", "add", "--dr")).toContain("--dry-run");
    expect(complete("actplane", "run", "--de")).toContain("--degraded");
  });
  test("zsh and fish are made of the same verbs", async () => {
    expect((await run("completions", "zsh")).out).toStartWith("#compdef actplane\n");
    const { out } = await run("completions", "fish");
    expect(out).toContain("-a serve -d 'answer agents and operators over HTTP");
    expect(out).toContain("'__fish_seen_subcommand_from policy' -l dry-run");
  });
  test("quotes in descriptions stay words", () => {
    const program = new Command("actplane");
    program.command("x").description("the agent's own");
    expect(completionScript(program, "fish")).toContain("'the agent\\'s own'");
  });
});
