// The canonical layout of a text that a person wrote: print.ts writes the units, this file puts the
// comments and the blank lines back. Policy text inside a YAML document is laid out in its place and
// the rest of the document is left as it is.

import { assert } from "../base/assert.ts";
import { hasErrors, type Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy, Rule } from "./ast.ts";
import { isDocument } from "./document.ts";
import { type Fragment, wholeSource } from "./fragment.ts";
import type { Layout } from "./grammar/reader.ts";
import { type ParsedText, parseFragment } from "./parser.ts";
import {
  printClause,
  printDefinition,
  printPolicy,
  printSource,
  printTransform,
  ruleTails,
} from "./print.ts";
import type { Comment } from "./token.ts";
import { readDocument } from "./yaml-document.ts";

/** The file in canonical layout. Where it has errors it is given back as it was. */
export function formatFile(source: Source): Outcome<string> {
  return isDocument(source) ? formatDocument(source) : formatText(source);
}

function formatText(source: Source): Outcome<string> {
  const parsed = parseFragment(wholeSource(source));
  if (hasErrors(parsed.diagnostics)) return { value: source.text, diagnostics: parsed.diagnostics };
  return { value: layOut(wholeSource(source), parsed), diagnostics: parsed.diagnostics };
}

function formatDocument(source: Source): Outcome<string> {
  const { value: document, diagnostics } = readDocument(source);
  if (hasErrors(diagnostics)) return { value: source.text, diagnostics };
  let text = source.text;
  const lineEnd = /\r?\n/.exec(text)?.[0] ?? "\n";
  // From the last to the first, so that the places of those before stay right.
  const fragments = [...document.rules.values()].map((rule) => rule.fragment);
  for (const fragment of fragments.sort((a, b) => b.place(0) - a.place(0))) {
    const block = literalBlock(fragment);
    if (block === null) continue;
    const lines = layOut(fragment, parseFragment(fragment)).trimEnd().split("\n");
    const indented = lines.map((line) => (line === "" ? "" : block.indent + line));
    text = text.slice(0, block.start) + indented.join(lineEnd) + text.slice(block.end);
  }
  const again = readDocument({ ...source, text }).value;
  for (const [name, rule] of document.rules) {
    assertSame(rule.policy, again.rules.get(name)?.policy);
  }
  return { value: text, diagnostics };
}

/** The lines of a `|` block, if the text stands in one; other scalars are left as they are. */
function literalBlock(fragment: Fragment): { start: number; end: number; indent: string } | null {
  const { source, text, place } = fragment;
  const first = text.search(/\S/);
  if (first === -1) return null;
  const lineStart = source.text.lastIndexOf("\n", place(first)) + 1;
  const end = place(text.trimEnd().length - 1) + 1;
  const indent = source.text.slice(lineStart, place(first));
  if (!/^ +$/.test(indent)) return null;
  // The policy's own indentation is part of the value; only what YAML takes away is kept.
  const own = text.slice(text.lastIndexOf("\n", first) + 1, first);
  const start = lineStart;
  const written = source.text.slice(start, end);
  const block = indent.slice(own.length);
  const value = written
    .split(/\r?\n/)
    .map((line) => (line.startsWith(block) ? line.slice(block.length) : line.trimStart()));
  // Only a literal block has the value's own lines.
  if (value.join("\n").trim() !== text.replaceAll("\r\n", "\n").trim()) return null;
  return { start, end, indent: block };
}

function assertSame(before: Policy, after: Policy | undefined): void {
  const same = after !== undefined && printPolicy(before) === printPolicy(after);
  assert(same, "formatting keeps the meaning of a policy");
}

// ------------------------------------------------------------------------------------------ layout

/** A line or a few that are printed together, and what a person wrote around them. */
interface Unit extends Layout {
  readonly text: string;
  readonly indent: string;
  /** Rules are set off by blank lines. */
  readonly isRuleHead: boolean;
  readonly isInRule: boolean;
  readonly before: Comment[];
  readonly behind: Comment[];
  readonly after: Comment[];
}

function layOut(fragment: Fragment, parsed: ParsedText): string {
  const units = unitsOf(parsed);
  const rest = attach(fragment.text, parsed.comments, units);
  const lines: string[] = [];
  let previous: Unit | null = null;
  for (const unit of units) {
    const first = unit.before[0] ?? unit;
    const ownBlank = hasBlankBefore(fragment.text, first.textStart);
    const setOff = unit.isRuleHead || (previous?.isInRule === true && !unit.isInRule);
    if (previous !== null && (setOff || ownBlank)) lines.push("");
    for (const [index, comment] of unit.before.entries()) {
      if (index > 0 && hasBlankBefore(fragment.text, comment.textStart)) lines.push("");
      lines.push(unit.indent + comment.text);
    }
    if (unit.before.length > 0 && hasBlankBefore(fragment.text, unit.textStart)) lines.push("");
    const behind = unit.behind.map(({ text }) => `  ${text}`).join("");
    lines.push(unit.indent + unit.text + behind);
    for (const comment of unit.after) lines.push(unit.indent + comment.text);
    previous = unit;
  }
  for (const comment of rest) {
    if (lines.length > 0 && hasBlankBefore(fragment.text, comment.textStart)) lines.push("");
    lines.push(comment.text);
  }
  const result = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  assertSame(parsed.value, parseFragment(wholeSource({ name: "", text: result })).value);
  return result;
}

/** In the order of the text, but for the last lines of a rule, which have an order of their own. */
function unitsOf({ value, layouts }: ParsedText): Unit[] {
  const units = [
    ...value.definitions.map((node) => ({ node, text: printDefinition(node) })),
    ...value.sources.map((node) => ({ node, text: printSource(node) })),
    ...value.transforms.map((node) => ({ node, text: printTransform(node) })),
  ].map(({ node, text }) => [unit(layoutOf(layouts, node), text.trimEnd())]);
  const rules = value.rules.map((rule) => ruleUnits(rule, layouts));
  return [...units, ...rules].sort(([a], [b]) => (a?.textStart ?? 0) - (b?.textStart ?? 0)).flat();
}

function ruleUnits(rule: Rule, layouts: ParsedText["layouts"]): Unit[] {
  const layout = layoutOf(layouts, rule);
  const head: Layout = { textStart: layout.textStart, textEnd: layout.headEnd ?? layout.textEnd };
  const clauses = rule.clauses.map((clause) =>
    unit(layoutOf(layouts, clause), printClause(clause), true),
  );
  const tails = ruleTails(rule).map(([word, line]) =>
    unit(layout.tails?.get(word) ?? head, line, true),
  );
  return [
    { ...unit(head, `rule ${rule.name.text}:`), isRuleHead: true, isInRule: true },
    ...clauses,
    ...tails,
  ];
}

function unit({ textStart, textEnd }: Layout, text: string, isInRule = false): Unit {
  return {
    textStart,
    textEnd,
    text,
    indent: isInRule ? "  " : "",
    isRuleHead: false,
    isInRule,
    before: [],
    behind: [],
    after: [],
  };
}

function layoutOf(layouts: ParsedText["layouts"], node: object): Layout {
  const layout = layouts.get(node);
  assert(layout !== undefined, "the parser lays every unit out");
  return layout;
}

/** Gives every comment to a unit; what follows the last one is the rest. */
function attach(text: string, comments: readonly Comment[], units: readonly Unit[]): Comment[] {
  const inOrder = [...units].sort((a, b) => a.textStart - b.textStart);
  const rest: Comment[] = [];
  let next = 0;
  for (const comment of comments) {
    while (next < inOrder.length && (inOrder[next] as Unit).textStart < comment.textStart)
      next += 1;
    const previous = inOrder[next - 1];
    const following = inOrder[next];
    if (previous !== undefined && comment.textStart < previous.textEnd)
      previous.before.push(comment);
    else if (previous !== undefined && isSameLine(text, previous.textEnd, comment))
      previous.behind.push(comment);
    else if (previous !== undefined && belongsToRule(text, comment, previous, following))
      previous.after.push(comment);
    else if (following !== undefined) following.before.push(comment);
    else rest.push(comment);
  }
  return rest;
}

function isSameLine(text: string, end: number, comment: Comment): boolean {
  return !text.slice(end, comment.textStart).includes("\n");
}

/** An indented comment at the end of a rule is about the rule, not about what follows. */
function belongsToRule(
  text: string,
  comment: Comment,
  previous: Unit,
  following: Unit | undefined,
): boolean {
  if (!previous.isInRule || (following?.isInRule === true && !following.isRuleHead)) return false;
  const limit = following === undefined ? 0 : columnOf(text, following.textStart);
  return columnOf(text, comment.textStart) > limit && !hasBlankBefore(text, comment.textStart);
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

function hasBlankBefore(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf("\n", offset - 1);
  if (lineStart <= 0) return false;
  const before = text.slice(text.lastIndexOf("\n", lineStart - 1) + 1, lineStart);
  return before.trim() === "";
}
