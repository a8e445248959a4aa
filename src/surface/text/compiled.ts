// A compiled policy as people and programs read it: clause by clause what it became, what decides it
// and what it costs.

import { printDuration } from "../../dsl/duration.ts";
import { printCondition, printEvent } from "../../dsl/print.ts";
import { entry as entryAt, header } from "../../ir/abi.ts";
import type {
  AutomatonReport,
  Compiled,
  CompiledApproval,
  CompiledClause,
  CompiledGate,
  CompiledLabel,
} from "../../ir/ir.ts";
import { carriersOf, takers } from "../../kernel/carriers.ts";
import { type Tier, tiers } from "../../kernel/kernel.ts";
import { verdictKinds, verdictOf } from "../../kernel/verdicts.ts";
import { clauseLine } from "../../runtime/feedback.ts";
import { counted, grouped } from "./counted.ts";
import { printable } from "./printable.ts";

/** One line, for a compile without questions. */
export function summaryOfCompiled(compiled: Compiled): string {
  const { clauses, automata, image } = compiled;
  const missing = clauses.filter(({ unsupported }) => unsupported !== null).length;
  const parts = [
    counted(clauses.length, "clause", "clauses"),
    counted(automata.length, "automaton", "automata"),
    kib(image.length),
    ...(missing === 0 ? [] : [`${missing} not carried out as written`]),
  ];
  return `${parts.join(", ")}\n`;
}

/** Everything, for `--explain`. `skipsHooks`: of the kernel that is to carry it out. */
export function renderCompiled(compiled: Compiled, skipsHooks: boolean): string {
  const sections = [
    ...rulesOf(compiled).map((clauses) => ruleLines(compiled, clauses, skipsHooks)),
    skipsHooks && compiled.clauses.length > 0 ? skippingLines : [],
    automataLines(compiled.automata),
    stateLines(compiled),
    sizeLines(compiled),
    compiled.notes.length === 0
      ? []
      : ["notes", ...compiled.notes.map((note) => `  ${printable(note)}`)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

/** Clauses of one rule follow each other. */
function rulesOf({ clauses }: Compiled): CompiledClause[][] {
  const rules: CompiledClause[][] = [];
  for (const clause of clauses) {
    const last = rules.at(-1);
    if (last?.[0]?.rule === clause.rule) last.push(clause);
    else rules.push([clause]);
  }
  return rules;
}

const skippingLines = [
  "this kernel preempts and may skip modify-return programs",
  `  so kprobes (\`first_\`) judge, and ${takers} programs of the same hook (\`take0_\` to \`take${takers - 1}_\`) refuse`,
];

function ruleLines(
  compiled: Compiled,
  clauses: readonly CompiledClause[],
  skipsHooks: boolean,
): string[] {
  const name = clauses[0]?.rule.name.text ?? "";
  const lines = clauses.flatMap((clause) => clauseLines(compiled, clause, skipsHooks));
  return [`rule ${printable(name)}`, ...lines];
}

function clauseLines(compiled: Compiled, clause: CompiledClause, skipsHooks: boolean): string[] {
  const deciding = decidingAutomata(compiled, clause).map(automatonName);
  const facts = [
    clause.operations.join(" "),
    counted(clause.entries, "entry", "entries"),
    deciding.length === 0 ? "no automaton" : deciding.join(" and "),
  ];
  const lines = [
    `  ${clause.id}  ${printable(clauseLine(clause.clause))}`,
    `     ${facts.join("; ")}`,
  ];
  if (clause.unsupported !== null)
    lines.push(`     not carried out: ${printable(clause.unsupported)}`);
  return [...lines, ...tiers.flatMap((tier) => tierLines(clause, tier, skipsHooks))];
}

/** What a tier does about the clause, and the programs that do it. */
function tierLines(clause: CompiledClause, tier: Tier, skipsHooks: boolean): string[] {
  const { kind, reason } = verdictOf(clause, tier);
  const isCarried = clause.unsupported === null;
  const carriers = isCarried ? carriersOf(tier, clause.operations, skipsHooks) : [];
  const programs = carriers.filter((name) => !/^take\d_/.test(name)).join(" ");
  const row = `     ${tier.padEnd(tierWidth)}  ${kind.padEnd(kindWidth)}  ${programs}`;
  // The same for every tier, it has been said.
  if (reason === null || !isCarried) return [row.trimEnd()];
  return [row.trimEnd(), `     ${"".padEnd(tierWidth)}    ${printable(reason)}`];
}

const tierWidth = Math.max(...tiers.map((tier) => tier.length));
const kindWidth = Math.max(...verdictKinds.map((kind) => kind.length));

function decidingAutomata(compiled: Compiled, { id, clause }: CompiledClause): AutomatonReport[] {
  const readsArguments = clause.operation.kind === "exec" && clause.operation.exec.args.length > 0;
  return compiled.automata.filter(
    ({ kind, clauses }) => clauses.includes(id) || (kind === "args" && readsArguments),
  );
}

function automatonName({ kind, group }: AutomatonReport): string {
  return `${kind} ${group}`;
}

function automataLines(automata: readonly AutomatonReport[]): string[] {
  if (automata.length === 0) return [];
  const rows = automata.map((automaton) => [
    automatonName(automaton),
    grouped(automaton.patterns),
    grouped(automaton.states),
    grouped(automaton.classes),
    grouped(automaton.combs),
    kib(automaton.words),
  ]);
  return aligned([["automaton", "patterns", "states", "classes", "cells", "size"], ...rows]);
}

function stateLines({ labels, gates, approvals }: Compiled): string[] {
  return [
    ...labels.map((label) => `label ${label.bit}  ${labelText(label)}`),
    ...gates.map((gate) => `gate ${gate.id}  ${printable(gateText(gate))}`),
    ...approvals.map((approval) => `gate ${approval.gate}  ${printable(approvalText(approval))}`),
  ];
}

function labelText({ name, hidden }: CompiledLabel): string {
  return hidden ? `${printable(name)} (hidden)` : printable(name);
}

function gateText({ event, exits, since, withinMs }: CompiledGate): string {
  return [
    printEvent(event),
    ...(exits === null ? [] : [`exits ${exits}`]),
    ...(since.length === 0 ? [] : [`since ${since.map(printEvent).join(" or ")}`]),
    ...(withinMs === null ? [] : [`within ${printDuration(withinMs)}`]),
  ].join(" ");
}

function approvalText({ name, withinMs }: CompiledApproval): string {
  return printCondition({ kind: "approved", name, withinMs, span: { start: 0, end: 0 } });
}

function sizeLines({ image, automata }: Compiled): string[] {
  const entries = image[header.entries] ?? 0;
  const tables = automata.reduce((sum, { words }) => sum + words, 0);
  const entryWords = entries * entryAt.size;
  const rest = image.length - tables - entryWords;
  return [
    `image  ${kib(image.length)}: automata ${kib(tables)}, ${counted(entries, "entry", "entries")} ${kib(entryWords)}, header and lists ${kib(rest)}`,
  ];
}

/** Columns of equal width, all but the first to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  "),
  );
}

function kib(words: number): string {
  return `${((words * 4) / 1024).toFixed(1)} KiB`;
}

/** As `--json` and the HTTP surface tell it. */
export function compiledJson(compiled: Compiled, skipsHooks: boolean) {
  return {
    image_bytes: compiled.image.length * 4,
    clauses: compiled.clauses.map((clause) => ({
      id: clause.id,
      rule: clause.rule.name.text,
      clause: clauseLine(clause.clause),
      effect: clause.clause.effect,
      operations: clause.operations,
      entries: clause.entries,
      automata: decidingAutomata(compiled, clause).map(automatonName),
      unsupported: clause.unsupported,
      tiers: Object.fromEntries(
        tiers.map((tier) => [
          tier,
          { ...verdictOf(clause, tier), programs: carriersOf(tier, clause.operations, skipsHooks) },
        ]),
      ),
    })),
    labels: compiled.labels,
    gates: [
      ...compiled.gates.map((gate) => ({ id: gate.id, text: gateText(gate) })),
      ...compiled.approvals.map((each) => ({ id: each.gate, text: approvalText(each) })),
    ],
    automata: compiled.automata.map(({ kind, group, patterns, states, classes, combs, words }) => ({
      kind,
      group,
      patterns,
      states,
      classes,
      cells: combs,
      bytes: words * 4,
    })),
    atoms: compiled.atoms,
    notes: compiled.notes,
  };
}
