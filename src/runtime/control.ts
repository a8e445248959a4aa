// What operators and agents change: domains are made, tightened and ended, processes become members, gates are
// approved. Each change is proved first, then on the disk, then in the kernel, then told.
//
// A crash between disk and kernel leaves a text that was not acknowledged and holds after the restart: the strict
// side. Changes of one session follow each other, because what one may do depends on what the other did.

import { assert } from "../base/assert.ts";
import { type Diagnostic, hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { emptyPolicy } from "../dsl/merge.ts";
import type { Compiled, CompiledClause } from "../ir/ir.ts";
import { type Numbering, noNumbers } from "../ir/numbering.ts";
import { type Engine, EngineFull } from "../kernel/kernel.ts";
import { isAcceptable, isWeaker, type Verdict, verdictOf } from "../kernel/verdicts.ts";
import { type Caller, callerText, requireOperator, requireOwn } from "./caller.ts";
import { composePolicy } from "./compose.ts";
import { isOwnRule } from "./own-rules.ts";
import { type PolicyText, readPolicyText } from "./policy-text.ts";
import { Refusal } from "./refusal.ts";
import {
  type DomainState,
  domainsMax,
  newToken,
  partsOf,
  policyOf,
  type Registry,
  requiresBlock,
  rootOf,
  type SessionState,
  standingOf,
  type TextState,
  withDescendants,
} from "./registry.ts";
import type { Store } from "./store.ts";
import { disablingFaults, loosenings } from "./tighten.ts";

export interface NewText {
  readonly name: string;
  readonly text: string;
  /** Of a catalogue document. */
  readonly policyDomain?: string | undefined;
}

export interface NewDomain {
  readonly name: string;
  /** The id of the domain to inherit from; a member's own where it names none. */
  readonly parent?: string | undefined;
  readonly policy?: NewText | undefined;
  /** Inherited `default` bindings to do without. */
  readonly disable?: readonly string[] | undefined;
  /** Absolute. Of a child: its parent's. */
  readonly workspace?: string | undefined;
  readonly home?: string | undefined;
  readonly degraded?: boolean | undefined;
  /** Find out what would be answered, and change nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface ClauseStanding {
  readonly compiled: CompiledClause;
  readonly verdict: Verdict;
}

export interface Changed {
  readonly domain: DomainState;
  /** What this host does about each clause that was added. */
  readonly verdicts: readonly ClauseStanding[];
  readonly diagnostics: readonly Diagnostic[];
  readonly compiled: Compiled;
}

export interface AuditEntry {
  readonly id: number;
  readonly time: string;
  readonly caller: string;
  readonly action: string;
  readonly domain: string | null;
  readonly detail: Record<string, unknown>;
}

/** Of a member's text and of an operator's. */
const textLengthMax = { member: 256 * 1024, operator: 8 * 1024 * 1024 };
const textsMax = 256;
/** Of one domain, where a member makes them. */
const childrenMax = 64;
const depthMax = 16;

export interface ControlOptions {
  readonly engine: () => Engine;
  readonly store: Store;
  readonly registry: Registry;
  /** ISO 8601, UTC. */
  readonly now: () => string;
  readonly onSessionEnded?: (session: SessionState) => void;
  /** The last events of what ends have come. */
  readonly onEnding?: () => void;
  /** Everything that was told of the domain until now has been written; what is kept of it can go. */
  readonly onDomainEnding?: (domain: DomainState) => void;
}

export class Control {
  readonly #options: ControlOptions;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #now: () => string;
  readonly #queues = new Map<SessionState | null, Promise<unknown>>();

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#registry = options.registry;
    this.#now = options.now;
  }

  get #engine(): Engine {
    return this.#options.engine();
  }

  /**
   * Puts in force what the store says, where the kernel does not hold it already. Domains that the kernel has and the
   * store does not know are left as they are: what they govern stays governed.
   */
  async restore(): Promise<{
    readonly adopted: number;
    readonly made: number;
    readonly unknown: number;
  }> {
    const held = new Map(this.#engine.adopted.map((each) => [each.domain, each]));
    let adopted = 0;
    for (const session of this.#registry.sessions) {
      const numbers = [...session.domains].flatMap(({ number }) => held.get(number)?.session ?? []);
      const isHeld = numbers.includes(session.number);
      if (!isHeld) this.#registry.renumberSession(session, this.#engine.newSession());
      for (const domain of session.domains) {
        const compiled = this.#compileAsItStands(domain);
        const before = held.get(domain.number);
        held.delete(domain.number);
        if (isHeld && before !== undefined && before.generation === domain.generation) {
          domain.compiled = compiled;
          adopted++;
          continue;
        }
        const { generation } = await this.#engine.setDomain(
          domain.number,
          session.number,
          compiled.image,
        );
        domain.generation = generation;
        domain.compiled = compiled;
        this.#registry.save(domain);
      }
    }
    return { adopted, made: this.#registry.size - adopted, unknown: held.size };
  }

  #compileAsItStands(domain: DomainState): Compiled {
    const source: Source = domain.texts.at(-1)?.text.source ?? { name: domain.name, text: "" };
    const { value, diagnostics } = this.#compose(domain, domain.session.numbering, source);
    assert(!hasErrors(diagnostics), `the policy of ${domain.id} compiles as it did before`);
    return value;
  }

  #compose(domain: DomainState, numbering: Numbering, source: Source) {
    const commands = rootOf(domain).texts[0]?.text.settings.commands ?? new Map();
    return composePolicy(partsOf(domain), domain.session, commands, numbering, source);
  }

  // ---- making ----

  async createDomain(
    caller: Caller,
    given: NewDomain,
  ): Promise<Changed & { readonly token: string | null }> {
    const parent = this.#parentFor(caller, given);
    return this.#inTurn(parent?.session ?? null, () => this.#create(caller, given, parent));
  }

  #parentFor(caller: Caller, given: NewDomain): DomainState | null {
    if (given.parent === undefined) {
      if (caller.kind === "member") return this.existing(caller.domain);
      requireOperator(caller, "make a domain without a parent");
      return null;
    }
    requireOwn(caller, given.parent, "make children of it");
    return this.existing(given.parent);
  }

  async #create(
    caller: Caller,
    given: NewDomain,
    parent: DomainState | null,
  ): Promise<Changed & { readonly token: string | null }> {
    this.#checkRoom(caller, parent);
    const disabled = given.disable ?? [];
    const { text, diagnostics } = this.#readText(caller, given.policy, parent);
    if (parent !== null) {
      const session = [...parent.session.domains].map(standingOf);
      const faults = [
        ...(text === null ? [] : loosenings(text, standingOf(parent), session)),
        ...disablingFaults(disabled, partsOf(parent), standingOf(parent), text?.source ?? nameless),
      ];
      if (faults.length > 0) throw loosens(faults);
    } else if (disabled.length > 0) {
      throw new Refusal("bad-request", "`disable` is for children: there is nothing to inherit");
    }
    const places = this.#placesFor(given, parent, text);
    const time = this.#now();
    const token = newToken();
    const degraded = given.degraded === true || text?.settings.allow === "degraded";
    // Compiled before anything is written: most of what can go wrong goes wrong here.
    const draft = this.#draft(given, parent, places, disabled, degraded, text, caller, time);
    const { value: compiled, diagnostics: found } = this.#compose(
      draft,
      draft.session.numbering,
      text?.source ?? nameless,
    );
    if (hasErrors(found)) throw faulty([...diagnostics, ...found]);
    const verdicts = this.verdictsOf(compiled);
    if (parent !== null) this.#requireNothingShared(parent, compiled, draft.texts);
    this.#requireStrength(draft, verdicts);
    const answer = { verdicts, diagnostics: [...diagnostics, ...found], compiled };
    if (given.dryRun === true) return { ...answer, domain: draft, token: null };
    const domain = this.#store.transaction(() => {
      const session = parent?.session ?? this.#makeSession(places);
      this.#registry.saveNumbering(session, numberingOf(compiled));
      const made = this.#registry.insert({ ...draft, session }, token);
      for (const each of draft.texts) this.#registry.insertText(made, each);
      this.audit(caller, "domain-made", made, { name: made.name, parent: parent?.id ?? null });
      return made;
    });
    try {
      await this.#setInForce(domain, compiled);
    } catch (failure) {
      this.#takeBack(domain, failure);
    }
    return { ...answer, domain, token };
  }

  #checkRoom(caller: Caller, parent: DomainState | null): void {
    if (this.#registry.size >= domainsMax)
      throw new Refusal("no-room", `there are ${domainsMax} domains already`);
    if (parent === null) return;
    if (caller.kind === "member" && parent.children.size >= childrenMax)
      throw new Refusal("too-many", `the domain has ${childrenMax} children already`);
    if (depthOf(parent) >= depthMax)
      throw new Refusal("too-many", `domains nest ${depthMax} deep at most`);
  }

  #makeSession(places: Places): SessionState {
    return this.#registry.makeSession({
      ...places,
      number: this.#engine.newSession(),
      numbering: noNumbers,
    });
  }

  /** A child means the same by a relative pattern as its parent. */
  #placesFor(given: NewDomain, parent: DomainState | null, text: PolicyText | null): Places {
    if (parent !== null) {
      const { workspace, home } = parent.session;
      const differs =
        (given.workspace !== undefined && given.workspace !== workspace) ||
        (given.home !== undefined && given.home !== home);
      if (differs)
        throw new Refusal(
          "bad-request",
          `a child has its parent's workspace (${workspace}) and home`,
        );
      return { workspace, home };
    }
    const written = text?.settings.workspace ?? null;
    const base = given.workspace ?? "/";
    const workspace = written === null ? base : joined(base, written);
    return { workspace: normal(workspace), home: normal(given.home ?? "/root") };
  }

  #draft(
    given: NewDomain,
    parent: DomainState | null,
    places: Places,
    disabled: readonly string[],
    degraded: boolean,
    text: PolicyText | null,
    caller: Caller,
    time: string,
  ): DomainState {
    const session = parent?.session ?? {
      id: 0,
      number: 0,
      ...places,
      numbering: noNumbers,
      domains: new Set(),
      ownRules: this.#registry.ownRules(),
    };
    const texts = text === null ? [] : [this.#textState(1, given.policy, text, caller, time)];
    return {
      id: "",
      ordinal: 0,
      number: this.#registry.freeNumber(),
      session,
      parent,
      children: new Set(),
      name: given.name,
      disabled,
      degraded: degraded || (parent?.degraded ?? false),
      madeBy: callerText(caller),
      made: time,
      tokenHash: "",
      texts,
      generation: 0,
      revision: 1,
      compiled: null,
      former: null,
    };
  }

  #textState(
    id: number,
    given: NewText | undefined,
    text: PolicyText,
    caller: Caller,
    time: string,
  ): TextState {
    return {
      id,
      name: text.source.name,
      policyDomain: given?.policyDomain ?? null,
      addedBy: callerText(caller),
      added: time,
      text,
    };
  }

  /** It never came into force: nobody was told of it. */
  #takeBack(domain: DomainState, failure: unknown): never {
    this.#store.transaction(() => {
      this.audit(null, "domain-not-made", domain, { why: String(failure) });
      this.#registry.end(domain, this.#now());
      if (domain.parent === null) this.#registry.endSession(domain.session, this.#now());
    });
    if (domain.parent === null) this.#engine.endSession(domain.session.number);
    throw asRefusal(failure);
  }

  // ---- tightening ----

  async addText(
    caller: Caller,
    id: string,
    given: NewText,
    options: {
      readonly dryRun: boolean;
      readonly ifRevision: number | null;
      readonly degraded: boolean;
    },
  ): Promise<Changed> {
    requireOwn(caller, id, "add rules to it");
    const domain = this.existing(id);
    return this.#inTurn(domain.session, () => this.#add(caller, this.existing(id), given, options));
  }

  async #add(
    caller: Caller,
    domain: DomainState,
    given: NewText,
    options: {
      readonly dryRun: boolean;
      readonly ifRevision: number | null;
      readonly degraded: boolean;
    },
  ): Promise<Changed> {
    requireRevision(domain, options.ifRevision);
    if (domain.texts.length >= textsMax)
      throw new Refusal("too-many", `the domain has ${textsMax} texts already`);
    const { text, diagnostics } = this.#readText(caller, given, domain);
    assert(text !== null, "a text was given");
    const [, ...below] = withDescendants(domain).map(standingOf);
    const session = [...domain.session.domains].map(standingOf);
    const faults = loosenings(text, standingOf(domain), session, below);
    if (faults.length > 0) throw loosens(faults);
    const added = this.#textState(
      this.#registry.nextTextId(domain),
      given,
      text,
      caller,
      this.#now(),
    );
    const changes = this.#recompiled(domain, [...domain.texts, added], text.source);
    const found = changes.flatMap(({ diagnostics: each }) => each).filter(isError);
    if (found.length > 0) throw faulty([...diagnostics, ...found]);
    const [own] = changes;
    const last = changes.at(-1);
    assert(own !== undefined && last !== undefined, "the domain itself changes");
    this.#requireNothingWeaker(changes, text.source);
    this.#requireNothingShared(domain, own.compiled, [added]);
    const rules = new Set(text.parts.flatMap(({ policy }) => policy.rules));
    const verdicts = this.verdictsOf(own.compiled).filter(({ compiled }) =>
      rules.has(compiled.rule),
    );
    const tightened: DomainState = { ...domain, texts: [...domain.texts, added] };
    if (!options.degraded) this.#requireStrength(tightened, verdicts);
    const answer = { verdicts, diagnostics, compiled: own.compiled };
    if (options.dryRun) return { ...answer, domain };
    this.#store.transaction(() => {
      this.#registry.insertText(domain, added);
      this.#registry.saveNumbering(domain.session, numberingOf(last.compiled));
      for (const { domain: each } of changes) this.#registry.revise(each);
      this.audit(caller, "policy-added", domain, {
        text: added.id,
        name: added.name,
        rules: [...rules].map((rule) => rule.name.text),
        domains: changes.map(({ domain: each }) => each.id),
      });
    });
    try {
      for (const { domain: each, compiled } of changes) await this.#setInForce(each, compiled);
    } catch (failure) {
      await this.#withdraw(domain, added.id, failure);
    }
    return { ...answer, domain };
  }

  /** The domain and all below it, as they would be with `texts`. */
  #recompiled(
    domain: DomainState,
    texts: TextState[],
    source: Source,
  ): { domain: DomainState; compiled: Compiled; diagnostics: readonly Diagnostic[] }[] {
    const before = domain.texts;
    // Children look their parents' texts up, so the change is made and taken back; nothing runs meanwhile.
    domain.texts = texts;
    let { numbering } = domain.session;
    try {
      return withDescendants(domain).map((each) => {
        const { value, diagnostics } = this.#compose(each, numbering, source);
        numbering = numberingOf(value);
        return { domain: each, compiled: value, diagnostics };
      });
    } finally {
      domain.texts = before;
    }
  }

  /** The proof said that nothing is loosened; this looks at what came out of the compiler. */
  #requireNothingWeaker(
    changes: readonly { readonly domain: DomainState; readonly compiled: Compiled }[],
    source: Source,
  ): void {
    for (const { domain, compiled } of changes) {
      const after = new Map(
        this.verdictsOf(compiled).map((each) => [each.compiled.clause, each.verdict]),
      );
      for (const { compiled: clause, verdict } of this.verdictsOf(domain.compiled)) {
        const now = after.get(clause.clause);
        if (now !== undefined && !isWeaker(now, verdict)) continue;
        throw loosens([
          {
            severity: "error",
            code: "T010",
            message: `a clause of rule \`${clause.rule.name.text}\` in domain \`${domain.name}\` would be carried out weaker: ${now?.reason ?? "it would be gone"}`,
            source,
            span: { start: 0, end: 0 },
          },
        ]);
      }
    }
  }

  /**
   * Gates and histories that the domain takes up and that another domain of the session has: what happens here would
   * count there. tighten.ts says so of equal words; this is about equal meaning.
   */
  #requireNothingShared(
    domain: DomainState,
    compiled: Compiled,
    added: readonly TextState[],
  ): void {
    const fed = domain.compiled === null ? new Set() : statesOf(domain.compiled);
    const taken = statesOf(compiled).difference(fed);
    for (const other of domain.session.domains) {
      if (other === domain || other.compiled === null) continue;
      const [shared] = taken.intersection(statesOf(other.compiled));
      if (shared === undefined) continue;
      throw loosens([
        {
          severity: "error",
          code: "T005",
          message: `a clause in domain \`${other.name}\` is lifted by a condition of the same meaning, and what happens here would then count there`,
          source: added[0]?.text.source ?? nameless,
          span: { start: 0, end: 0 },
          help: "have the rule added to a domain that both inherit from",
        },
      ]);
    }
  }

  async removeText(caller: Caller, id: string, textId: number): Promise<DomainState> {
    requireOperator(caller, "take a text away");
    const domain = this.existing(id);
    return this.#inTurn(domain.session, async () => {
      const text = domain.texts.find((each) => each.id === textId);
      if (text === undefined) throw new Refusal("not-found", `${id} has no text ${textId}`);
      const rest = domain.texts.filter((each) => each !== text);
      const changes = this.#recompiled(domain, rest, text.text.source);
      const found = changes.flatMap(({ diagnostics }) => diagnostics).filter(isError);
      if (found.length > 0) throw faulty(found);
      this.#store.transaction(() => {
        this.#registry.removeText(domain, textId, this.#now());
        for (const { domain: each } of changes) this.#registry.revise(each);
        this.audit(caller, "policy-removed", domain, { text: textId, name: text.name });
      });
      for (const { domain: each } of changes) each.former = each.compiled;
      for (const { domain: each, compiled } of changes) await this.#setInForce(each, compiled);
      return domain;
    });
  }

  /** A text that could not be put in force everywhere holds nowhere. */
  async #withdraw(domain: DomainState, textId: number, failure: unknown): Promise<never> {
    this.#store.transaction(() => {
      this.#registry.removeText(domain, textId, this.#now());
      this.audit(null, "policy-not-added", domain, { text: textId, why: String(failure) });
    });
    for (const each of withDescendants(domain)) {
      const compiled = this.#compileAsItStands(each);
      // Where this fails too, the text stays in force: stricter than what is told, until the next change.
      await this.#setInForce(each, compiled).catch(() => {});
    }
    throw asRefusal(failure);
  }

  async #setInForce(domain: DomainState, compiled: Compiled): Promise<void> {
    const { generation } = await this.#engine.setDomain(
      domain.number,
      domain.session.number,
      compiled.image,
    );
    domain.generation = generation;
    domain.compiled = compiled;
    this.#registry.save(domain);
  }

  // ---- ending ----

  /** The domain and those below it; none may have a process that is alive. */
  async endDomain(caller: Caller, id: string): Promise<void> {
    requireOperator(caller, "end a domain");
    await this.#end(caller, id);
  }

  /** Of a domain that was made for a process which did not begin. */
  async discard(id: string): Promise<void> {
    await this.#end(null, id);
  }

  async #end(caller: Caller | null, id: string): Promise<void> {
    const domain = this.existing(id);
    await this.#inTurn(domain.session, async () => {
      const all = withDescendants(this.existing(id));
      const members = all.flatMap(({ number }) => this.#engine.members(number));
      if (members.length > 0)
        throw new Refusal("domain-in-use", `${members.length} processes are members of it`, [], {
          pids: members.slice(0, 100),
        });
      this.#engine.drain();
      this.#options.onEnding?.();
      this.#store.transaction(() => {
        this.audit(caller, "domain-ended", domain, { domains: all.map((each) => each.id) });
        for (const each of all) this.#options.onDomainEnding?.(each);
        for (const each of all.toReversed()) this.#registry.end(each, this.#now());
        if (domain.parent === null) this.#registry.endSession(domain.session, this.#now());
      });
      for (const each of all) this.#engine.endDomain(each.number);
      if (domain.parent === null) {
        this.#engine.endSession(domain.session.number);
        this.#options.onSessionEnded?.(domain.session);
      }
    });
  }

  // ---- help ----

  existing(id: string): DomainState {
    const domain = this.#registry.get(id);
    if (domain !== null) return domain;
    throw this.#registry.wasThere(id)
      ? new Refusal("domain-ended", `the domain ${id} was ended`)
      : new Refusal("not-found", `there is no domain \`${id}\``);
  }

  /** Who did what, and to what; `caller` null: the daemon itself. */
  audit(
    caller: Caller | null,
    action: string,
    domain: DomainState | null,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    this.#store.run(
      "INSERT INTO audit(time, caller, action, domain, detail) VALUES (?, ?, ?, ?, ?)",
      this.#now(),
      caller === null ? "daemon" : callerText(caller),
      action,
      domain?.id ?? null,
      JSON.stringify(detail),
    );
  }

  /** What an operator's word opens, for the whole session. */
  approve(
    caller: Caller,
    id: string,
    name: string,
    open: boolean,
    reason: string | null,
  ): number[] {
    requireOperator(caller, "approve");
    const { session } = this.existing(id);
    const gates = new Set(
      [...session.domains].flatMap(({ compiled }) =>
        (compiled?.approvals ?? []).flatMap((each) => (each.name === name ? [each.gate] : [])),
      ),
    );
    if (gates.size === 0)
      throw new Refusal("not-found", `no rule of the session waits for the approval "${name}"`);
    this.#store.transaction(() => {
      this.#store.run(
        "INSERT OR REPLACE INTO approvals(session, name, open, time) VALUES (?, ?, ?, ?)",
        session.id,
        name,
        open ? 1 : 0,
        this.#now(),
      );
      this.audit(caller, open ? "approved" : "approval-withdrawn", this.existing(id), {
        name,
        reason,
        gates: [...gates],
      });
    });
    for (const gate of gates) this.#engine.approve(session.number, gate, open);
    return [...gates];
  }

  /** What holds in a domain now. */
  compiledOf(id: string): Compiled {
    const { compiled } = this.existing(id);
    if (compiled === null) throw new Refusal("unavailable", "the domain is not yet in force");
    return compiled;
  }

  auditAfter(domain: string | null, after: number, limit: number): AuditEntry[] {
    const rows = this.#store.all<Omit<AuditEntry, "detail"> & { detail: string }>(
      "SELECT * FROM audit WHERE id > ?1 AND (?2 IS NULL OR domain = ?2) ORDER BY id LIMIT ?3",
      after,
      domain,
      limit,
    );
    return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
  }

  #readText(
    caller: Caller,
    given: NewText | undefined,
    inheritedFrom: DomainState | null,
  ): { text: PolicyText | null; diagnostics: readonly Diagnostic[] } {
    if (given === undefined) return { text: null, diagnostics: [] };
    const lengthMax = textLengthMax[caller.kind === "operator" ? "operator" : "member"];
    if (given.text.length > lengthMax)
      throw new Refusal("policy-too-large", `a text has at most ${lengthMax} characters here`);
    const source: Source = { name: given.name, text: given.text };
    const inherited = inheritedFrom === null ? emptyPolicy : policyOf(inheritedFrom);
    const { value, diagnostics } = readPolicyText(source, given.policyDomain, inherited);
    if (hasErrors(diagnostics)) throw faulty(diagnostics);
    return { text: value, diagnostics };
  }

  verdictsOf(compiled: Compiled | null): ClauseStanding[] {
    const { tier } = this.#engine;
    const clauses = (compiled?.clauses ?? []).filter(({ rule }) => !isOwnRule(rule));
    return clauses.map((each) => ({
      compiled: each,
      verdict: verdictOf(each, tier),
    }));
  }

  /** A clause that this host would carry out weaker than a policy may count on has to be accepted in so many words. */
  #requireStrength(domain: DomainState, verdicts: readonly ClauseStanding[]): void {
    const requireBlock = requiresBlock(domain);
    const weak = verdicts.filter(
      ({ compiled, verdict }) => !isAcceptable(compiled.clause.effect, verdict, requireBlock),
    );
    if (weak.length === 0 || (domain.degraded && !requireBlock)) return;
    throw new Refusal(
      "policy-weak-here",
      `this host (${this.#engine.tier} tier) cannot carry out ${weak.length} of ${verdicts.length} clauses as written`,
      [],
      { weak },
    );
  }

  /** One change of a session after the other; of new sessions, too. */
  #inTurn<T>(session: SessionState | null, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(session) ?? Promise.resolve();
    const result = before.then(work, work);
    const settled = result.catch(() => {});
    this.#queues.set(session, settled);
    void settled.then(() => {
      if (this.#queues.get(session) === settled) this.#queues.delete(session);
    });
    return result;
  }
}

interface Places {
  readonly workspace: string;
  readonly home: string;
}

const nameless: Source = { name: "policy", text: "" };

/** By their numbers, the gates and the lineages that lift clauses of a policy. An approval is the operator's. */
function statesOf({ gates, labels }: Compiled): Set<string> {
  return new Set([
    ...gates.map(({ id }) => `gate ${id}`),
    ...labels.flatMap(({ bit, hidden }) => (hidden ? [`lineage ${bit}`] : [])),
  ]);
}

function numberingOf({ numbering }: Compiled): Numbering {
  assert(numbering !== null, "a domain's policy is compiled with its session's numbering");
  return numbering;
}

function depthOf(domain: DomainState): number {
  return domain.parent === null ? 1 : 1 + depthOf(domain.parent);
}

function requireRevision(domain: DomainState, revision: number | null): void {
  if (revision === null || revision === domain.revision) return;
  throw new Refusal("generation-differs", `the domain is at revision ${domain.revision}`, [], {
    revision: domain.revision,
  });
}

function isError({ severity }: Diagnostic): boolean {
  return severity === "error";
}

function loosens(faults: readonly Diagnostic[]): Refusal {
  const [first] = faults;
  return new Refusal("policy-loosens", `the text would loosen: ${first?.message}`, faults);
}

function faulty(diagnostics: readonly Diagnostic[]): Refusal {
  return new Refusal("policy-faulty", "the policy has errors", diagnostics);
}

function asRefusal(failure: unknown): unknown {
  return failure instanceof EngineFull
    ? new Refusal("no-room", "the kernel's tables have no room for this policy")
    : failure;
}

function joined(base: string, path: string): string {
  return path.startsWith("/") ? path : `${base}/${path}`;
}

/** Absolute, without `.`, `..` and a slash at the end. */
function normal(path: string): string {
  if (!path.startsWith("/")) throw new Refusal("bad-request", `\`${path}\` is not absolute`);
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
