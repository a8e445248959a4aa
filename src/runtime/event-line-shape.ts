// A line of `run --events` that comes out of a file, as a shape.

import { jsonObject, oneOf, time, type type, whole } from "../base/shape.ts";
import { builtins, effects, eventTypes, outcomes } from "../kernel/kernel.ts";
import type { EventLine } from "./replay.ts";
import { objectReference, operation } from "./words-shape.ts";

const lineShape = jsonObject.to({
  type: oneOf(eventTypes, "a type of event"),
  time,
  tier: "string",
  pid: whole,
  tid: whole,
  parent: whole,
  uid: whole,
  ops: operation.array(),
  target: "string | null",
  argv: "string[] | null",
  labels: "string[]",
  outcome: oneOf(outcomes, "an outcome").or("null"),
  effect: oneOf(effects, "an effect"),
  clauses: whole.array(),
  builtin: oneOf(builtins, "a built-in protection").or("null"),
  object: objectReference.or("null"),
  // Files of earlier versions do not have them.
  "channels?": objectReference.array(),
  script: "string | null",
});

/** The value as a line, or what is wrong with it. */
export function eventLineIn(value: unknown): EventLine | type.errors {
  return lineShape(value);
}
