// The sessions and domains that are there, as values in memory beside their rows in the store: who is whose
// parent, which texts hold where, what was compiled of them. Decisions are control.ts's.

import { createHash, randomBytes } from "node:crypto";
import { assert } from "../base/assert.ts";
import type { Policy } from "../dsl/ast.ts";
import { emptyPolicy } from "../dsl/merge.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Numbering } from "../ir/numbering.ts";
import { numberingFrom } from "./compose.ts";
import { joinParts, type Part, type PolicyText, readPolicyText } from "./policy-text.ts";
import type { Store } from "./store.ts";
import type { Standing } from "./tighten.ts";

export interface SessionState {
  readonly id: number;
  /** The engine's; another one after the kernel was started anew. */
  number: number;
  /** One for all domains of the session: what a relative pattern means never changes. */
  readonly workspace: string;
  readonly home: string;
  /** What its labels, gates and clauses are called by; it only grows. */
  numbering: Numbering;
  readonly domains: Set<DomainState>;
  /** What holds in each of them beside its texts. */
  readonly ownRules: readonly Part[];
}

export interface TextState {
  /** From 1 in its domain. */
  readonly id: number;
  readonly name: string;
  readonly policyDomain: string | null;
  readonly addedBy: string;
  readonly added: string;
  readonly text: PolicyText;
}

export interface DomainState {
  readonly id: string;
  readonly ordinal: number;
  /** The engine's: numbers of ended domains are used again, ids never. */
  readonly number: number;
  readonly session: SessionState;
  readonly parent: DomainState | null;
  readonly children: Set<DomainState>;
  readonly name: string;
  /** Inherited `default` bindings that do not hold here. */
  readonly disabled: readonly string[];
  /** Clauses that this host carries out weaker than written are accepted. */
  readonly degraded: boolean;
  readonly madeBy: string;
  readonly made: string;
  readonly tokenHash: string;
  texts: TextState[];
  /** The engine's: how often the policy was set. */
  generation: number;
  /** Grows with every change of what holds here; `ETag` over HTTP. */
  revision: number;
  compiled: Compiled | null;
  /** What held before a text was taken away: events of it may still come. */
  former: Compiled | null;
}

/** Numbers go from 1, in a table of the kernel with 16,384 places. */
export const domainsMax = 16_383;

export class Registry {
  readonly #domains = new Map<string, DomainState>();
  readonly #byNumber = new Map<number, DomainState>();
  readonly #byToken = new Map<string, DomainState>();
  readonly #sessions = new Map<number, SessionState>();
  #lastOrdinal = 0;
  #lowestFree = 1;

  constructor(
    readonly store: Store,
    /** Of every session, those that were there before included. */
    readonly ownRules: () => readonly Part[] = () => [],
  ) {
    this.#load();
  }

  get domains(): Iterable<DomainState> {
    return this.#domains.values();
  }

  get sessions(): Iterable<SessionState> {
    return this.#sessions.values();
  }

  get size(): number {
    return this.#domains.size;
  }

  get(id: string): DomainState | null {
    return this.#domains.get(id) ?? null;
  }

  /** Names that look like ids are never looked for: one that has ended must not mean another one. */
  named(name: string): DomainState[] {
    if (/^d\d+$/.test(name)) return [];
    return [...this.#domains.values()].filter((domain) => domain.name === name);
  }

  byNumber(number: number): DomainState | null {
    return this.#byNumber.get(number) ?? null;
  }

  byToken(token: string): DomainState | null {
    return this.#byToken.get(hashOf(token)) ?? null;
  }

  /** Of a domain that has ended. */
  wasThere(id: string): boolean {
    return this.store.one("SELECT 1 FROM domains WHERE id = ?", id) !== null;
  }

  // ---- rows ----

  makeSession(given: Omit<SessionState, "id" | "domains" | "ownRules">): SessionState {
    this.store.run(
      "INSERT INTO sessions(number, workspace, home, numbering) VALUES (?, ?, ?, ?)",
      given.number,
      given.workspace,
      given.home,
      JSON.stringify(given.numbering),
    );
    const row = this.store.one<{ id: number }>("SELECT last_insert_rowid() AS id");
    assert(row !== null, "a row that was inserted has a number");
    const session = this.#withOwnRules({ ...given, id: row.id });
    this.#sessions.set(session.id, session);
    this.store.onFailure(() => this.#sessions.delete(session.id));
    return session;
  }

  #withOwnRules(given: Omit<SessionState, "domains" | "ownRules">): SessionState {
    const { ownRules } = this;
    // Asked when they are needed: at the start the tier is not known yet.
    return {
      ...given,
      domains: new Set(),
      get ownRules() {
        return ownRules();
      },
    };
  }

  renumberSession(session: SessionState, number: number): void {
    this.store.run("UPDATE sessions SET number = ? WHERE id = ?", number, session.id);
    session.number = number;
  }

  saveNumbering(session: SessionState, numbering: Numbering): void {
    if (numbering === session.numbering) return;
    this.store.run(
      "UPDATE sessions SET numbering = ? WHERE id = ?",
      JSON.stringify(numbering),
      session.id,
    );
    const { numbering: before } = session;
    this.store.onFailure(() => {
      session.numbering = before;
    });
    session.numbering = numbering;
  }

  endSession(session: SessionState, time: string): void {
    assert(session.domains.size === 0, "a session that ends has no domains");
    this.store.run("UPDATE sessions SET ended = ? WHERE id = ?", time, session.id);
    this.#sessions.delete(session.id);
    this.store.onFailure(() => this.#sessions.set(session.id, session));
  }

  /** The number of a domain that is to be made. */
  freeNumber(): number {
    while (this.#byNumber.has(this.#lowestFree)) this.#lowestFree++;
    return this.#lowestFree;
  }

  /** Its row and its place in the tree; what holds in it is not yet in the kernel. */
  insert(
    given: Pick<
      DomainState,
      "number" | "session" | "parent" | "name" | "disabled" | "degraded" | "madeBy" | "made"
    >,
    token: string,
  ): DomainState {
    const ordinal = ++this.#lastOrdinal;
    const domain: DomainState = {
      ...given,
      id: `d${ordinal}`,
      ordinal,
      tokenHash: hashOf(token),
      children: new Set(),
      texts: [],
      generation: 0,
      revision: 1,
      compiled: null,
      former: null,
    };
    this.store.run(
      `INSERT INTO domains(id, ordinal, number, session, parent, name, disabled, degraded, token_hash, made_by, made,
         generation, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1)`,
      domain.id,
      ordinal,
      domain.number,
      domain.session.id,
      domain.parent?.id ?? null,
      domain.name,
      JSON.stringify(domain.disabled),
      domain.degraded ? 1 : 0,
      domain.tokenHash,
      domain.madeBy,
      domain.made,
    );
    this.#place(domain);
    this.store.onFailure(() => this.forget(domain));
    return domain;
  }

  insertText(domain: DomainState, text: TextState): void {
    this.store.run(
      `INSERT INTO texts(domain, id, name, text, policy_domain, added_by, added) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      domain.id,
      text.id,
      text.name,
      text.text.source.text,
      text.policyDomain,
      text.addedBy,
      text.added,
    );
    this.#setTexts(domain, [...domain.texts, text]);
  }

  #setTexts(domain: DomainState, texts: TextState[]): void {
    const before = domain.texts;
    this.store.onFailure(() => {
      domain.texts = before;
    });
    domain.texts = texts;
  }

  /** The number of a text that is to be added: those that were removed keep theirs. */
  nextTextId(domain: DomainState): number {
    const row = this.store.one<{ last: number | null }>(
      "SELECT max(id) AS last FROM texts WHERE domain = ?",
      domain.id,
    );
    return (row?.last ?? 0) + 1;
  }

  removeText(domain: DomainState, id: number, time: string): void {
    this.store.run("UPDATE texts SET removed = ? WHERE domain = ? AND id = ?", time, domain.id, id);
    this.#setTexts(
      domain,
      domain.texts.filter((text) => text.id !== id),
    );
  }

  /** A change of what holds there. */
  revise(domain: DomainState): void {
    this.store.onFailure(() => {
      domain.revision--;
    });
    domain.revision++;
    this.save(domain);
    this.unsettle(domain);
  }

  /** The kernel is about to get something else for it: who finds the row before that was saved gives it to the kernel again. */
  unsettle(domain: DomainState): void {
    this.store.run("UPDATE domains SET generation = 0 WHERE id = ?", domain.id);
  }

  save(domain: DomainState): void {
    this.store.run(
      "UPDATE domains SET generation = ?, revision = ? WHERE id = ?",
      domain.generation,
      domain.revision,
      domain.id,
    );
  }

  end(domain: DomainState, time: string): void {
    this.store.run("UPDATE domains SET ended = ? WHERE id = ?", time, domain.id);
    this.forget(domain);
    this.store.onFailure(() => this.#place(domain));
  }

  /** Takes it out of the tree. */
  forget(domain: DomainState): void {
    assert(domain.children.size === 0, "a domain that ends has no children");
    this.#domains.delete(domain.id);
    this.#byNumber.delete(domain.number);
    this.#byToken.delete(domain.tokenHash);
    domain.parent?.children.delete(domain);
    domain.session.domains.delete(domain);
    this.#lowestFree = Math.min(this.#lowestFree, domain.number);
  }

  // ---- loading ----

  #load(): void {
    const last = this.store.one<{ last: number | null }>(
      "SELECT max(ordinal) AS last FROM domains",
    );
    this.#lastOrdinal = last?.last ?? 0;
    const sessions = this.store.all<
      Omit<SessionState, "domains" | "numbering" | "ownRules"> & { numbering: string }
    >(
      "SELECT id, number, workspace, home, numbering FROM sessions WHERE ended IS NULL ORDER BY id",
    );
    for (const session of sessions) {
      const numbering = numberingFrom(session.numbering);
      this.#sessions.set(session.id, this.#withOwnRules({ ...session, numbering }));
    }
    // A parent is older than its children.
    const rows = this.store.all<DomainRow>(
      "SELECT * FROM domains WHERE ended IS NULL ORDER BY ordinal",
    );
    for (const row of rows) this.#loadDomain(row);
  }

  #loadDomain(row: DomainRow): void {
    const session = this.#sessions.get(row.session);
    assert(session !== undefined, `the session of domain ${row.id} is there`);
    const domain: DomainState = {
      id: row.id,
      ordinal: row.ordinal,
      number: row.number,
      session,
      parent: row.parent === null ? null : this.get(row.parent),
      children: new Set(),
      name: row.name,
      disabled: JSON.parse(row.disabled),
      degraded: row.degraded === 1,
      madeBy: row.made_by,
      made: row.made,
      tokenHash: row.token_hash,
      texts: [],
      generation: row.generation,
      revision: row.revision,
      compiled: null,
      former: null,
    };
    this.#place(domain);
    const texts = this.store.all<TextRow>(
      "SELECT * FROM texts WHERE domain = ? AND removed IS NULL ORDER BY id",
      domain.id,
    );
    for (const { id, name, text, policy_domain, added_by, added } of texts) {
      const inherited = id === 1 && domain.parent === null ? emptyPolicy : policyOf(domain);
      // Its faults were told when it was taken in.
      const read = readPolicyText({ name, text }, policy_domain ?? undefined, inherited).value;
      const state: TextState = {
        id,
        name,
        policyDomain: policy_domain,
        addedBy: added_by,
        added,
        text: read,
      };
      domain.texts = [...domain.texts, state];
    }
  }

  #place(domain: DomainState): void {
    this.#domains.set(domain.id, domain);
    this.#byNumber.set(domain.number, domain);
    this.#byToken.set(domain.tokenHash, domain);
    domain.parent?.children.add(domain);
    domain.session.domains.add(domain);
  }
}

interface DomainRow {
  readonly id: string;
  readonly ordinal: number;
  readonly number: number;
  readonly session: number;
  readonly parent: string | null;
  readonly name: string;
  readonly disabled: string;
  readonly degraded: number;
  readonly token_hash: string;
  readonly made_by: string;
  readonly made: string;
  readonly generation: number;
  readonly revision: number;
}

interface TextRow {
  readonly id: number;
  readonly name: string;
  readonly text: string;
  readonly policy_domain: string | null;
  readonly added_by: string;
  readonly added: string;
}

// ---------------------------------------------------------------------------------------- what holds

/** The parts that hold in a domain, the parents' first. */
export function partsOf(domain: DomainState): Part[] {
  const own = domain.texts.flatMap(({ text }) => text.parts);
  if (domain.parent === null) return [...own, ...domain.session.ownRules];
  const inherited = partsOf(domain.parent).filter(({ name, mode }) => {
    return mode === "locked" || !domain.disabled.includes(name);
  });
  return [...inherited, ...own];
}

export function policyOf(domain: DomainState): Policy {
  return joinParts(partsOf(domain));
}

export function standingOf(domain: DomainState): Standing {
  return { name: domain.name, policy: policyOf(domain) };
}

/** The domain and all that inherit from it, parents first. */
export function withDescendants(domain: DomainState): DomainState[] {
  return [domain, ...[...domain.children].flatMap(withDescendants)];
}

/** The document that a session's first domain was made from says how arguments are read. */
export function rootOf(domain: DomainState): DomainState {
  return domain.parent === null ? domain : rootOf(domain.parent);
}

/** Whether `document` asks that nothing below `blocked-before` is accepted, here or above. */
export function requiresBlock(domain: DomainState): boolean {
  return (
    domain.texts.some(({ text }) => text.settings.require === "block") ||
    (domain.parent !== null && requiresBlock(domain.parent))
  );
}

// ---------------------------------------------------------------------------------------- tokens

export function newToken(): string {
  return `actplane_${randomBytes(32).toString("base64url")}`;
}

/** A token has 256 random bits: a plain hash of it cannot be searched. */
function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
