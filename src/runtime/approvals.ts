// Approvals: an operator's word for the rules of a session that wait for it when it is given. It ends when it is taken
// back, and with the last rule that waits for it: what asks for it later asks an operator again.
//
// The kernel half knows which gates are open. The store keeps the last word by its name, so that one that was written
// and not yet carried out is carried out by the next daemon: shutting only, for opening was not answered.

import type { Compiled, CompiledApproval } from "../ir/ir.ts";
import type { Engine } from "../kernel/kernel.ts";
import type { Audit } from "./audit.ts";
import type { Caller } from "./caller.ts";
import { Refusal } from "./refusal.ts";
import type { DomainState, SessionState } from "./registry.ts";
import type { Store } from "./store.ts";

export interface ApprovalsOptions {
  readonly engine: () => Engine;
  readonly store: Store;
  readonly audit: Audit;
  /** ISO 8601, UTC. */
  readonly now: () => string;
}

export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #store: Store;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** For the whole session of `domain`; the gates that it is about. */
  say(
    caller: Caller,
    domain: DomainState,
    name: string,
    open: boolean,
    reason: string | null,
  ): number[] {
    const { session } = domain;
    const gates = [...awaitedIn(session)].flatMap(([gate, each]) => (each === name ? [gate] : []));
    if (gates.length === 0)
      throw new Refusal("not-found", `no rule of the session waits for the approval "${name}"`);
    this.#store.transaction(() => {
      this.#store.run(
        "INSERT OR REPLACE INTO approvals(session, name, open, time) VALUES (?, ?, ?, ?)",
        session.id,
        name,
        open ? 1 : 0,
        this.#options.now(),
      );
      const action = open ? "approved" : "approval-withdrawn";
      this.#options.audit.note(caller, action, domain, { name, reason, gates });
    });
    for (const gate of gates) this.#set(session, gate, open);
    return gates;
  }

  /** `domain` had this policy and has it no more: what no domain of its session waits for now is shut. */
  leave(domain: DomainState, before: Compiled | null): void {
    const { session } = domain;
    const left = noLongerAwaited(before, compiledIn(session));
    for (const { gate } of left) this.#set(session, gate, false);
    for (const name of new Set(left.map((each) => each.name))) {
      const gates = left.flatMap((each) => (each.name === name ? [each.gate] : []));
      this.#ended(domain, name, gates);
    }
  }

  /** Of a session that the kernel goes on to hold: shuts what should be, whenever an earlier daemon ended. */
  restore(session: SessionState): void {
    const awaited = awaitedIn(session);
    const opened = new Set(compiledIn(session).flatMap(({ gates }) => gates.map(({ id }) => id)));
    // Of other numbers it is not known what they were; shutting what no operator opens changes nothing.
    for (const gate of session.numbering.gates.keys())
      if (!awaited.has(gate) && !opened.has(gate)) this.#set(session, gate, false);
    const [domain] = session.domains;
    for (const { name, open } of this.#words(session)) {
      if (domain !== undefined && ![...awaited.values()].includes(name))
        this.#ended(domain, name, []);
      if (open === 1) continue;
      for (const [gate, each] of awaited) if (each === name) this.#set(session, gate, false);
    }
  }

  /** Of a session that has ended, or whose gates the kernel has forgotten: it was started anew. */
  forget(session: SessionState): void {
    this.#store.run("DELETE FROM approvals WHERE session = ?", session.id);
  }

  /** No rule waits at these gates any more; others may go on to wait for that name. */
  #ended(domain: DomainState, name: string, gates: readonly number[]): void {
    const { session } = domain;
    const word = this.#words(session).find((each) => each.name === name);
    if (word === undefined) return;
    this.#store.transaction(() => {
      if (![...awaitedIn(session).values()].includes(name))
        this.#store.run("DELETE FROM approvals WHERE session = ? AND name = ?", session.id, name);
      if (word.open === 1)
        this.#options.audit.note(null, "approval-ended", domain, { name, gates });
    });
  }

  #words(session: SessionState): { readonly name: string; readonly open: number }[] {
    return this.#store.all("SELECT name, open FROM approvals WHERE session = ?", session.id);
  }

  #set(session: SessionState, gate: number, open: boolean): void {
    this.#options.engine().approve(session.number, gate, open);
  }
}

/** Approvals that `before` waited for and nothing in `now` does. */
export function noLongerAwaited(
  before: Pick<Compiled, "approvals"> | null,
  now: Iterable<Pick<Compiled, "approvals">>,
): CompiledApproval[] {
  if (before === null || before.approvals.length === 0) return [];
  const awaited = new Set([...now].flatMap(({ approvals }) => approvals.map(({ gate }) => gate)));
  return before.approvals.filter(({ gate }) => !awaited.has(gate));
}

/** Names by their gates; a name has one for each `within`. */
function awaitedIn(session: SessionState): Map<number, string> {
  const approvals = compiledIn(session).flatMap((compiled) => compiled.approvals);
  return new Map(approvals.map(({ gate, name }) => [gate, name]));
}

function compiledIn({ domains }: SessionState): Compiled[] {
  return [...domains].flatMap(({ compiled }) => compiled ?? []);
}
