// The harnesses that are known, by name.

import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { gemini } from "./gemini.ts";
import { type Harness, type HarnessName, harnessNames } from "./harness.ts";
import { openhands } from "./openhands.ts";

export const harnesses: Readonly<Record<HarnessName, Harness>> = {
  claude,
  codex,
  gemini,
  openhands,
};

/** Which of them a command line names. */
export type HarnessFlags = Partial<Record<HarnessName, boolean>>;

export function chosen(given: HarnessFlags): Harness[] {
  return harnessNames.filter((name) => given[name] === true).map((name) => harnesses[name]);
}
