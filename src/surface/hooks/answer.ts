// One hook of a harness answered: what its domain was not told yet, in the harness's own contract, and
// acknowledged once it is said. The command and the HTTP route are the same but for their transport.

import type { FeedbackRecord } from "../../runtime/feedback.ts";
import { isUrgent, modelText } from "../text/model.ts";
import type { Harness, HookInput } from "./harness.ts";

/** What waits for a domain. */
export interface Waiting {
  readonly records: readonly FeedbackRecord[];
  /** Records that were dropped before they could be told. */
  readonly lost: number;
}

export interface Answered {
  /** What the harness is to be told. */
  readonly body: object;
  /** The last record that is in it: what to acknowledge once it was sent. */
  readonly seq: number;
}

/** Null: there is nothing to say, or not at this moment. */
export function answerHook(
  harness: Harness,
  input: HookInput,
  { records, lost }: Waiting,
): Answered | null {
  const text = modelText(records, lost);
  if (text === "") return null;
  const body = harness.answer(input, { text, isUrgent: records.some(isUrgent) });
  return body === null ? null : { body, seq: records.at(-1)?.seq ?? 0 };
}

/** What came as JSON; null: it is no input of a hook. */
export function hookInput(value: unknown): HookInput | null {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as HookInput) : null;
}
