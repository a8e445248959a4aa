// The proof that a text only tightens: with it, every clause that holds somewhere in the session matches at
// least what it matched before. What a text could loosen, and where it is looked for:
//
//     a label less       declassify                                     refused whatever the label
//     a label more       source, endorse       clauses of the session that ask for `not LABEL`
//     a label replaced   source by approval    clauses of the session that ask for LABEL
//     a gate more open   after                 clauses elsewhere that wait for the same: runs here would count
//     a history more     lineage-includes      clauses elsewhere that are lifted by the same
//     another meaning    define, rule, workspace, commands              names that are taken, settings
//
// Labels, gates and histories belong to the session and not to one domain, so every domain of the session is
// looked at. What is refused here could sometimes be proven harmless; the strict side is taken. An added clause
// itself can only refuse more: effects combine to the strongest.

import type { Diagnostic, Related } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type { Clause, Condition, Definition, Expr, Name, Policy, Rule } from "../dsl/ast.ts";
import {
  printClause,
  printCondition,
  printDefinition,
  printSource,
  printTransform,
} from "../dsl/print.ts";
import { type Part, type PolicyText, sourceOfRule } from "./policy-text.ts";

/** A domain as it stands. */
export interface Standing {
  readonly name: string;
  /** Everything that holds in it, what it inherits included. */
  readonly policy: Policy;
}

/**
 * Why `text` may not be added to `domain`; empty: it only tightens. `session` is every domain that shares its labels
 * and gates, `domain` included; `below` are those that inherit from it.
 */
export function loosenings(
  text: PolicyText,
  domain: Standing,
  session: readonly Standing[],
  below: readonly Standing[] = [],
): Diagnostic[] {
  const added: Policy = {
    sources: text.parts.flatMap(({ policy }) => policy.sources),
    transforms: text.parts.flatMap(({ policy }) => policy.transforms),
    definitions: text.parts.flatMap(({ policy }) => policy.definitions),
    rules: text.parts.flatMap(({ policy }) => policy.rules),
  };
  const { source } = text;
  return [
    ...settingsThatLoosen(text),
    ...declassified(added, source),
    ...labelsUnderNot(added, source, domain, session),
    ...labelsByApproval(added, source, domain, session),
    ...rulesThatAreTaken(added, source, [domain, ...below]),
    ...setsThatAreTaken(added, source, session),
    ...sharedConditions(added, source, domain, session),
  ];
}

function settingsThatLoosen({ source, settings }: PolicyText): Diagnostic[] {
  const start: Span = { start: 0, end: 0 };
  const found: [boolean, string, string][] = [
    [settings.workspace !== null, "workspace", "relative patterns of the domain would move"],
    [settings.commands.size > 0, "commands", "arguments would be read in another way"],
    [settings.allow !== null, "allow", "weaker verdicts are accepted when a domain is made"],
  ];
  return found.flatMap(([isSet, key, why]) =>
    isSet
      ? [
          fault(
            "T007",
            source,
            start,
            `\`${key}\` belongs to the domain and cannot be added: ${why}`,
          ),
        ]
      : [],
  );
}

function declassified({ transforms }: Policy, source: Source): Diagnostic[] {
  return transforms.flatMap((transform) =>
    transform.kind === "declassify"
      ? [
          fault(
            "T001",
            source,
            transform.span,
            `\`declassify ${transform.label.text}\` would take a label away that rules may ask for`,
            "an operator can make the domain anew with it",
          ),
        ]
      : [],
  );
}

/** A label that is given more often makes `not LABEL` hold less often. */
function labelsUnderNot(
  added: Policy,
  source: Source,
  domain: Standing,
  session: readonly Standing[],
): Diagnostic[] {
  const known = new Set([
    ...domain.policy.sources.map(printSource),
    ...domain.policy.transforms.map(printTransform),
  ]);
  const given = [
    ...added.sources.filter((one) => !known.has(printSource(one))),
    ...added.transforms.filter((one) => one.kind === "endorse" && !known.has(printTransform(one))),
  ];
  return askedElsewhere(given, source, session, {
    labelsOf: negatedLabels,
    why: (label, clause) =>
      `more would carry \`${label}\`, and ${clause} asks for \`not ${label}\``,
    related: "this clause would match less",
  });
}

/** What rules ask for is not to become an operator's word as well: the author of the one does not know of the other. */
function labelsByApproval(
  added: Policy,
  source: Source,
  domain: Standing,
  session: readonly Standing[],
): Diagnostic[] {
  const known = new Set(domain.policy.sources.map(printSource));
  const given = added.sources.filter(
    (one) => one.origin.kind === "approval" && !known.has(printSource(one)),
  );
  return askedElsewhere(given, source, session, {
    labelsOf: positiveLabels,
    why: (label, clause) => `an approval would stand for \`${label}\`, which ${clause} asks for`,
    related: "this clause could match less",
  });
}

interface Asked {
  /** Labels of a condition that what is given changes. */
  readonly labelsOf: (condition: Clause["condition"]) => ReadonlySet<string>;
  readonly why: (label: string, clause: string) => string;
  readonly related: string;
}

/** What gives a label that a clause of the session asks about. */
function askedElsewhere(
  given: readonly { readonly label: Name; readonly span: Span }[],
  source: Source,
  session: readonly Standing[],
  { labelsOf, why, related }: Asked,
): Diagnostic[] {
  return given.flatMap(({ label, span }) => {
    const found = findClause(session, ({ condition }) => labelsOf(condition).has(label.text));
    if (found === null) return [];
    const message = why(label.text, named(found));
    return [
      fault("T002", source, span, message, "give it another name", relatedTo(found, related)),
    ];
  });
}

function rulesThatAreTaken(
  { rules }: Policy,
  source: Source,
  domains: readonly Standing[],
): Diagnostic[] {
  return rules.flatMap((rule) => {
    for (const domain of domains) {
      const first = domain.policy.rules.find((one) => one.name.text === rule.name.text);
      if (first === undefined) continue;
      return [
        fault(
          "T003",
          source,
          rule.name.span,
          `the rule \`${rule.name.text}\` is there already, in domain \`${domain.name}\``,
          "give it another name: rules are added and never replaced",
          [{ source: sourceOfRule(first), span: first.name.span, message: "this one stays" }],
        ),
      ];
    }
    return [];
  });
}

/** Of the whole session: what `@NAME` means is the same wherever a clause says it. */
function setsThatAreTaken(
  { definitions }: Policy,
  source: Source,
  session: readonly Standing[],
): Diagnostic[] {
  return definitions.flatMap((definition) => {
    const holder = session.find(({ policy }) =>
      policy.definitions.some((other) => isRedefined(other, definition)),
    );
    if (holder === undefined) return [];
    return [
      fault(
        "T004",
        source,
        definition.name.span,
        `the set \`@${definition.name.text}\` is defined already, in domain \`${holder.name}\``,
        "give it another name",
      ),
    ];
  });
}

function isRedefined(first: Definition, second: Definition): boolean {
  return first.name.text === second.name.text && printDefinition(first) !== printDefinition(second);
}

/** Gates and histories that another domain's clauses wait for, and that this domain did not feed until now. */
function sharedConditions(
  added: Policy,
  source: Source,
  domain: Standing,
  session: readonly Standing[],
): Diagnostic[] {
  const fed = new Set(conditionsOf(domain.policy).map(conditionKey));
  return conditionsOf(added).flatMap((condition) => {
    const key = conditionKey(condition);
    if (key === null || fed.has(key)) return [];
    const found = findClause(session, ({ unless }) =>
      unless.some((other) => conditionKey(other) === key),
    );
    if (found === null) return [];
    const isGate = condition.kind === "after";
    return [
      fault(
        isGate ? "T005" : "T006",
        source,
        condition.span,
        `${named(found)} in domain \`${found.domain.name}\` is lifted by the same condition, and what happens here would then count there`,
        "have the rule added to a domain that both inherit from",
        relatedTo(found, "this clause would match less"),
      ),
    ];
  });
}

function conditionsOf(policy: Policy): Condition[] {
  return policy.rules.flatMap(({ clauses }) => clauses.flatMap(({ unless }) => unless));
}

/** Equal where two conditions are one gate or one history; null for conditions that keep no state of the session. */
function conditionKey(condition: Condition): string | null {
  switch (condition.kind) {
    case "after":
    case "lineage-includes":
      return printCondition(condition);
    // Opened by an operator for the whole session, whoever asks.
    case "approved":
    case "target":
      return null;
  }
}

// -------------------------------------------------------------------------------------- disabling

/**
 * Why a child of `parent` may not do without the parts called `names`. Only `default` bindings can be disabled, and
 * what stays must not ask for the labels that would no longer be given.
 */
export function disablingFaults(
  names: readonly string[],
  inherited: readonly Part[],
  parent: Standing,
  source: Source,
): Diagnostic[] {
  const start: Span = { start: 0, end: 0 };
  const kept = inherited.filter(({ name }) => !names.includes(name));
  const gone = inherited.filter(({ name }) => names.includes(name));
  const unknown = names.flatMap((name) => {
    const part = inherited.find((one) => one.name === name);
    if (part?.mode === "default") return [];
    const message =
      part === undefined
        ? `\`${name}\` is disabled, which \`${parent.name}\` does not bind`
        : `\`${name}\` cannot be disabled: \`${parent.name}\` locked it`;
    return [fault("T008", source, start, message, "only `mode: default` can be disabled")];
  });
  const rules = kept.flatMap(({ policy }) => policy.rules);
  const stillGiven = new Set(kept.flatMap(({ policy }) => policy.sources.map(printSource)));
  const needed = gone.flatMap(({ name, policy }) =>
    [...policy.sources, ...policy.transforms.filter(({ kind }) => kind === "endorse")].flatMap(
      (one) => {
        if ("origin" in one && stillGiven.has(printSource(one))) return [];
        const rule = rules.find(({ clauses }) =>
          clauses.some(({ condition }) => positiveLabels(condition).has(one.label.text)),
        );
        if (rule === undefined) return [];
        return [
          fault(
            "T009",
            source,
            start,
            `\`${name}\` cannot be disabled: it gives the label \`${one.label.text}\`, which rule \`${rule.name.text}\` asks for`,
          ),
        ];
      },
    ),
  );
  return [...unknown, ...needed];
}

// --------------------------------------------------------------------------------------- polarity

/** Labels whose presence can make the condition false. */
export function negatedLabels(condition: Expr | null): ReadonlySet<string> {
  return labelsOfPolarity(condition, true);
}

/** Labels whose presence can make the condition true. */
export function positiveLabels(condition: Expr | null): ReadonlySet<string> {
  return labelsOfPolarity(condition, false);
}

/** Chains of operators are long, so this does not recurse. */
function labelsOfPolarity(condition: Expr | null, wanted: boolean): ReadonlySet<string> {
  const labels = new Set<string>();
  const pending: { expr: Expr; negated: boolean }[] =
    condition === null ? [] : [{ expr: condition, negated: false }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { expr, negated } = next;
    if (expr.kind === "label" && negated === wanted) labels.add(expr.label);
    if (expr.kind === "not") pending.push({ expr: expr.operand, negated: !negated });
    if (expr.kind === "and" || expr.kind === "or")
      pending.push({ expr: expr.left, negated }, { expr: expr.right, negated });
  }
  return labels;
}

// ---------------------------------------------------------------------------------------- telling

interface Found {
  readonly domain: Standing;
  readonly rule: Rule;
  readonly clause: Clause;
}

function findClause(
  session: readonly Standing[],
  isWanted: (clause: Clause) => boolean,
): Found | null {
  for (const domain of session) {
    for (const rule of domain.policy.rules) {
      const clause = rule.clauses.find(isWanted);
      if (clause !== undefined) return { domain, rule, clause };
    }
  }
  return null;
}

function named({ rule, clause }: Found): string {
  const text = printClause(clause).replaceAll(/\s+/g, " ");
  return `rule \`${rule.name.text}\` (\`${text.length > 200 ? `${text.slice(0, 200)}...` : text}\`)`;
}

function relatedTo({ rule, clause }: Found, message: string): Related[] {
  return [{ source: sourceOfRule(rule), span: clause.span, message }];
}

function fault(
  code: string,
  source: Source,
  span: Span,
  message: string,
  help?: string,
  related?: readonly Related[],
): Diagnostic {
  return {
    severity: "error",
    code,
    message,
    source,
    span,
    ...(help === undefined ? {} : { help }),
    ...(related === undefined ? {} : { related }),
  };
}
