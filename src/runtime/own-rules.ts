// The rules that every domain of a daemon has whatever its policy says: what the daemon keeps is not for those it
// governs, root or not. They belong to nobody's policy and are not listed; a refusal by them is told like any other.

import { hasErrors } from "../base/diagnostic.ts";
import type { Rule } from "../dsl/ast.ts";
import { emptyPolicy } from "../dsl/merge.ts";
import { quote } from "../dsl/print.ts";
import type { Tier } from "../kernel/kernel.ts";
import { type Part, readPolicyText, sourceOfRule } from "./policy-text.ts";

export interface OwnFiles {
  /** Absolute folder of the store. */
  readonly state: string;
  /** Absolute path of the socket: connecting is for everybody, removing it is not. */
  readonly socket: string;
}

const name = "built-in";

/**
 * Without hooks an open can only be answered by ending the process, which then reads and writes nothing; what an
 * unlink or a rename did has happened.
 */
export function ownRules({ state, socket }: OwnFiles, tier: Tier): readonly Part[] {
  const effect = tier === "tracepoint" ? "kill" : "block";
  const below = quote(`${escaped(state)}/**`);
  const text = `
rule actplane-itself:
  ${effect} open ${below}
  ${effect} write ${below}
  ${effect} write ${quote(escaped(state))}
  ${effect} write ${quote(escaped(socket))}
  because "what the daemon keeps decides what is allowed"
`;
  const { value, diagnostics } = readPolicyText({ name, text }, undefined, emptyPolicy);
  if (hasErrors(diagnostics)) throw new Error(`the daemon's own rules: ${diagnostics[0]?.message}`);
  return value.parts;
}

/** Whether a rule is one of these. */
export function isOwnRule(rule: Rule): boolean {
  return rule.name.text === "actplane-itself" && sourceOfRule(rule).name === name;
}

/** A path is a pattern of which nothing may be read as one. */
function escaped(path: string): string {
  return path.replaceAll(/[*?[\]{}\\]/g, "\\$&");
}
