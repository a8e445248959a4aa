// Hooks that harnesses post: each contract's answer, once, to members only.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { harnessNames } from "../../../src/surface/hooks/harness.ts";
import payloads from "../hooks/payloads.json";
import { brief, ServedPlane } from "./served.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);
let plane: ServedPlane;
beforeEach(async () => {
  plane = await new ServedPlane().open();
});
afterEach(() => plane.close());

const moments = {
  claude: payloads.claude.PostToolUseFailure,
  codex: payloads.codex.PostToolUse,
  gemini: payloads.gemini.AfterTool,
  openhands: payloads.openhands.UserPromptSubmit,
};

/** On the disk, as every record that is read. */
async function refusedIn(id: string): Promise<void> {
  plane.refuse(id);
  const { body } = await plane.ask(`/v1/domains/${id}/feedback?after=0&wait=5`);
  expect(body.records.length).toBeGreaterThan(0);
}

for (const name of harnessNames) {
  asRoot(`${name} is told once, in its own contract`, async () => {
    const { id, token } = await plane.make();
    await refusedIn(id);
    const ask = () => plane.tcp(`/hooks/${name}`, token, { body: moments[name] });
    const first = await ask();
    expect(first.status).toBe(200);
    const told = first.body.hookSpecificOutput?.additionalContext ?? first.body.additionalContext;
    expect(told).toContain('REFUSED (EPERM, nothing happened): exec "/usr/bin/git"');
    expect((await ask()).body).toEqual({});
    expect(plane.daemon.queue.state(id)).toMatchObject({ last: 1, acked: 1 });
  });
}

asRoot(
  "a failure that is posted before its refusal is on the disk is answered with it",
  async () => {
    const { id, token } = await plane.make();
    const asked = plane.tcp("/hooks/claude", token, { body: moments.claude });
    await Bun.sleep(20);
    plane.refuse(id);
    expect((await asked).body.hookSpecificOutput.additionalContext).toContain("REFUSED");
  },
);

asRoot("what a moment cannot carry waits for the next", async () => {
  const { id, token } = await plane.make();
  await refusedIn(id);
  const { body } = await plane.tcp("/hooks/claude", token, { body: payloads.claude.Notification });
  expect(body).toEqual({});
  expect(plane.daemon.queue.state(id).acked).toBe(0);
});

asRoot("a member on the socket is told its own, and nobody else's", async () => {
  const { id } = await plane.make();
  const { id: other } = await plane.make();
  await refusedIn(id);
  plane.become(other);
  expect((await plane.ask("/hooks/claude", { body: moments.claude })).body).toEqual({});
  plane.become(id);
  const { body } = await plane.ask("/hooks/claude", { body: moments.claude });
  expect(body.hookSpecificOutput.hookEventName).toBe("PostToolUseFailure");
});

asRoot("who is no member hears nothing, what is no input is refused", async () => {
  const { id, token } = await plane.make();
  await refusedIn(id);
  expect((await plane.tcp("/hooks/claude", null, { body: moments.claude })).body).toEqual({});
  expect(brief(await plane.tcp("/hooks/claude", token, { body: [] }))).toBe("400 bad-request");
  expect(brief(await plane.tcp("/hooks/claude", token, { body: "{" }))).toBe("400 bad-request");
  expect(brief(await plane.tcp("/hooks/nobody", token, { body: {} }))).toBe("404 not-found");
});
