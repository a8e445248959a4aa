// Gemini CLI: settings.json, with comments allowed. AfterTool is fired for tools that failed, too; its
// timeouts are milliseconds, and standard output may hold nothing but one JSON value.

import { contextAnswer, type Harness, isTrue, timeoutSeconds } from "./harness.ts";

const withContext = ["AfterTool", "BeforeAgent", "SessionStart"];

export const gemini: Harness = {
  name: "gemini",
  title: "Gemini CLI",
  settings: { project: ".gemini/settings.json", user: ".gemini/settings.json" },
  hasComments: true,
  events: ["AfterTool", "BeforeAgent", "AfterAgent"],
  place: (_, event) => ["hooks", event],
  group: (command) => ({
    hooks: [{ name: "actplane", type: "command", command, timeout: timeoutSeconds * 1000 }],
  }),
  afterwards: null,
  isFailure: ({ tool_response }) =>
    typeof tool_response === "object" && tool_response !== null && "error" in tool_response,
  answer: (input, { text, isUrgent }) => {
    const event = String(input.hook_event_name);
    if (withContext.includes(event)) return contextAnswer(event, text);
    // `deny` rejects the response and sends the reason as the next prompt.
    if (event !== "AfterAgent" || !isUrgent || isTrue(input.stop_hook_active)) return null;
    return { decision: "deny", reason: text };
  },
};
