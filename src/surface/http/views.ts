// Values of the runtime as the API tells them; the shapes are those of schemas.ts.

import type { ClauseStanding } from "../../runtime/clause-standing.ts";
import type { Daemon } from "../../runtime/daemon.ts";
import type { Attached } from "../../runtime/membership.ts";
import type { DomainState, TextState } from "../../runtime/registry.ts";
import { verdictJson } from "../text/verdicts.ts";

/** Processes that one view lists. */
const processesMax = 1_000;

export function domainJson(domain: DomainState, daemon: Daemon) {
  const { session } = domain;
  const { last, acked, dropped } = daemon.queue.state(domain.id);
  return {
    schema_version: 1 as const,
    id: domain.id,
    name: domain.name,
    parent: domain.parent?.id ?? null,
    children: [...domain.children].map(({ id }) => id),
    session: session.id,
    workspace: session.workspace,
    home: session.home,
    degraded: domain.degraded,
    disabled: [...domain.disabled],
    revision: domain.revision,
    generation: domain.generation,
    made: domain.made,
    made_by: domain.madeBy,
    clauses: daemon.control.verdictsOf(domain.compiled).length,
    processes: processesOf(domain, daemon),
    policies: domain.texts.map((text) => textJson(text, false)),
    feedback: { last, acked, dropped },
  };
}

function processesOf(domain: DomainState, daemon: Daemon) {
  const { processes } = daemon.intake.history(domain.session);
  return daemon.engine
    .members(domain.number)
    .slice(0, processesMax)
    .map((pid) => {
      const known = processes.get(pid);
      return { pid, exe: known?.program ?? "", argv: [...(known?.argv ?? [])] };
    });
}

export function textJson({ id, name, added, addedBy, text }: TextState, isWhole: boolean) {
  const rules = text.parts.flatMap(({ policy }) => policy.rules.map((rule) => rule.name.text));
  return {
    id,
    name,
    added,
    added_by: addedBy,
    rules,
    ...(isWhole ? { text: text.source.text } : {}),
  };
}

export function verdictsJson(verdicts: readonly ClauseStanding[]) {
  return verdicts.map(verdictJson);
}

export function attachedJson({ pid, members, unknown, more }: Attached) {
  return { pid, members: [...members], unknown: [...unknown], more };
}
