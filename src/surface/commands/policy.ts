// `actplane policy list|add|show|diff`: the texts of a domain.

import { parsePolicy } from "../../dsl/parser.ts";
import { printRule } from "../../dsl/print.ts";
import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import { givenText } from "../given-text.ts";
import type { Io } from "../io.ts";
import { howToGives } from "../policy-file.ts";
import { counted } from "../text/counted.ts";
import { printable } from "../text/printable.ts";
import { renderTable } from "../text/table.ts";

export interface PolicyArguments extends DaemonChoice {
  readonly domain: string;
  readonly json?: boolean;
}

export interface PolicyTextArguments extends PolicyArguments {
  readonly file: string | undefined;
  readonly rule?: string;
  readonly name?: string;
  readonly dryRun?: boolean;
  readonly degraded?: boolean;
}

interface Text {
  readonly id: number;
  readonly name: string;
  readonly added: string;
  readonly added_by: string;
  readonly rules: readonly string[];
  readonly text: string;
}

interface Verdict {
  readonly rule: string;
  readonly text: string;
  readonly kind: string;
  readonly reason: string | null;
}

interface Held {
  readonly policies: readonly Text[];
  readonly verdicts: readonly Verdict[];
}

interface Added {
  readonly id: string;
  readonly policy: number | null;
  readonly revision: number;
  readonly verdicts: readonly Verdict[];
  readonly notes: readonly string[];
}

const pathOf = (domain: string) => `/v1/domains/${encodeURIComponent(domain)}/policies`;

export function policyList(io: Io, given: PolicyArguments): Promise<number> {
  return undoneTold(io, async () => {
    const answer = await new DaemonAnswers(io, given).ask<Held>("GET", pathOf(given.domain));
    if (given.json === true) {
      io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return 0;
    }
    const rows = answer.policies.map((text) => [
      `${text.id}`,
      text.name,
      text.added,
      text.added_by,
      text.rules.join(" "),
    ]);
    io.stdout.write(renderTable(["ID", "NAME", "ADDED", "BY", "RULES"], rows));
    return 0;
  });
}

/** The texts as they were given, and what this host does about each clause. */
export function policyShow(io: Io, given: PolicyArguments): Promise<number> {
  return undoneTold(io, async () => {
    const answer = await new DaemonAnswers(io, given).ask<Held>("GET", pathOf(given.domain));
    if (given.json === true) {
      io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return 0;
    }
    for (const { id, name, text } of answer.policies) {
      const lines = text.trimEnd().split("\n").map(printable).join("\n");
      io.stdout.write(`# ${id}: ${printable(name)}\n${lines}\n\n`);
    }
    io.stdout.write(verdictLines(answer.verdicts));
    return 0;
  });
}

export function policyAdd(io: Io, given: PolicyTextArguments): Promise<number> {
  return undoneTold(io, async () => {
    const { name, text } = await textOf(io, given);
    const answer = await new DaemonAnswers(io, given).ask<Added>("POST", pathOf(given.domain), {
      text,
      name,
      dry_run: given.dryRun === true,
      degraded: given.degraded === true,
    });
    if (given.json === true) {
      io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return 0;
    }
    const clauses = counted(answer.verdicts.length, "clause", "clauses");
    io.stdout.write(
      given.dryRun === true
        ? `would add ${clauses} to ${answer.id}\n`
        : `added ${clauses} to ${answer.id} as text ${answer.policy}, revision ${answer.revision}\n`,
    );
    io.stdout.write(verdictLines(answer.verdicts));
    for (const note of answer.notes) io.stderr.write(`actplane: note: ${printable(note)}\n`);
    return 0;
  });
}

/** Which rules of a file hold in a domain, which differ, and which are new: 0 where all hold, else 2. */
export function policyDiff(io: Io, given: PolicyTextArguments): Promise<number> {
  return undoneTold(io, async () => {
    const { name, text } = await textOf(io, given);
    const answer = await new DaemonAnswers(io, given).ask<Held>("GET", pathOf(given.domain));
    const held = new Map(answer.policies.flatMap((each) => rulesOf(each.name, each.text)));
    const wanted = new Map(rulesOf(name, text));
    const lines: string[] = [];
    for (const [rule, printed] of wanted) {
      const now = held.get(rule);
      if (now === printed) continue;
      lines.push(...marked(now, "-"), ...marked(printed, "+"));
    }
    for (const [rule, printed] of held) if (!wanted.has(rule)) lines.push(...marked(printed, "-"));
    io.stdout.write(lines.map((line) => `${line}\n`).join(""));
    return lines.length === 0 ? 0 : 2;
  });
}

function rulesOf(name: string, text: string): [string, string][] {
  return parsePolicy({ name, text }).value.rules.map((rule) => [rule.name.text, printRule(rule)]);
}

function marked(text: string | undefined, mark: string): string[] {
  if (text === undefined) return [];
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `${mark} ${printable(line)}`);
}

async function textOf(
  io: Io,
  { file, rule, name }: PolicyTextArguments,
): Promise<{ name: string; text: string }> {
  const given = await givenText(io, file, rule, howToGives.argument);
  return { text: given.text, name: name ?? given.name };
}

function verdictLines(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ rule, text, kind, reason }) => {
      const why = reason === null ? "" : `\n    ${printable(reason)}`;
      return `  ${kind.padEnd(20)}  ${printable(`${rule}: ${text}`)}${why}\n`;
    })
    .join("");
}
