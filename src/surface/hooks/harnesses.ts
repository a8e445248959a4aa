// The harnesses that are known, by name.

import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { gemini } from "./gemini.ts";
import type { Harness, HarnessName } from "./harness.ts";
import { openhands } from "./openhands.ts";

export const harnesses: Readonly<Record<HarnessName, Harness>> = {
  claude,
  codex,
  gemini,
  openhands,
};
