// What a host does about each clause, as tables and as JSON: shown by run, check, compile and doctor alike.

import type { CompiledClause } from "../../ir/ir.ts";
import { type Tier, tiers } from "../../kernel/kernel.ts";
import { type Verdict, verdictKinds, verdictOf } from "../../kernel/verdicts.ts";
import { clauseLine } from "../../runtime/feedback.ts";
import { counted, grouped } from "./counted.ts";
import { printable } from "./printable.ts";

export interface ClauseVerdict {
  readonly compiled: CompiledClause;
  readonly verdict: Verdict;
}

export function verdictsIn(tier: Tier, clauses: readonly CompiledClause[]): ClauseVerdict[] {
  return clauses.map((compiled) => ({ compiled, verdict: verdictOf(compiled, tier) }));
}

const kindWidth = Math.max(...verdictKinds.map((kind) => kind.length));
/** A clause may name thousands of patterns. */
const clauseMax = 300;
/** Clauses that a table without a reader's asking may list. */
const listedMax = 20;

/** A line a clause, and a line with the reason under each that says one. */
export function renderVerdicts(verdicts: readonly ClauseVerdict[]): string {
  return verdicts
    .map(({ compiled, verdict }) => {
      const line = `  ${verdict.kind.padEnd(kindWidth)}  ${ruleText(compiled)}\n`;
      return line + reasonText(verdict);
    })
    .join("");
}

function reasonText({ reason }: Verdict): string {
  return reason === null ? "" : `  ${"".padEnd(kindWidth)}    ${printable(reason)}\n`;
}

/** As renderVerdicts, but only the first of many. */
export function renderFirstVerdicts(verdicts: readonly ClauseVerdict[]): string {
  const rest = verdicts.length - listedMax;
  const listed = renderVerdicts(verdicts.slice(0, listedMax));
  return rest <= 0
    ? listed
    : `${listed}  and ${counted(rest, "more clause", "more clauses")}; \`actplane check --host\` lists all\n`;
}

/** All of a few clauses. Of many, how many have which verdict, and those that are weaker than written. */
export function renderVerdictsBriefly(verdicts: readonly ClauseVerdict[]): string {
  if (verdicts.length <= listedMax) return renderVerdicts(verdicts);
  const counts = verdictKinds.flatMap((kind) => {
    const count = verdicts.filter(({ verdict }) => verdict.kind === kind).length;
    return count === 0 ? [] : [`  ${kind.padEnd(kindWidth)}  ${grouped(count)}\n`];
  });
  const weaker = verdicts.filter(({ verdict }) => verdict.reason !== null);
  const list = weaker.length === 0 ? "" : `  weaker than written:\n${renderFirstVerdicts(weaker)}`;
  return counts.join("") + list;
}

/** The tiers side by side, for a host of which nothing is known. */
export function renderTierVerdicts(clauses: readonly CompiledClause[]): string {
  const row = (cells: readonly string[], last: string) =>
    `  ${cells.map((cell) => cell.padEnd(kindWidth)).join("  ")}  ${last}\n`;
  const rows = clauses.map((compiled) =>
    row(
      tiers.map((tier) => verdictOf(compiled, tier).kind),
      ruleText(compiled),
    ),
  );
  return row(tiers, "clause") + rows.join("");
}

function ruleText({ rule, clause }: CompiledClause): string {
  const text = printable(`${rule.name.text}: ${clauseLine(clause)}`);
  return text.length <= clauseMax ? text : `${text.slice(0, clauseMax)}...`;
}

// ------------------------------------------------------------------------------------------- json

export function verdictJson({ compiled, verdict }: ClauseVerdict) {
  return { ...clauseJson(compiled), ...verdict };
}

export function tierVerdictsJson(compiled: CompiledClause) {
  const entries = tiers.map((tier) => [tier, verdictOf(compiled, tier)] as const);
  return Object.fromEntries(entries) as Readonly<Record<Tier, Verdict>>;
}

export function clauseJson({ id, rule, clause }: CompiledClause) {
  return { rule: rule.name.text, clause: id, text: clauseLine(clause), effect: clause.effect };
}
