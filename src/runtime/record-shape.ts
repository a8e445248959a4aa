// A feedback record that comes out of a file, as a shape.

import { jsonObject, oneOf, type type, whole } from "../base/shape.ts";
import { builtins, tiers } from "../kernel/kernel.ts";
import { verdictKinds } from "../kernel/verdicts.ts";
import type { FeedbackRecord } from "./feedback.ts";
import { staleHows } from "./gates.ts";
import { objectReference } from "./words-shape.ts";

const effect = oneOf(["notify", "block", "kill"], "`notify`, `block` or `kill`");

const ruleReference = jsonObject.to({
  name: "string",
  clause: "string",
  effect,
  file: "string",
  line: whole,
  column: whole,
});

const processReference = {
  pid: whole,
  exe: "string",
  script: "string | null",
  argv: "string[]",
} as const;

const step = { pid: whole, exe: "string" } as const;

const gain = ["exec", "read", "connect"] as const;

const hop = jsonObject.to({
  how: oneOf([...gain, "write", "rename", "become", "inherit"], "a step of data"),
  who: jsonObject.to(step),
  what: "string",
  when: "string",
  object: objectReference.or("null"),
  over: jsonObject.to(step).array(),
});

const provenance = jsonObject.to({
  label: "string",
  how: oneOf(gain, "`exec`, `read` or `connect`"),
  what: "string",
  pid: whole,
  exe: "string",
  time: "string",
  hops: hop.array(),
  left_out: whole,
  complete: "boolean",
  origins: hop.array(),
});

const gateStates = ["never-ran", "steered", "running", "failed", "stale", "expired"] as const;

const gateReference = jsonObject.to({
  event: "string",
  state: oneOf(gateStates, "what a gate can be"),
  ran_at: "string | null",
  ran_by: jsonObject.to(step).or("null"),
  exit_status: whole.or("null"),
  stale_since: "string | null",
  stale_by: jsonObject
    .to({ ...step, what: "string", "how?": oneOf(staleHows, "how a gate is shut") })
    .or("null"),
});

const recordShape = jsonObject.to({
  schema_version: "1",
  seq: whole,
  time: "string",
  domain: "string",
  tier: oneOf(tiers, "a tier"),
  rule: ruleReference,
  matched: ruleReference.array(),
  matched_more: "boolean",
  builtin: oneOf(builtins, "a built-in protection").or("null"),
  effect,
  verdict: oneOf(verdictKinds, "a verdict"),
  op: "string",
  target: "string",
  argv: "string[] | null",
  process: jsonObject.to({
    ...processReference,
    uid: whole,
    ancestry: jsonObject.to(processReference).array(),
  }),
  labels: "string[]",
  because: "string | null",
  fix: "string | null",
  satisfy: "string[]",
  provenance: provenance.array(),
  gates: gateReference.array(),
  retry_useful: "boolean",
  strict: "string | null",
});

/** The value as a record, or what is wrong with it. */
export function recordIn(value: unknown): FeedbackRecord | type.errors {
  return recordShape(value);
}
