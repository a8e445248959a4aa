// What the tools of `mcp` are made of: the daemon, where there is one, and what is answered without it.
// On standard input and output that is the user's own machine; over HTTP nothing but the daemon.

import type { Asked } from "../../runtime/asked.ts";
import type { Situation, WhyAnswer } from "../../runtime/why.ts";
import type { Question } from "../ask.ts";
import type { AskDaemon } from "../daemon-client.ts";

export interface Backend {
  readonly ask: AskDaemon;
  /** The words of an operation, with names found as the caller would find them. */
  readonly question: (words: readonly string[]) => Question;
  /** The faults of a text, in words; null: of the policy file that is nearest. */
  readonly check: (text: string | null) => Promise<string>;
  /** What each clause of it becomes. */
  readonly explain: (text: string | null) => Promise<string>;
  /** From the policy file that is nearest; null: there is none. */
  readonly whyHere: (asked: Asked, situation: Situation) => Promise<WhyAnswer | null>;
}

/** What a tool says. */
export interface Said {
  readonly text: string;
  /** The same as data, where that is of use. */
  readonly data?: Record<string, unknown>;
  readonly isError?: boolean;
}

/** A reply that is no success, in words: what was refused, and the faults of a policy with their places. */
export function problemText(body: unknown): string {
  const problem = body as {
    detail?: string;
    code?: string;
    diagnostics?: readonly {
      code: string;
      message: string;
      help: string | null;
      start: { line: number; column: number };
    }[];
  } | null;
  const lines = (problem?.diagnostics ?? []).map(
    ({ code, message, help, start }) =>
      `  ${start.line}:${start.column} [${code}] ${message}${help === null ? "" : ` (${help})`}`,
  );
  const code = problem?.code === undefined ? "" : ` (${problem.code})`;
  return [`REFUSED${code}: ${problem?.detail ?? "the daemon gave no reason"}`, ...lines].join("\n");
}

export const noDaemon =
  "There is no actplane daemon that knows this process, so nothing is enforced through it here and there is no feedback.";
