// What this host does about each clause, as a table: shown by run, check, compile and doctor alike.

import type { CompiledClause } from "../../ir/ir.ts";
import { type Verdict, verdictKinds } from "../../kernel/verdicts.ts";
import { clauseLine } from "../../runtime/feedback.ts";
import { printable } from "./printable.ts";

export interface ClauseVerdict {
  readonly compiled: CompiledClause;
  readonly verdict: Verdict;
}

const kindWidth = Math.max(...verdictKinds.map((kind) => kind.length));

/** A line a clause, and a line with the reason under each that says one. */
export function renderVerdicts(verdicts: readonly ClauseVerdict[]): string {
  return verdicts
    .flatMap(({ compiled, verdict }) => {
      const rule = printable(`${compiled.rule.name.text}: ${clauseLine(compiled.clause)}`);
      const line = `  ${verdict.kind.padEnd(kindWidth)}  ${rule}\n`;
      return verdict.reason === null
        ? [line]
        : [line, `  ${"".padEnd(kindWidth)}    ${verdict.reason}\n`];
    })
    .join("");
}
