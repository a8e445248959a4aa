// What agents and harness authors use of the daemon, with the running kernel: the clients of docs/clients, the
// command hook, the HTTP hook and MCP, each by a member of a domain that has just been refused something.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { patience, root, tool, whyNot } from "./tool.ts";

setDefaultTimeout(60_000 * patience);
const suite = whyNot() === null ? describe : describe.skip;

suite("agents and their harnesses", () => {
  const daemon = new TestDaemon();
  const environment = () => ({ ...process.env, ACTPLANE_SOCKET: daemon.socket });
  beforeAll(() => daemon.start());
  afterAll(() => daemon.end());

  const clients = {
    "curl.sh": "sh",
    "python.py": "python3",
    "node.mjs": "node",
    "client.go": "go",
  };
  for (const [file, interpreter] of Object.entries(clients)) {
    const path = Bun.which(interpreter);
    if (path === null) console.error(`e2e: skipped: ${file}: there is no ${interpreter} here`);
    test.skipIf(path === null)(`docs/clients/${file} makes a domain and is told`, () => {
      const words = interpreter === "go" ? ["go", "run"] : [interpreter];
      const { stdout, stderr, exitCode } = Bun.spawnSync(
        [...words, join(root, "docs/clients", file)],
        { env: environment(), stdin: "ignore" },
      );
      const out = stdout.toString();
      expect({ out, code: exitCode, err: stderr.toString() }).toMatchObject({ code: 0, err: "" });
      // Once or more: a refused exec lets the interpreter go on along PATH, and there /bin is /usr/bin.
      expect(out).toMatch(/^(refused: \/usr\/bin\/git push: a person pushes\n)+$/);
    });
  }

  test("no client has more than 30 lines", async () => {
    for (const file of Object.keys(clients)) {
      const text = await Bun.file(join(root, "docs/clients", file)).text();
      expect(text.split("\n").length - 1).toBeLessThanOrEqual(30);
    }
  });

  /** A shell in a domain of its own, after a refusal that is on the disk. */
  async function agent(script: string): Promise<string> {
    const id = await daemon.make('rule no-push: block exec "git" "push" because "a person pushes"');
    Bun.spawnSync([...daemon.prefix(id), "git", "push", "origin"], { stdin: "ignore" });
    const told = await daemon.curl("GET", `/v1/domains/${id}/feedback?after=0&wait=20`);
    expect(told.body.records).toHaveLength(1);
    const { stdout } = Bun.spawnSync([...daemon.prefix(id), "bash", "-c", script], {
      env: environment(),
      stdin: "ignore",
    });
    return stdout.toString();
  }

  const failed = `'{"hook_event_name": "PostToolUseFailure", "tool_name": "Bash"}'`;

  test("the command hook tells a failed tool call's reason, once", async () => {
    const out = await agent(
      `echo ${failed} | ${tool} hooks answer --claude; echo --; echo ${failed} | ${tool} hooks answer --claude`,
    );
    const [first = "", second] = out.split("--\n");
    const { hookEventName, additionalContext } = JSON.parse(first).hookSpecificOutput;
    expect(hookEventName).toBe("PostToolUseFailure");
    expect(additionalContext).toContain('exec "/usr/bin/git push origin"');
    expect(additionalContext).toContain("because: a person pushes");
    expect(second).toBe("");
  });

  test("outside of any domain the hook is silent", () => {
    const { stdout, exitCode } = Bun.spawnSync([tool, "hooks", "answer", "--claude"], {
      env: environment(),
      stdin: new TextEncoder().encode('{"hook_event_name": "Stop"}'),
    });
    expect({ out: stdout.toString(), exitCode }).toEqual({ out: "", exitCode: 0 });
  });

  test("the HTTP hook does the same", async () => {
    const ask = `curl -s --unix-socket "$ACTPLANE_SOCKET" -H 'content-type: application/json' http://actplane/hooks/codex -d`;
    const out = await agent(`${ask} '{"hook_event_name": "Stop", "stop_hook_active": false}'`);
    expect(JSON.parse(out)).toMatchObject({ decision: "block" });
    expect(JSON.parse(out).reason).toContain("because: a person pushes");
  });

  test("over MCP the agent asks why, tightens its domain, and is held to it", async () => {
    const call = (id: number, name: string, given: object) =>
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: { name, arguments: given },
      });
    const initialize = JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "test", version: "1" },
      },
    });
    const requests = [
      initialize,
      call(1, "poll_feedback", {}),
      call(2, "why", { operation: ["exec", "git", "push"] }),
      call(3, "add_policy", { text: 'rule no-touch: block exec "touch"', name: "more" }),
    ];
    const mark = join(daemon.folder, "touched");
    const answered = join(daemon.folder, "answered");
    // Its input ends when it has answered, or never will.
    const waits = `for i in {1..${100 * patience}}; do sleep 0.2; [[ $(wc -l <${answered}) -ge ${requests.length} ]] && break; done`;
    const script = [
      `: >${answered}`,
      `(printf '%s\\n' ${requests.map((line) => `'${line}'`).join(" ")}; ${waits}) | ${tool} mcp | tee ${answered}`,
      `touch ${mark} || echo '{"held": true}'`,
    ].join("\n");
    const answers = (await agent(script))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const textOf = (id: number) =>
      answers.find((answer) => answer.id === id)?.result.content[0].text as string;
    expect(textOf(1)).toContain("because: a person pushes");
    expect(textOf(2)).toStartWith("block: ");
    expect(textOf(3)).toContain('no-touch: block exec "touch"');
    expect(answers.at(-1)).toEqual({ held: true });
    expect(await Bun.file(mark).exists()).toBe(false);
  });
});
