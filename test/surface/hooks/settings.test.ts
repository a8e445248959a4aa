// Our entries in other people's settings: what is there stays, byte for byte, and comes back.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "jsonc-parser";
import { harnessNames } from "../../../src/surface/hooks/harness.ts";
import { harnesses } from "../../../src/surface/hooks/harnesses.ts";
import { hookCommand, withHooks, withoutHooks } from "../../../src/surface/hooks/settings.ts";

const { claude, gemini, openhands } = harnesses;
const executable = "/usr/local/bin/actplane";

function installed(text: string, harness = claude, path = executable): string {
  const after = withHooks(text, harness, hookCommand(path, harness));
  if (after === null) throw new Error("nothing to change");
  return after;
}

test("an empty file becomes one with our hooks only", () => {
  for (const text of ["", "\n", "{}"])
    expect(Object.keys(JSON.parse(installed(text)).hooks)).toEqual([
      "PostToolUse",
      "PostToolUseFailure",
      "UserPromptSubmit",
      "Stop",
    ]);
});

test("what others registered stays in front of ours, written as it was", () => {
  const text = `{
    "model": "x",   "permissions": {"allow": ["Bash(ls)"]},
    "hooks": {
        "Stop": [
            {"matcher": "", "hooks": [{"type": "command", "command": "say done"}]}
        ]
    }
}
`;
  expect(installed(text)).toStartWith(`{
    "model": "x",   "permissions": {"allow": ["Bash(ls)"]},
    "hooks": {
        "Stop": [
            {"matcher": "", "hooks": [{"type": "command", "command": "say done"}]},
            {
                "hooks": [
                    {
                        "type": "command",
                        "command": "/usr/local/bin/actplane hooks answer --claude",
                        "timeout": 10
                    }
                ]
            }
        ],
        "PostToolUse": [
`);
});

describe("what was installed and is uninstalled leaves the file as it was", () => {
  test.each([
    ['{"a":1}'],
    ['{\n\t"a": 1\n}'],
    ['{"hooks":{"Stop":[{"hooks":[{"command":"x"}]}]},"z":[1,2]}'],
    ['{\r\n  "a": [1, 2],\r\n  "b": {"c": "hooks answer"}\r\n}\r\n'],
    ['{ "hooks": { "Other": [] } }'],
  ])("%j", (text) => {
    expect(withoutHooks(installed(text), claude)).toBe(text);
  });

  test("of any settings", () => {
    // What is empty where our hooks go is not told from what we left.
    const settings = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== "hooks" && key !== "__proto__"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(settings, fc.constantFrom(undefined, 2, 4, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        for (const name of harnessNames) {
          if (name === "openhands") continue;
          const after = installed(text, harnesses[name]);
          expect(JSON.parse(after)).toMatchObject(JSON.parse(text));
          expect(withHooks(after, harnesses[name], hookCommand(executable, harnesses[name]))).toBe(
            null,
          );
          expect(withoutHooks(after, harnesses[name])).toBe(text);
        }
      }),
    );
  });
});

test("a second installation changes nothing, one from another place only the command", () => {
  const first = installed("{}");
  expect(withHooks(first, claude, hookCommand(executable, claude))).toBe(null);
  const moved = installed(first, claude, "/opt/actplane");
  expect(moved).toBe(first.replaceAll(executable, "/opt/actplane"));
});

test("our command beside somebody else's in one group goes alone", () => {
  const ours = { type: "command", command: hookCommand(executable, claude) };
  const text = JSON.stringify({
    hooks: { Stop: [{ hooks: [{ type: "command", command: "mine" }, ours] }] },
  });
  expect(JSON.parse(withoutHooks(text, claude) ?? "")).toEqual({
    hooks: { Stop: [{ hooks: [{ type: "command", command: "mine" }] }] },
  });
});

test("comments stay where they are, where the harness has them", () => {
  const text = `// mine
{
  "theme": "dark", // night, mostly
  "hooks": {
    "AfterTool": [ /* none yet */ ]
  } // end
}
`;
  const after = installed(text.replace("[ /* none yet */ ]", "[]"), gemini);
  expect(after).toContain('"theme": "dark", // night, mostly\n');
  expect(after).toContain("} // end\n");
  expect(Object.keys(parse(after).hooks)).toEqual(["AfterTool", "BeforeAgent", "AfterAgent"]);
});

describe("a file that cannot be understood is refused with the place", () => {
  test.each([
    ['{\n  "a": tru\n}', "no valid JSON at 2:8: invalid symbol"],
    ['{"a": 1', "no valid JSON at 1:8: close brace expected"],
    ['{"a": 1} x', "no valid JSON at 1:10: invalid symbol"],
    ['{"a": 1, }', "no valid JSON at 1:10: property name expected"],
    ["// a comment\n{}", "no valid JSON at 1:1: invalid comment token"],
    ["[]", "it holds no JSON object"],
    ['{"hooks": []}', "`hooks` must be an object (was [])"],
    ['{"hooks": {"Stop": {}}}', "`hooks.Stop` must be a list (was object)"],
  ])("%j", (text, message) => {
    expect(() => withHooks(text, claude, "x")).toThrow(message);
  });
});

describe("OpenHands has one spelling for each event", () => {
  test.each([
    ["{}", ["user_prompt_submit", "stop"]],
    ['{"stop": []}', ["stop", "user_prompt_submit"]],
    ['{"PreToolUse": []}', ["PreToolUse", "UserPromptSubmit", "Stop"]],
    ['{"hooks": {"Stop": []}}', ["hooks"]],
  ])("%s", (text, keys) => {
    const after = JSON.parse(installed(text, openhands));
    expect(Object.keys(after)).toEqual(keys);
    if (after.hooks) expect(Object.keys(after.hooks)).toEqual(["Stop", "UserPromptSubmit"]);
  });
});

test("a path with odd characters is one word for the shell", () => {
  const command = hookCommand("/opt/it's mine/actplane", claude);
  const { stdout } = Bun.spawnSync(["sh", "-c", `printf '%s|' ${command}`]);
  expect(stdout.toString()).toBe("/opt/it's mine/actplane|hooks|answer|--claude|");
});
