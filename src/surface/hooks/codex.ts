// Codex: hooks.json, in the shape of Claude Code's. Its output schema allows no key that it does not know,
// and its session ids can be stale, so feedback goes by domain.

import { contextAnswer, type Harness, isTrue, timeoutSeconds } from "./harness.ts";

const withContext = ["PostToolUse", "UserPromptSubmit", "SessionStart"];

export const codex: Harness = {
  name: "codex",
  title: "Codex",
  settings: { project: ".codex/hooks.json", user: ".codex/hooks.json" },
  hasComments: false,
  events: ["PostToolUse", "UserPromptSubmit", "Stop"],
  place: (_, event) => ["hooks", event],
  group: (command) => ({ hooks: [{ type: "command", command, timeout: timeoutSeconds }] }),
  afterwards: "Codex runs these hooks after you trusted them once in its `/hooks`",
  // It does not say whether the tool failed.
  isFailure: () => false,
  answer: (input, { text, isUrgent }) => {
    const event = String(input.hook_event_name);
    if (withContext.includes(event)) return contextAnswer(event, text);
    if (event !== "Stop" || !isUrgent || isTrue(input.stop_hook_active)) return null;
    return { decision: "block", reason: text };
  },
};
