// Claude Code: settings.json. PostToolUse is not fired for a tool call that failed, so PostToolUseFailure
// is registered too; what neither brought is swept up when the user speaks and when the turn would end.

import { contextAnswer, type Harness, isTrue, timeoutSeconds } from "./harness.ts";

const withContext = ["PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "SessionStart"];

export const claude: Harness = {
  name: "claude",
  title: "Claude Code",
  settings: { project: ".claude/settings.json", user: ".claude/settings.json" },
  hasComments: false,
  events: ["PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "Stop"],
  place: (_, event) => ["hooks", event],
  group: (command) => ({ hooks: [{ type: "command", command, timeout: timeoutSeconds }] }),
  afterwards: null,
  isFailure: ({ hook_event_name }) => hook_event_name === "PostToolUseFailure",
  answer: (input, { text, isUrgent }) => {
    const event = String(input.hook_event_name);
    if (withContext.includes(event)) return contextAnswer(event, text);
    const isStop = event === "Stop" || event === "SubagentStop";
    // Once only: a turn that we let go on may end.
    if (!isStop || !isUrgent || isTrue(input.stop_hook_active)) return null;
    return { decision: "block", reason: text };
  },
};
