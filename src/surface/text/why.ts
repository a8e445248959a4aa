// The answer of `why` for whoever reads it, a person or a model.
//
//     block: /usr/bin/git push -f
//       here     blocked-before
//       rule     no-push: block exec "git" "push" if AGENT (actplane.yaml:6:5)
//       why      the process carries AGENT
//       because  a person reviews the work and pushes it
//       fix      leave the commit here and say that it is ready
//     about it too, and not matching:
//       rule     ...

import type { SimulatedStep } from "../../runtime/simulate.ts";
import type { ClauseAnswer, GateAnswer, WhyAnswer } from "../../runtime/why.ts";
import { printable } from "./printable.ts";
import { onOneLine, shown } from "./shown.ts";

/** Clauses that do not match, of a policy that has very many. */
const passedMax = 10;

export function renderWhy(answer: WhyAnswer): string {
  const lines = [`${headline(answer)}: ${shown(answer.operation)}`];
  if (answer.verdict !== null) {
    const { kind, reason } = answer.verdict;
    lines.push(row("here", reason === null ? kind : `${kind}, because ${shown(reason)}`));
  }
  for (const clause of answer.matched) lines.push(...clauseRows(clause, "to pass"));
  if (answer.gained.length > 0) lines.push(row("gains", answer.gained.join(", ")));
  for (const gate of answer.opens) lines.push(row("gate", `${shown(gate.text)}: ${opening(gate)}`));
  for (const gate of answer.makes_stale)
    lines.push(row("gate", `${shown(gate.text)}: is stale afterwards`));
  if (answer.passed.length > 0) lines.push("about it too, and not matching as things stand:");
  for (const { name, clause, file, line, column, why } of answer.passed.slice(0, passedMax)) {
    lines.push(row("rule", `${name}: ${shown(clause)} (${printable(file)}:${line}:${column})`));
    for (const sentence of why) lines.push(row("why", shown(sentence)));
  }
  const more = answer.passed.length - passedMax;
  if (more > 0) lines.push(row("", `and ${more} more`));
  for (const note of answer.notes) lines.push(`note: ${shown(note)}`);
  return `${lines.join("\n")}\n`;
}

function headline({ effect, matched }: WhyAnswer): string {
  if (effect === "none") return "nothing keeps it from happening";
  return matched.length === 1 ? effect : `${effect}, ${matched.length} clauses match`;
}

function clauseRows(answer: ClauseAnswer, pass: string): string[] {
  const { name, clause, file, line, column, why, because, fix, satisfy } = answer;
  const rows = [row("rule", `${name}: ${shown(clause)} (${printable(file)}:${line}:${column})`)];
  for (const sentence of why) rows.push(row("why", shown(sentence)));
  if (because !== null) rows.push(row("because", shown(onOneLine(because))));
  if (fix !== null) rows.push(row("fix", shown(onOneLine(fix))));
  for (const sentence of satisfy) rows.push(row(pass, shown(sentence)));
  return rows;
}

function opening({ exits }: GateAnswer): string {
  return exits === null ? "is open afterwards" : `opens when the run ends with exit code ${exits}`;
}

function row(name: string, text: string): string {
  return `  ${name.padEnd("because".length)}  ${text}`;
}

/** A line an operation, and under each that matched its clauses. */
export function renderSteps(steps: readonly SimulatedStep[]): string {
  return steps
    .map(({ seq, pid, operation, effect, happens, matched }) => {
      const deed = happens ? effect : "not reached";
      const line = `${`${seq}`.padStart(4)}  ${deed.padEnd("not reached".length)}  ${pid}  ${shown(operation)}\n`;
      const rules = matched.map(
        ({ name, file, line: at, column }) =>
          `${" ".repeat(6)}${name} (${printable(file)}:${at}:${column})\n`,
      );
      return line + rules.join("");
    })
    .join("");
}
