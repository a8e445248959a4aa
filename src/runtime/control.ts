// What operators and agents change: domains are made, tightened and ended, processes become members, gates are
// approved. Each change is proved first, then on the disk, then in the kernel, then told.
//
// A crash between disk and kernel leaves a text that was not acknowledged and holds after the restart: the strict
// side. Changes of one session follow each other, because what one may do depends on what the other did.

import { assert } from "../base/assert.ts";
import { type Diagnostic, hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Compiled } from "../ir/ir.ts";
import { noNumbers } from "../ir/numbering.ts";
import type { Engine, Tier } from "../kernel/kernel.ts";
import { Approvals } from "./approvals.ts";
import { Audit } from "./audit.ts";
import { type Caller, requireOperator, requireOwn } from "./caller.ts";
import { type ClauseStanding, requireStrength, standingsOf } from "./clause-standing.ts";
import { draftOf, type NewDomain, type Places, placesFor } from "./new-domain.ts";
import { type NewText, readText, textStateOf } from "./new-text.ts";
import {
  compileAsItStands,
  composeDomain,
  numberingOf,
  type Recompiled,
  recompiled,
  shuttingToo,
} from "./recompile.ts";
import { asRefusal, faulty, loosens, Refusal } from "./refusal.ts";
import {
  type DomainState,
  domainsMax,
  newToken,
  partsOf,
  type Registry,
  type SessionState,
  standingOf,
  withDescendants,
} from "./registry.ts";
import { requireNothingShared, requireNothingWeaker } from "./second-look.ts";
import { SecondNames } from "./second-names.ts";
import type { Store } from "./store.ts";
import { disablingFaults, loosenings } from "./tighten.ts";
import { Turns } from "./turns.ts";

const textsMax = 256;
/** Of one domain, where a member makes them. */
const childrenMax = 64;
const depthMax = 16;

export interface Changed {
  readonly domain: DomainState;
  /** What this host does about each clause that was added. */
  readonly verdicts: readonly ClauseStanding[];
  readonly diagnostics: readonly Diagnostic[];
  /** Sentences: what is not carried out as one might think. */
  readonly notes: readonly string[];
  readonly compiled: Compiled;
}

export interface Restored {
  /** Domains that the kernel had and that go on. */
  readonly adopted: number;
  /** Domains that were put into the kernel again. */
  readonly made: number;
  /** Domains of the kernel that the state does not know: they stay as they are. */
  readonly unknown: number;
  /** Of those that were made: where not every file that rules are about was looked at for other names. */
  readonly unseen: number;
}

export interface AddOptions {
  /** Find out what would be answered, and change nothing. */
  readonly dryRun: boolean;
  /** Only where the domain is at this revision; null: at any. */
  readonly ifRevision: number | null;
  readonly degraded: boolean;
}

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
  readonly audit: Audit;
  readonly #options: ControlOptions;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #now: () => string;
  readonly #turns = new Turns();
  readonly #secondNames = new SecondNames();
  readonly #approvals: Approvals;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#registry = options.registry;
    this.#now = options.now;
    this.audit = new Audit(options.store, options.now);
    this.#approvals = new Approvals({ ...options, audit: this.audit });
  }

  get #engine(): Engine {
    return this.#options.engine();
  }

  get #tier(): Tier {
    return this.#engine.tier;
  }

  /**
   * Puts in force what the store says, where the kernel does not hold it already. Domains that the kernel has and the
   * store does not know are left as they are: what they govern stays governed.
   */
  async restore(): Promise<Restored> {
    const held = new Map(this.#engine.adopted.map((each) => [each.domain, each]));
    let adopted = 0;
    let unseen = 0;
    for (const session of this.#registry.sessions) {
      const numbers = [...session.domains].flatMap(({ number }) => held.get(number)?.session ?? []);
      const isHeld = numbers.includes(session.number);
      if (isHeld) this.#secondNames.adopt(session);
      else this.#renew(session);
      for (const domain of session.domains) {
        const compiled = compileAsItStands(domain);
        const before = held.get(domain.number);
        held.delete(domain.number);
        if (isHeld && before !== undefined && before.generation === domain.generation) {
          domain.compiled = compiled;
          adopted++;
          continue;
        }
        await this.#setInForce(domain, compiled);
        if ((await this.#secondNames.show(this.#engine, domain, compiled)).length > 0) unseen++;
      }
      if (isHeld) this.#approvals.restore(session);
    }
    return { adopted, made: this.#registry.size - adopted, unknown: held.size, unseen };
  }

  /** The kernel knows nothing of it: it was started anew. */
  #renew(session: SessionState): void {
    this.#registry.renumberSession(session, this.#engine.newSession());
    this.#approvals.forget(session);
  }

  // ---- making ----

  async createDomain(
    caller: Caller,
    given: NewDomain,
  ): Promise<Changed & { readonly token: string | null }> {
    const parent = this.#parentFor(caller, given);
    return this.#turns.take(parent?.session ?? null, () => this.#create(caller, given, parent));
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
    const { text, diagnostics } = readText(caller, given.policy, parent);
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
    const places = placesFor(given, parent, text);
    const time = this.#now();
    const token = newToken();
    const degraded = given.degraded === true || text?.settings.allow === "degraded";
    // Compiled before anything is written: most of what can go wrong goes wrong here.
    const draft = draftOf(this.#registry, { given, parent, places, text, degraded, caller, time });
    const { value: compiled, diagnostics: found } = composeDomain(
      draft,
      draft.session.numbering,
      text?.source ?? nameless,
    );
    if (hasErrors(found)) throw faulty([...diagnostics, ...found]);
    const others = shuttingToo(
      draft.session,
      [],
      draft.texts,
      numberingOf(compiled),
      text?.source ?? nameless,
    );
    requireFaultless(others);
    const verdicts = this.verdictsOf(compiled);
    if (parent !== null) requireNothingShared(parent, compiled, draft.texts);
    requireStrength(draft, verdicts, this.#tier);
    const { notes } = compiled;
    const answer = { verdicts, diagnostics: [...diagnostics, ...found], notes, compiled };
    if (given.dryRun === true) return { ...answer, domain: draft, token: null };
    const domain = this.#store.transaction(() => {
      const session = parent?.session ?? this.#makeSession(places);
      this.#registry.saveNumbering(session, numberingOf(compiled));
      const made = this.#registry.insert({ ...draft, session }, token);
      for (const each of draft.texts) this.#registry.insertText(made, each);
      for (const { domain: each } of others) this.#registry.unsettle(each);
      this.audit.note(caller, "domain-made", made, { name: made.name, parent: parent?.id ?? null });
      return made;
    });
    try {
      for (const each of others) await this.#setInForce(each.domain, each.compiled);
      await this.#setInForce(domain, compiled);
      const unseen = await this.#secondNames.show(this.#engine, domain, compiled);
      return { ...answer, notes: [...notes, ...unseen], domain, token };
    } catch (failure) {
      this.#takeBack(domain, failure);
    }
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

  /** It never came into force: nobody was told of it. */
  #takeBack(domain: DomainState, failure: unknown): never {
    this.#store.transaction(() => {
      this.audit.note(null, "domain-not-made", domain, { why: String(failure) });
      this.#registry.end(domain, this.#now());
      if (domain.parent === null) this.#registry.endSession(domain.session, this.#now());
    });
    if (domain.parent === null) this.#engine.endSession(domain.session.number);
    else this.#approvals.leave(domain, domain.compiled);
    throw asRefusal(failure);
  }

  // ---- tightening ----

  async addText(caller: Caller, id: string, given: NewText, options: AddOptions): Promise<Changed> {
    requireOwn(caller, id, "add rules to it");
    const domain = this.existing(id);
    return this.#turns.take(domain.session, () =>
      this.#add(caller, this.existing(id), given, options),
    );
  }

  async #add(
    caller: Caller,
    domain: DomainState,
    given: NewText,
    options: AddOptions,
  ): Promise<Changed> {
    requireRevision(domain, options.ifRevision);
    if (domain.texts.length >= textsMax)
      throw new Refusal("too-many", `the domain has ${textsMax} texts already`);
    const { text, diagnostics } = readText(caller, given, domain);
    assert(text !== null, "a text was given");
    const [, ...below] = withDescendants(domain).map(standingOf);
    const session = [...domain.session.domains].map(standingOf);
    const faults = loosenings(text, standingOf(domain), session, below);
    if (faults.length > 0) throw loosens(faults);
    const added = textStateOf(this.#registry.nextTextId(domain), given, text, caller, this.#now());
    const changes = recompiled(domain, [...domain.texts, added], text.source);
    requireFaultless(changes, diagnostics);
    const [own] = changes;
    const last = changes.at(-1);
    assert(own !== undefined && last !== undefined, "the domain itself changes");
    const others = shuttingToo(
      domain.session,
      changes.map(({ domain: each }) => each),
      [added],
      numberingOf(last.compiled),
      text.source,
    );
    requireFaultless(others);
    requireNothingWeaker(changes, text.source, this.#tier);
    requireNothingShared(domain, own.compiled, [added]);
    const rules = new Set(text.parts.flatMap(({ policy }) => policy.rules));
    const verdicts = this.verdictsOf(own.compiled).filter(({ compiled }) =>
      rules.has(compiled.rule),
    );
    const tightened: DomainState = { ...domain, texts: [...domain.texts, added] };
    if (!options.degraded) requireStrength(tightened, verdicts, this.#tier);
    const { notes } = own.compiled;
    const answer = { verdicts, diagnostics, notes, compiled: own.compiled };
    if (options.dryRun) return { ...answer, domain };
    this.#store.transaction(() => {
      this.#registry.insertText(domain, added);
      this.#registry.saveNumbering(domain.session, numberingOf(last.compiled));
      for (const { domain: each } of changes) this.#registry.revise(each);
      for (const { domain: each } of others) this.#registry.unsettle(each);
      this.audit.note(caller, "policy-added", domain, {
        text: added.id,
        name: added.name,
        rules: [...rules].map((rule) => rule.name.text),
        domains: changes.map(({ domain: each }) => each.id),
      });
    });
    try {
      for (const { domain: each, compiled } of [...others, ...changes])
        await this.#setInForce(each, compiled);
      // What is below inherits the rules of the text, and had its own files shown when its own texts came.
      const unseen = await this.#secondNames.show(this.#engine, domain, own.compiled);
      return { ...answer, notes: [...notes, ...unseen], domain };
    } catch (failure) {
      return await this.#withdraw(domain, added.id, failure);
    }
  }

  async removeText(caller: Caller, id: string, textId: number): Promise<DomainState> {
    requireOperator(caller, "take a text away");
    const domain = this.existing(id);
    return this.#turns.take(domain.session, async () => {
      const text = domain.texts.find((each) => each.id === textId);
      if (text === undefined) throw new Refusal("not-found", `${id} has no text ${textId}`);
      const rest = domain.texts.filter((each) => each !== text);
      const changes = recompiled(domain, rest, text.text.source);
      requireFaultless(changes);
      this.#store.transaction(() => {
        this.#registry.removeText(domain, textId, this.#now());
        for (const { domain: each } of changes) this.#registry.revise(each);
        this.audit.note(caller, "policy-removed", domain, { text: textId, name: text.name });
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
      this.audit.note(null, "policy-not-added", domain, { text: textId, why: String(failure) });
    });
    for (const each of withDescendants(domain)) {
      const compiled = compileAsItStands(each);
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
    const { compiled: before } = domain;
    domain.generation = generation;
    domain.compiled = compiled;
    this.#registry.save(domain);
    this.#approvals.leave(domain, before);
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
    await this.#turns.take(domain.session, async () => {
      const all = withDescendants(this.existing(id));
      const members = all.flatMap(({ number }) => this.#engine.members(number));
      if (members.length > 0)
        throw new Refusal("domain-in-use", `${members.length} processes are members of it`, [], {
          pids: members.slice(0, 100),
        });
      this.#engine.drain();
      this.#options.onEnding?.();
      this.#store.transaction(() => {
        this.audit.note(caller, "domain-ended", domain, { domains: all.map((each) => each.id) });
        for (const each of all) this.#options.onDomainEnding?.(each);
        for (const each of all.toReversed()) this.#registry.end(each, this.#now());
        if (domain.parent === null) {
          this.#registry.endSession(domain.session, this.#now());
          this.#approvals.forget(domain.session);
        }
      });
      for (const each of all) this.#engine.endDomain(each.number);
      if (domain.parent !== null) {
        for (const each of all) this.#approvals.leave(each, each.compiled);
      } else {
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

  /** What an operator's word opens, for the whole session. */
  approve(
    caller: Caller,
    id: string,
    name: string,
    open: boolean,
    reason: string | null,
  ): number[] {
    requireOperator(caller, "approve");
    return this.#approvals.say(caller, this.existing(id), name, open, reason);
  }

  /** What this host does about each clause. */
  verdictsOf(compiled: Compiled | null): ClauseStanding[] {
    return standingsOf(compiled, this.#tier);
  }

  /** What holds in a domain now. */
  compiledOf(id: string): Compiled {
    const { compiled } = this.existing(id);
    if (compiled === null) throw new Refusal("unavailable", "the domain is not yet in force");
    return compiled;
  }
}

const nameless: Source = { name: "policy", text: "" };

function requireFaultless(changes: readonly Recompiled[], told: readonly Diagnostic[] = []): void {
  const found = changes
    .flatMap(({ diagnostics }) => diagnostics)
    .filter(({ severity }) => severity === "error");
  if (found.length > 0) throw faulty([...told, ...found]);
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
