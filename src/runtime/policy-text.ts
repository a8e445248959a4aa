// One text that somebody gave a domain, as the parts that bind: a document's bindings, or the text itself.
// Its sets are put in place here, once and for all, so that nothing that is added later can change what it
// means.

import { assert } from "../base/assert.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy, Rule } from "../dsl/ast.ts";
import { type BindingMode, isDocument, type PolicyDocument } from "../dsl/document.ts";
import { resolveDomain } from "../dsl/domains.ts";
import { loadPolicy } from "../dsl/load.ts";
import { emptyPolicy } from "../dsl/merge.ts";
import { parsePolicy } from "../dsl/parser.ts";
import { expandSets } from "../dsl/sets.ts";
import { readDocument } from "../dsl/yaml-document.ts";
import { Recent } from "./recent.ts";

/** A binding: what a child may disable as one, or may not. */
export interface Part {
  readonly name: string;
  readonly mode: BindingMode;
  /** Sets are expanded; the definitions stay for texts that are added later. */
  readonly policy: Policy;
}

export interface PolicyText {
  readonly source: Source;
  readonly parts: readonly Part[];
  readonly settings: Settings;
}

/** What a document says beside its rules. */
export type Settings = Pick<PolicyDocument, "workspace" | "require" | "allow" | "commands">;

const noSettings: Settings = { workspace: null, require: null, allow: null, commands: new Map() };

/**
 * `domain`: which domain of a catalogue. `inherited`: what the text adds to, whose sets and labels it may use; a
 * document stands for itself.
 */
export function readPolicyText(
  source: Source,
  domain: string | undefined,
  inherited: Policy,
): Outcome<PolicyText> {
  const key = inherited === emptyPolicy ? JSON.stringify([source.name, domain, source.text]) : null;
  const known = key === null ? undefined : standalone.get(key);
  if (known !== undefined) return known;
  const read = isDocument(source) ? readParts(source, domain) : readPlain(source, inherited);
  for (const { policy } of read.value.parts) {
    for (const rule of policy.rules) sources.set(rule, source);
  }
  if (key !== null) standalone.set(key, read);
  return read;
}

/** Texts that stand alone are read once, however many domains hold them. */
const standalone = new Recent<Outcome<PolicyText>>(64);

/** Where each rule stands: the rules of a domain come from several texts. */
const sources = new WeakMap<Rule, Source>();

/** The text that `rule` was read from. */
export function sourceOfRule(rule: Rule): Source {
  const source = sources.get(rule);
  assert(source !== undefined, "a rule in force was read from a text");
  return source;
}

function readPlain(source: Source, inherited: Policy): Outcome<PolicyText> {
  // A set that is defined again is told by the proof, which knows the text of the first one.
  const own = new Set(parsePolicy(source).value.definitions.map(({ name }) => name.text));
  const definitions = inherited.definitions.filter(({ name }) => !own.has(name.text));
  const read = loadPolicy(source, { ...inherited, definitions });
  const part: Part = { name: "policy", mode: "locked", policy: read.value };
  return {
    value: { source, parts: [part], settings: noSettings },
    diagnostics: read.diagnostics,
  };
}

function readParts(source: Source, domain: string | undefined): Outcome<PolicyText> {
  const { value: document, diagnostics: shape } = readDocument(source);
  const resolved = resolveDomain(document, domain);
  const diagnostics: Diagnostic[] = [...shape, ...resolved.diagnostics];
  const definitions = resolved.value.policy.definitions;
  const parts = hasErrors(diagnostics)
    ? []
    : resolved.value.bindings.map(({ rule, mode }): Part => {
        const written = document.rules.get(rule)?.policy ?? emptyPolicy;
        return { name: rule, mode, policy: expandSets(written, source, definitions).value };
      });
  const { workspace, require, allow, commands } = document;
  return {
    value: { source, parts, settings: { workspace, require, allow, commands } },
    diagnostics,
  };
}

/**
 * The parts as one policy. Nothing is left out as a repetition: two texts may print alike and mean different sets.
 * INVARIANT: the parts' rules have different names; admission sees to it.
 */
export function joinParts(parts: readonly Part[]): Policy {
  const policies = parts.map(({ policy }) => policy);
  return {
    sources: policies.flatMap(({ sources }) => sources),
    transforms: policies.flatMap(({ transforms }) => transforms),
    definitions: policies.flatMap(({ definitions }) => definitions),
    rules: oncePerName(policies.flatMap(({ rules }) => rules)),
  };
}

/** A catalogue's parts may each hold the same rule, word for word. */
function oncePerName(rules: readonly Rule[]): Rule[] {
  return [...new Map(rules.map((rule) => [rule.name.text, rule])).values()];
}
