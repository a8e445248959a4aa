// Policies joined: the bound rules of a domain and of its parents share one namespace.

import type { Diagnostic, Outcome } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type { Definition, Expr, Policy, Rule } from "./ast.ts";
import { printDefinition, printRule, printSource, printTransform } from "./print.ts";

export const emptyPolicy: Policy = { sources: [], transforms: [], definitions: [], rules: [] };

/**
 * The policies as one, in order. What stands in two of them alike stands in the result once; a rule or a set of the
 * same name that differs is an error. Spans must point into `source`.
 */
export function mergePolicies(policies: readonly Policy[], source: Source): Outcome<Policy> {
  const diagnostics: Diagnostic[] = [];
  const rules = byName<Rule>(
    policies.flatMap((policy) => policy.rules),
    printRule,
    (rule, first) => diagnostics.push(duplicate("C001", "rule", rule.name, first.name, source)),
  );
  const definitions = byName<Definition>(
    policies.flatMap((policy) => policy.definitions),
    printDefinition,
    (set, first) => diagnostics.push(duplicate("C003", "set", set.name, first.name, source)),
  );
  const sources = once(
    policies.flatMap((policy) => policy.sources),
    printSource,
  );
  const transforms = once(
    policies.flatMap((policy) => policy.transforms),
    printTransform,
  );
  return { value: { sources, transforms, definitions, rules }, diagnostics };
}

interface Named {
  readonly name: { readonly text: string; readonly span: Span };
}

function byName<T extends Named>(
  nodes: readonly T[],
  print: (node: T) => string,
  differs: (node: T, first: T) => void,
): T[] {
  const firsts = new Map<string, T>();
  for (const node of nodes) {
    const first = firsts.get(node.name.text);
    if (first === undefined) firsts.set(node.name.text, node);
    else if (first !== node && textOf(first, print) !== textOf(node, print)) differs(node, first);
  }
  return [...firsts.values()];
}

function once<T extends object>(nodes: readonly T[], print: (node: T) => string): T[] {
  const firsts = new Map<string, T>();
  for (const node of nodes) {
    const key = textOf(node, print);
    if (!firsts.has(key)) firsts.set(key, node);
  }
  return [...firsts.values()];
}

/** The texts of nodes, kept: a rule is compared once for every domain that binds it. */
const texts = new WeakMap<object, string>();

function textOf<T extends object>(node: T, print: (node: T) => string): string {
  const known = texts.get(node);
  if (known !== undefined) return known;
  const text = print(node);
  texts.set(node, text);
  return text;
}

/** Two different things of one name. */
export function duplicate(
  code: string,
  what: string,
  name: Named["name"],
  first: Named["name"],
  source: Source,
): Diagnostic {
  return {
    severity: "error",
    code,
    message: `the ${what} \`${name.text}\` is defined twice`,
    source,
    span: name.span,
    help: "give one of them another name",
    related: [{ source, span: first.span, message: "first defined here" }],
  };
}

/** Every label of a policy, introduced or used, in order of first appearance. */
export function labelsOf(policy: Policy): readonly string[] {
  const labels = new Set<string>();
  for (const { label } of policy.sources) labels.add(label.text);
  for (const { label } of policy.transforms) labels.add(label.text);
  for (const rule of policy.rules) {
    for (const { condition } of rule.clauses) {
      if (condition !== null) for (const use of labelUses(condition)) labels.add(use.label);
    }
  }
  return [...labels];
}

export type LabelUse = Extract<Expr, { kind: "label" }>;

/** The labels of a condition, left to right. */
export function labelUses(expr: Expr): LabelUse[] {
  switch (expr.kind) {
    case "true":
      return [];
    case "label":
      return [expr];
    case "not":
      return labelUses(expr.operand);
    case "and":
    case "or":
      return [...labelUses(expr.left), ...labelUses(expr.right)];
  }
}
