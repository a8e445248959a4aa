// Policy documents, which are YAML or JSON around policy texts, and policy texts by themselves, which are read as one.
// yaml-document.ts reads the shape of the former; domains.ts resolves a domain.

import { hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Name, Policy } from "./ast.ts";
import { type Fragment, wholeSource } from "./fragment.ts";
import { parseFragment } from "./parser.ts";

export interface PolicyDocument {
  readonly source: Source;
  readonly version: number;
  /** As written; null: the file's folder. */
  readonly workspace: string | null;
  /** `block`: nothing below `blocked-before` is accepted for a block clause. */
  readonly require: "block" | null;
  /** `degraded`: weaker verdicts are accepted. */
  readonly allow: "degraded" | null;
  /** A flat document, or plain policy text, is one rule text `policy` bound by one domain `session`. */
  readonly form: "flat" | "catalogue";
  /** Rule texts by name. */
  readonly rules: ReadonlyMap<string, RuleText>;
  readonly domains: ReadonlyMap<string, DomainEntry>;
  readonly defaultDomain: Name | null;
  /** Additions to the command table: a program's global options that take a value. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
}

export interface RuleText {
  readonly name: Name;
  readonly fragment: Fragment;
  /** As parsed: sets are expanded when a domain is resolved. */
  readonly policy: Policy;
  readonly isBroken: boolean;
}

export type BindingMode = "locked" | "default";

export interface Binding {
  readonly rule: Name;
  readonly mode: BindingMode;
}

export interface DomainEntry {
  readonly name: Name;
  readonly parent: Name | null;
  readonly bind: readonly Binding[];
  readonly disable: readonly Name[];
}

/** Of a document, at the top. */
export const documentKeys = [
  "version",
  "workspace",
  "require",
  "allow",
  "policy",
  "rules",
  "domains",
  "default_domain",
  "commands",
  "feedback",
  "runtime",
] as const;
/** Policy text without a document around it. */
export function textDocument(source: Source): Outcome<PolicyDocument> {
  const fragment = wholeSource(source);
  const { value: policy, diagnostics } = parseFragment(fragment);
  const name: Name = { text: "policy", span: { start: 0, end: 0 } };
  const text: RuleText = { name, fragment, policy, isBroken: hasErrors(diagnostics) };
  return { value: { ...emptyDocument(source), ...flat(text) }, diagnostics };
}

/** Whether `source` is a document and not policy text. */
export function isDocument(source: Source): boolean {
  if (/\.(?:ya?ml|json)$/i.test(source.name)) return true;
  if (/\.policy$/i.test(source.name)) return false;
  if (/^\s*\{/.test(source.text)) return true;
  // No line of policy text starts with a word and a colon.
  return documentStart.test(source.text);
}

const documentStart = new RegExp(`^(?:${documentKeys.join("|")})[ \\t]*:(?:[ \\t\\r]|$)`, "m");

export function emptyDocument(source: Source): PolicyDocument {
  return {
    source,
    version: 1,
    workspace: null,
    require: null,
    allow: null,
    form: "flat",
    rules: new Map(),
    domains: new Map(),
    defaultDomain: null,
    commands: new Map(),
  };
}

export function flat(text: RuleText): Pick<PolicyDocument, "form" | "rules" | "domains"> {
  const session: DomainEntry = {
    name: { text: "session", span: text.name.span },
    parent: null,
    bind: [{ rule: text.name, mode: "locked" }],
    disable: [],
  };
  return {
    form: "flat",
    rules: new Map([[text.name.text, text]]),
    domains: new Map([["session", session]]),
  };
}
