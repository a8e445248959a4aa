// `actplane ps`: the domains and what is in them.

import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import type { Io } from "../io.ts";
import { renderTable } from "../text/table.ts";

export interface PsArguments extends DaemonChoice {
  readonly json?: boolean;
}

interface Domain {
  readonly id: string;
  readonly name: string;
  readonly parent: string | null;
  readonly processes: readonly { pid: number; exe: string; argv: readonly string[] }[];
  readonly clauses: number;
  readonly revision: number;
  readonly feedback: { last: number; acked: number; dropped: number };
}

export function ps(io: Io, given: PsArguments): Promise<number> {
  return undoneTold(io, async () => {
    const daemon = new DaemonAnswers(io, given);
    const answer = await daemon.ask<{ readonly domains: readonly Domain[] }>("GET", "/v1/domains");
    if (given.json === true) {
      io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return 0;
    }
    const { domains } = answer;
    if (domains.length === 0) {
      io.stdout.write("there are no domains\n");
      return 0;
    }
    const head = ["ID", "NAME", "PARENT", "CLAUSES", "REVISION", "UNREAD", "PID", "PROGRAM"];
    io.stdout.write(renderTable(head, domains.flatMap(rowsOf)));
    return 0;
  });
}

/** A line a process, the domain's own words on its first. */
function rowsOf(domain: Domain): string[][] {
  const { id, name, parent, clauses, revision, feedback, processes } = domain;
  const unread = feedback.last - feedback.acked;
  const own = [id, name, parent ?? "-", `${clauses}`, `${revision}`, `${unread}`];
  const [first, ...rest] = processes.map(({ pid, exe, argv }) => [
    `${pid}`,
    [exe === "" ? "?" : exe, ...argv.slice(1)].join(" ").slice(0, 120),
  ]);
  return [[...own, ...(first ?? ["-", "-"])], ...rest.map((row) => [...own.map(() => ""), ...row])];
}
