// Domains of a document: which rules hold in one, and its policy as a whole.
//
//     policy(child) = policy(parent) + own, but for `default` bindings that the child disables for itself

import { type Diagnostic, hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Span } from "../base/source.ts";
import type { Name, Policy } from "./ast.ts";
import { checkPolicy, inTextOrder } from "./check.ts";
import type { BindingMode, DomainEntry, PolicyDocument } from "./document.ts";
import { emptyPolicy, mergePolicies } from "./merge.ts";
import { expandSets } from "./sets.ts";
import { didYouMean } from "./vocabulary.ts";

export interface ResolvedDomain {
  readonly domain: string;
  /** From the root to the domain itself. */
  readonly chain: readonly string[];
  /** In the order in which they are bound, parents first. */
  readonly bindings: readonly ResolvedBinding[];
  /** Of all bindings, ready to compile where no diagnostic is an error. */
  readonly policy: Policy;
}

export interface ResolvedBinding {
  readonly rule: string;
  readonly mode: BindingMode;
  /** The domain whose binding gave it its mode. */
  readonly domain: string;
}

/**
 * The domain called `name`, or the document's default, with its whole policy. The faults of the document's shape and of
 * its texts are `readDocument`'s to tell.
 */
export function resolveDomain(document: PolicyDocument, name?: string): Outcome<ResolvedDomain> {
  const chosen = chooseDomain(document, name);
  if (chosen.value === null) return { value: nowhere(name), diagnostics: chosen.diagnostics };
  return resolveEntry(document, chosen.value);
}

function resolveEntry(document: PolicyDocument, entry: DomainEntry): Outcome<ResolvedDomain> {
  const { chain, bindings, diagnostics } = bindingsOf(document, entry);
  const texts = bindings.flatMap(({ rule }) => document.rules.get(rule) ?? []);
  const merged = mergePolicies(
    texts.map((text) => text.policy),
    document.source,
  );
  const expanded = expandSets(merged.value, document.source);
  const found = [...diagnostics, ...merged.diagnostics, ...expanded.diagnostics];
  const isBroken = hasErrors(found) || texts.some((text) => text.isBroken);
  // A document of one text is checked as it was written, twice the same name included.
  const [only] = texts;
  const written = texts.length === 1 && only !== undefined ? only.policy : merged.value;
  const advice = checkPolicy(written, document.source, { errorsOnly: isBroken });
  return {
    value: { domain: entry.name.text, chain, bindings, policy: expanded.value },
    diagnostics: once([...found, ...advice]),
  };
}

/** The whole policy of every domain. */
export function policiesOf(document: PolicyDocument): Policy[] {
  return [...document.domains.values()].map((entry) => resolveEntry(document, entry).value.policy);
}

/** Everything that `check` says of a document beyond its shape: of one domain, or of all. */
export function checkDocument(document: PolicyDocument, name?: string): Diagnostic[] {
  if (name !== undefined) return inTextOrder(resolveDomain(document, name).diagnostics);
  const outcomes = [...document.domains.values()].map((entry) => resolveEntry(document, entry));
  const everywhere = outcomes.flatMap(({ diagnostics }) => diagnostics);
  const told = everywhere.filter((diagnostic) => {
    if (!isAboutUse(diagnostic)) return true;
    // What one domain does not use another may: only what all of them say is true of the text.
    return outcomes.every(
      ({ value, diagnostics }) =>
        !holdsPlace(document, value, diagnostic.span) ||
        diagnostics.some((other) => isSame(other, diagnostic)),
    );
  });
  return inTextOrder(
    once([...told, ...chooseDomain(document).diagnostics, ...unboundRules(document, outcomes)]),
  );
}

/** `C004`, `C010` and `C011` say that something is missing in a whole policy. */
function isAboutUse({ code }: Diagnostic): boolean {
  return code === "C004" || code === "C010" || code === "C011";
}

function holdsPlace(
  document: PolicyDocument,
  { bindings }: ResolvedDomain,
  { start }: Span,
): boolean {
  return bindings.some(({ rule }) => {
    const fragment = document.rules.get(rule)?.fragment;
    if (fragment === undefined) return false;
    return fragment.place(0) <= start && start <= fragment.place(fragment.text.length);
  });
}

function isSame(a: Diagnostic, b: Diagnostic): boolean {
  return a.code === b.code && a.span.start === b.span.start && a.message === b.message;
}

function once(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const known = new Set<string>();
  return diagnostics.filter(({ code, span, message }) => {
    const key = `${code} ${span.start} ${message}`;
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

/** Rule texts that no domain binds: never in force, but their faults are told. */
function unboundRules(
  document: PolicyDocument,
  outcomes: readonly Outcome<ResolvedDomain>[],
): Diagnostic[] {
  const bound = new Set(
    [...document.domains.values()].flatMap(({ bind }) => bind.map(({ rule }) => rule.text)),
  );
  for (const { value } of outcomes) for (const { rule } of value.bindings) bound.add(rule);
  return [...document.rules.values()].flatMap(({ name, policy }): Diagnostic[] => {
    if (bound.has(name.text)) return [];
    const hint = finding(
      document,
      "D020",
      name.span,
      `no domain binds the rule \`${name.text}\``,
      "bind it in a domain, or delete it",
    );
    const faults = checkPolicy(policy, document.source, { errorsOnly: true });
    return [
      { ...hint, severity: "hint" },
      ...expandSets(policy, document.source).diagnostics,
      ...faults,
    ];
  });
}

// ----------------------------------------------------------------------------------------- choosing

function chooseDomain(document: PolicyDocument, name?: string): Outcome<DomainEntry | null> {
  const { domains, defaultDomain } = document;
  const names = [...domains.keys()];
  if (name !== undefined) {
    if (document.form === "flat") {
      return refusal(
        document,
        "D017",
        topOf(document),
        `the document has no domains, so none is called \`${name}\``,
        "leave `--domain` out",
      );
    }
    const entry = domains.get(name);
    if (entry !== undefined) return { value: entry, diagnostics: [] };
    return refusal(
      document,
      "D017",
      topOf(document),
      `no domain is called \`${name}\``,
      choice(name, names),
    );
  }
  if (defaultDomain !== null) {
    const entry = domains.get(defaultDomain.text);
    if (entry !== undefined) return { value: entry, diagnostics: [] };
    return refusal(
      document,
      "D016",
      defaultDomain.span,
      `the default domain \`${defaultDomain.text}\` is not defined`,
      choice(defaultDomain.text, names),
    );
  }
  const [first, second] = domains.values();
  const entry = domains.get("session") ?? (second === undefined ? first : undefined);
  if (entry !== undefined) return { value: entry, diagnostics: [] };
  // Without any domain the shape is wrong, and the reader has said so.
  if (first === undefined || second === undefined) return { value: null, diagnostics: [] };
  return refusal(
    document,
    "D016",
    first.name.span,
    "the document has several domains and no default",
    "write `default_domain: NAME`, or call one of them `session`",
  );
}

function choice(name: string, names: readonly string[]): string {
  const near = didYouMean(name, names);
  if (near !== undefined) return near;
  return names.length === 0
    ? "define it below `domains:`"
    : `the domains are ${names
        .slice(0, 20)
        .map((other) => `\`${other}\``)
        .join(", ")}`;
}

function refusal(
  document: PolicyDocument,
  code: string,
  span: Span,
  message: string,
  help: string,
): Outcome<null> {
  return { value: null, diagnostics: [finding(document, code, span, message, help)] };
}

function topOf(document: PolicyDocument): Span {
  const [first] = document.domains.values();
  return first?.name.span ?? { start: 0, end: 0 };
}

function nowhere(name: string | undefined): ResolvedDomain {
  return { domain: name ?? "", chain: [], bindings: [], policy: emptyPolicy };
}

// ----------------------------------------------------------------------------------------- binding

interface Bindings {
  readonly chain: readonly string[];
  readonly bindings: readonly ResolvedBinding[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What holds in `entry`: its parents' bindings, less what it disables, and its own. */
function bindingsOf(document: PolicyDocument, entry: DomainEntry): Bindings {
  const { chain, diagnostics } = chainOf(document, entry);
  const found = [...diagnostics];
  const effective = new Map<string, ResolvedBinding>();
  for (const domain of chain) {
    for (const rule of domain.disable) found.push(...disable(document, domain, rule, effective));
    for (const { rule, mode } of domain.bind) {
      if (!document.rules.has(rule.text)) {
        const help = choiceOfRule(document, rule);
        found.push(
          finding(document, "D011", rule.span, `no rule is called \`${rule.text}\``, help),
        );
        continue;
      }
      const inherited = effective.get(rule.text);
      // `locked` stays locked: a child never weakens what its parent bound.
      const kept = inherited?.mode === "locked" ? "locked" : mode;
      const from = inherited?.mode === "locked" ? inherited.domain : domain.name.text;
      effective.set(rule.text, { rule: rule.text, mode: kept, domain: from });
    }
  }
  return {
    chain: chain.map(({ name }) => name.text),
    bindings: [...effective.values()],
    diagnostics: found,
  };
}

/** From the root to `entry`; a chain that runs in a circle is cut where it closes. */
function chainOf(
  document: PolicyDocument,
  entry: DomainEntry,
): { chain: DomainEntry[]; diagnostics: Diagnostic[] } {
  const chain = [entry];
  const seen = new Set([entry.name.text]);
  for (let child = entry; child.parent !== null; ) {
    const { parent } = child;
    const next = document.domains.get(parent.text);
    if (next === undefined) {
      const help = choice(parent.text, [...document.domains.keys()]);
      const message = `the parent \`${parent.text}\` is not defined`;
      return { chain, diagnostics: [finding(document, "D012", parent.span, message, help)] };
    }
    if (seen.has(parent.text)) {
      const names = [...seen].slice([...seen].indexOf(parent.text));
      const circle = [...names, parent.text]
        .slice(0, 20)
        .map((name) => `\`${name}\``)
        .join(" -> ");
      // Told once, at the same place from whichever domain the circle was entered.
      const place =
        names.map((name) => document.domains.get(name)?.parent?.span).sort(byStart)[0] ??
        parent.span;
      return { chain, diagnostics: [circleFinding(document, place, names.length, circle)] };
    }
    seen.add(parent.text);
    chain.unshift(next);
    child = next;
  }
  return { chain, diagnostics: [] };
}

function circleFinding(
  document: PolicyDocument,
  place: Span,
  length: number,
  circle: string,
): Diagnostic {
  const message =
    length === 1 ? "the domain is its own parent" : "the parents of this domain run in a circle";
  return finding(
    document,
    "D013",
    place,
    message,
    length === 1 ? "delete the `parent`" : `give one of them no \`parent\`: ${circle}`,
  );
}

function byStart(a: Span | undefined, b: Span | undefined): number {
  return (a?.start ?? 0) - (b?.start ?? 0);
}

/** Takes `rule` out of `effective` where that is allowed. */
function disable(
  document: PolicyDocument,
  domain: DomainEntry,
  rule: Name,
  effective: Map<string, ResolvedBinding>,
): Diagnostic[] {
  const binding = effective.get(rule.text);
  if (binding?.mode === "default") {
    effective.delete(rule.text);
    return [];
  }
  if (binding !== undefined) {
    const bound = document.domains
      .get(binding.domain)
      ?.bind.find((other) => other.rule.text === rule.text);
    const message = `\`${domain.name.text}\` cannot disable \`${rule.text}\`: \`${binding.domain}\` locked it`;
    const fault = finding(
      document,
      "D014",
      rule.span,
      message,
      "only `mode: default` can be disabled by a child",
    );
    if (bound === undefined) return [fault];
    return [
      {
        ...fault,
        related: [{ source: document.source, span: bound.rule.span, message: "locked here" }],
      },
    ];
  }
  if (!document.rules.has(rule.text)) {
    return [
      finding(
        document,
        "D011",
        rule.span,
        `no rule is called \`${rule.text}\``,
        choiceOfRule(document, rule),
      ),
    ];
  }
  const message = `\`${domain.name.text}\` disables \`${rule.text}\`, which it does not inherit`;
  return [
    finding(
      document,
      "D015",
      rule.span,
      message,
      "a domain disables what its parents bind with `mode: default`",
    ),
  ];
}

function choiceOfRule(document: PolicyDocument, rule: Name): string {
  return didYouMean(rule.text, document.rules.keys()) ?? "define it below `rules:`";
}

function finding(
  document: PolicyDocument,
  code: string,
  span: Span,
  message: string,
  help: string,
): Diagnostic {
  return { severity: "error", code, message, source: document.source, span, help };
}
