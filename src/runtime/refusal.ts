// Why the control plane did not do what it was asked: one code a reason, the same over HTTP and on the
// command line.

import type { Diagnostic } from "../base/diagnostic.ts";
import { EngineFull } from "../kernel/kernel.ts";

/** Stable: clients branch on them. The HTTP status of each is in surface/http/problem.ts. */
export const refusalCodes = [
  "bad-request",
  "not-identified",
  "not-allowed",
  "not-found",
  "domain-ended",
  "domain-in-use",
  "generation-differs",
  "key-reused",
  "policy-faulty",
  "policy-loosens",
  "policy-weak-here",
  "policy-too-large",
  "no-room",
  "process-not-there",
  "process-elsewhere",
  "launch-failed",
  "too-many",
  "unavailable",
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export class Refusal extends Error {
  override name = "Refusal";

  constructor(
    readonly code: RefusalCode,
    message: string,
    /** Of policies: every fault with its place. */
    readonly diagnostics: readonly Diagnostic[] = [],
    /** Further members of the answer. */
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

export function loosens(faults: readonly Diagnostic[]): Refusal {
  const [first] = faults;
  return new Refusal("policy-loosens", `the text would loosen: ${first?.message}`, faults);
}

export function faulty(diagnostics: readonly Diagnostic[]): Refusal {
  return new Refusal("policy-faulty", "the policy has errors", diagnostics);
}

export function asRefusal(failure: unknown): unknown {
  return failure instanceof EngineFull
    ? new Refusal("no-room", "the kernel's tables have no room for this policy")
    : failure;
}
