// Each harness's contract: payloads as it sends them (design section 10, and the schemas and sources that
// the harnesses publish), and what it is answered.

import { describe, expect, test } from "bun:test";
import { answerHook, hookInput } from "../../../src/surface/hooks/answer.ts";
import { type HarnessName, harnessNames } from "../../../src/surface/hooks/harness.ts";
import { harnesses } from "../../../src/surface/hooks/harnesses.ts";
import { modelText } from "../../../src/surface/text/model.ts";
import { Story } from "../../runtime/story.ts";
import payloads from "./payloads.json";

const refused = storyOf(
  'rule no-push: block exec "git" "push" because "a person pushes"',
  "refused",
);
const noticed = storyOf('rule seen: notify exec "git" "push"', "observed");

function storyOf(policy: string, outcome: "refused" | "observed"): Story {
  const story = new Story(policy);
  story.exec(100, "/usr/bin/claude", ["claude"]);
  story.match(100, "exec", "/usr/bin/git", { argv: ["git", "push"], outcome });
  return story;
}

function answer(harness: HarnessName, payload: object, story = refused): object | null {
  const input = hookInput(payload);
  if (input === null) throw new Error("no input");
  return answerHook(harnesses[harness], input, { records: story.records, lost: 0 })?.body ?? null;
}

const text = modelText(refused.records);
const beside = (hookEventName: string) => ({
  hookSpecificOutput: { hookEventName, additionalContext: text },
});

/** What is said of a refusal; null: it waits for the next hook. */
const expected: Record<HarnessName, Record<string, object | null>> = {
  claude: {
    PostToolUse: beside("PostToolUse"),
    PostToolUseFailure: beside("PostToolUseFailure"),
    UserPromptSubmit: beside("UserPromptSubmit"),
    Stop: { decision: "block", reason: text },
    "Stop again": null,
    PreToolUse: null,
    Notification: null,
  },
  codex: {
    PostToolUse: beside("PostToolUse"),
    UserPromptSubmit: beside("UserPromptSubmit"),
    Stop: { decision: "block", reason: text },
    "Stop again": null,
  },
  gemini: {
    AfterTool: beside("AfterTool"),
    BeforeAgent: beside("BeforeAgent"),
    AfterAgent: { decision: "deny", reason: text },
    "AfterAgent again": null,
    BeforeTool: null,
  },
  openhands: {
    UserPromptSubmit: { additionalContext: text },
    Stop: {
      decision: "deny",
      reason: "actplane has feedback",
      additionalContext: text,
    },
    PostToolUse: null,
  },
};

for (const name of harnessNames) {
  const own: Record<string, object> = payloads[name];
  describe(harnesses[name].title, () => {
    test.each(Object.entries(own))("%s", (moment, payload) => {
      expect(answer(name, payload)).toEqual(expected[name][moment] as object);
    });
    test("every payload has an expectation", () => {
      expect(Object.keys(own).sort()).toEqual(Object.keys(expected[name]).sort());
    });
    test("what only was noticed keeps no turn from ending", () => {
      for (const [moment, payload] of Object.entries(own)) {
        const said = answer(name, payload, noticed);
        if (/Stop|AfterAgent/.test(moment)) expect(said).toBeNull();
        else expect(said === null).toBe(expected[name][moment] === null);
      }
    });
    test("nothing to say is no answer", () => {
      for (const payload of Object.values(own)) {
        const input = hookInput(payload) ?? {};
        expect(answerHook(harnesses[name], input, { records: [], lost: 0 })).toBeNull();
      }
    });
  });
}

/** The properties that Codex's published output schemas have; it takes no others. */
const codexKeys = {
  top: [
    "continue",
    "decision",
    "hookSpecificOutput",
    "reason",
    "stopReason",
    "suppressOutput",
    "systemMessage",
  ],
  Stop: ["continue", "decision", "reason", "stopReason", "suppressOutput", "systemMessage"],
  specific: ["additionalContext", "hookEventName", "updatedMCPToolOutput"],
} as const;

test("codex is answered with keys that its schemas have", () => {
  let answered = 0;
  for (const [moment, payload] of Object.entries(payloads.codex)) {
    const said = answer("codex", payload) as Record<string, object> | null;
    if (said === null) continue;
    answered++;
    const top: readonly string[] = moment === "Stop" ? codexKeys.Stop : codexKeys.top;
    expect(Object.keys(said).filter((key) => !top.includes(key))).toEqual([]);
    const specific: readonly string[] = codexKeys.specific;
    const inside = Object.keys(said.hookSpecificOutput ?? {});
    expect(inside.filter((key) => !specific.includes(key))).toEqual([]);
  }
  // At both of its moments.
  expect(answered).toBeGreaterThan(1);
});

test("what is answered says which record was the last in it", () => {
  const input = hookInput(payloads.claude.PostToolUse) ?? {};
  const waiting = { records: refused.records, lost: 0 };
  expect(answerHook(harnesses.claude, input, waiting)?.seq).toBe(1);
});

test("what is no object is no input", () => {
  for (const value of [null, [], "x", 1]) expect(hookInput(value)).toBeNull();
});
