// `actplane hooks` as typed, and as a harness calls it: with a daemon, without, and with a broken one.

import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { Story } from "../../runtime/story.ts";
import { makePlace } from "../support.ts";
import payloads from "./payloads.json";

const place = makePlace();
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
  place.remove();
});

const inPlace = (path: string) => join(place.folder, path);
const text = (path: string) => readFileSync(inPlace(path), "utf8");

test("install, again, and uninstall", async () => {
  const first = await place.run(["hooks", "install", "--claude", "--codex"]);
  expect(first.code).toBe(0);
  expect(first.err).toMatch(
    /settings\.json was changed\n.*hooks\.json was changed\n {2}Codex runs/,
  );
  const [claude, codex] = [text(".claude/settings.json"), text(".codex/hooks.json")];
  const second = await place.run(["hooks", "install", "--claude", "--codex"]);
  expect(second.err).toMatch(/is so already\n.*is so already\n$/);
  expect([text(".claude/settings.json"), text(".codex/hooks.json")]).toEqual([claude, codex]);
  await place.run(["hooks", "uninstall", "--claude"]);
  expect(text(".claude/settings.json")).toBe("{}\n");
  expect(readdirSync(inPlace(".claude"))).toEqual(["settings.json"]);
});

test("the user's settings are below the home", async () => {
  await place.run(["hooks", "install", "--gemini", "--user"], { env: { HOME: inPlace("home") } });
  expect(text("home/.gemini/settings.json")).toContain("hooks answer --gemini");
});

test("mode and symbolic link stay", async () => {
  place.write("real.json", '{"a": 1}');
  place.write("linked/.claude/x", "");
  chmodSync(inPlace("real.json"), 0o600);
  symlinkSync("../../real.json", inPlace("linked/.claude/settings.json"));
  await place.run(["hooks", "install", "--claude"], { cwd: "linked" });
  expect(lstatSync(inPlace("linked/.claude/settings.json")).isSymbolicLink()).toBe(true);
  expect(text("real.json")).toContain("hooks answer --claude");
  expect(statSync(inPlace("real.json")).mode & 0o777).toBe(0o600);
});

test("a file that is no JSON is left alone, and the others are done", async () => {
  place.write("broken/.claude/settings.json", "{,}");
  const { code, err } = await place.run(["hooks", "install", "--claude", "--gemini"], {
    cwd: "broken",
  });
  expect(code).toBe(2);
  expect(err).toContain("settings.json was left alone: no valid JSON at 1:2");
  expect(text("broken/.claude/settings.json")).toBe("{,}");
  expect(text("broken/.gemini/settings.json")).toContain("AfterAgent");
});

test("print writes nothing", async () => {
  const { out } = await place.run(["hooks", "print", "--openhands"], { cwd: "" });
  expect(Object.keys(JSON.parse(out))).toEqual(["user_prompt_submit", "stop"]);
});

test("without a harness it says which there are", async () => {
  const { code, err } = await place.run(["hooks", "install"]);
  expect(code).toBe(1);
  expect(err).toContain("--claude, --codex, --gemini, --openhands");
});

// ---- answer ----

const story = new Story('rule no-push: block exec "git" "push"');
story.exec(100, "/usr/bin/claude", ["claude"]);
story.match(100, "exec", "/usr/bin/git", { argv: ["git", "push"], outcome: "refused" });

/** A daemon that keeps feedback for everybody. */
function daemon(handle: (request: Request) => Response | Promise<Response>): string {
  const socket = inPlace(`daemon-${stops.length}.sock`);
  const server = Bun.serve({ unix: socket, fetch: handle });
  stops.push(() => server.stop(true));
  return socket;
}

function answer(socket: string, payload: unknown = payloads.claude.PostToolUseFailure) {
  const stdin = typeof payload === "string" ? payload : JSON.stringify(payload);
  return place.run(["hooks", "answer", "--claude"], { stdin, env: { ACTPLANE_SOCKET: socket } });
}

test("what waits is said in the harness's contract, and then acknowledged", async () => {
  const asked: string[] = [];
  const socket = daemon(async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(`${request.method} ${pathname} ${await request.text()}`);
    return Response.json(request.method === "GET" ? { records: story.records, missed: 0 } : {});
  });
  const { code, out, err } = await answer(socket);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const said = JSON.parse(out).hookSpecificOutput;
  expect(said.hookEventName).toBe("PostToolUseFailure");
  expect(said.additionalContext).toContain(
    'REFUSED (EPERM, nothing happened): exec "/usr/bin/git push"',
  );
  expect(asked).toEqual([
    "GET /v1/domains/self/feedback ",
    'POST /v1/domains/self/feedback/ack {"seq":1}',
  ]);
});

test("what this moment cannot carry is not acknowledged", async () => {
  const asked: string[] = [];
  const socket = daemon((request) => {
    asked.push(request.method);
    return Response.json({ records: story.records, missed: 0 });
  });
  const { out } = await answer(socket, payloads.claude.Notification);
  expect({ out, asked }).toEqual({ out: "", asked: ["GET"] });
});

const quiet: Record<string, () => Promise<{ code: number; out: string; err: string }>> = {
  "no daemon": () => answer(inPlace("nobody.sock")),
  "nothing to say": () => answer(daemon(() => Response.json({ records: [], missed: 0 }))),
  "a caller that is not governed": () => answer(daemon(() => new Response(null, { status: 403 }))),
  "a daemon that talks nonsense": () => answer(daemon(() => new Response("<html>"))),
  "an input that is no JSON": () =>
    answer(
      daemon(() => Response.json({ records: story.records })),
      "{",
    ),
};
for (const [name, ask] of Object.entries(quiet)) {
  test(`silent, exit code 0: ${name}`, async () => {
    expect(await ask()).toEqual({ code: 0, out: "", err: "" });
  });
}

const tool = join(import.meta.dir, "../../../dist/actplane");
const isRoot = process.geteuid?.() === 0;

test.skipIf(!isRoot || !existsSync(tool))(
  "under sudo the file is edited as who called it, and by no more rights",
  () => {
    place.write("theirs/x", "");
    place.write("ours/.claude/settings.json", "{}");
    chmodSync(place.folder, 0o755);
    chmodSync(inPlace("theirs"), 0o777);
    const nobody = 65534;
    const run = (cwd: string) =>
      Bun.spawnSync([tool, "hooks", "install", "--claude"], {
        cwd: inPlace(cwd),
        env: { SUDO_UID: `${nobody}`, SUDO_GID: `${nobody}`, SUDO_USER: "nobody" },
      });
    expect(run("theirs").exitCode).toBe(0);
    expect(statSync(inPlace("theirs/.claude/settings.json")).uid).toBe(nobody);
    expect(text("theirs/.claude/settings.json")).toContain(`${tool} hooks answer --claude`);
    const refused = run("ours");
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr.toString()).toContain("could not be changed");
    expect(text("ours/.claude/settings.json")).toBe("{}");
  },
);
