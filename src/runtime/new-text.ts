// A text that somebody wants to have hold: read, judged by its size and its faults, and as a domain will have it.

import { type Diagnostic, hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { emptyPolicy } from "../dsl/merge.ts";
import { type Caller, callerText } from "./caller.ts";
import { type PolicyText, readPolicyText } from "./policy-text.ts";
import { faulty, Refusal } from "./refusal.ts";
import { type DomainState, policyOf, type TextState } from "./registry.ts";

export interface NewText {
  readonly name: string;
  readonly text: string;
  /** Of a catalogue document. */
  readonly policyDomain?: string | undefined;
}

/** Of a member's text and of an operator's. */
const textLengthMax = { member: 256 * 1024, operator: 8 * 1024 * 1024 };

/** Throws Refusal, with every fault. */
export function readText(
  caller: Caller,
  given: NewText | undefined,
  inheritedFrom: DomainState | null,
): { text: PolicyText | null; diagnostics: readonly Diagnostic[] } {
  if (given === undefined) return { text: null, diagnostics: [] };
  const lengthMax = textLengthMax[caller.kind === "operator" ? "operator" : "member"];
  if (given.text.length > lengthMax)
    throw new Refusal("policy-too-large", `a text has at most ${lengthMax} characters here`);
  const source: Source = { name: given.name, text: given.text };
  const inherited = inheritedFrom === null ? emptyPolicy : policyOf(inheritedFrom);
  const { value, diagnostics } = readPolicyText(source, given.policyDomain, inherited);
  if (hasErrors(diagnostics)) throw faulty(diagnostics);
  return { text: value, diagnostics };
}

/** The text as a domain has it; `id` is its number there. */
export function textStateOf(
  id: number,
  given: NewText | undefined,
  text: PolicyText,
  caller: Caller,
  time: string,
): TextState {
  return {
    id,
    name: text.source.name,
    policyDomain: given?.policyDomain ?? null,
    addedBy: callerText(caller),
    added: time,
    text,
  };
}
