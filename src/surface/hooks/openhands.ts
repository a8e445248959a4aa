// OpenHands: .openhands/hooks.json. Of its hooks only two reach the model: a prompt takes context, and a
// stop that is denied goes on with it. What a PostToolUse hook answers is recorded and not shown, so it
// is not registered, and nothing counts as told by it.

import { type Harness, timeoutSeconds } from "./harness.ts";

export const openhands: Harness = {
  name: "openhands",
  title: "OpenHands",
  settings: { project: ".openhands/hooks.json", user: ".openhands/hooks.json" },
  hasComments: false,
  events: ["user_prompt_submit", "stop"],
  place: (settings, event) => eventPlace(settings, event),
  group: (command) => ({
    matcher: "*",
    hooks: [{ type: "command", command, timeout: timeoutSeconds }],
  }),
  afterwards: null,
  isFailure: () => false,
  answer: (input, { text, isUrgent }) => {
    if (input.event_type === "UserPromptSubmit") return { additionalContext: text };
    if (input.event_type !== "Stop" || !isUrgent) return null;
    return { decision: "deny", reason: "actplane has feedback", additionalContext: text };
  },
};

/** It refuses a file in which an event has two spellings, and reads nothing beside a `hooks` wrapper. */
function eventPlace(settings: unknown, event: string): readonly string[] {
  const isWrapped = isRecord(settings) && isRecord(settings.hooks);
  const events = isWrapped ? (settings as { hooks: unknown }).hooks : settings;
  const pascal = event.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const known = isRecord(events) ? Object.keys(events) : [];
  const usesPascal = known.includes(pascal) || (!known.includes(event) && known.some(isPascal));
  const key = usesPascal ? pascal : event;
  return isWrapped ? ["hooks", key] : [key];
}

function isPascal(key: string): boolean {
  return /^[A-Z]/.test(key);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
