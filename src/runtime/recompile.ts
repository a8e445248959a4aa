// What a domain's policy becomes, with those of all that inherit from it, where its texts change or stay.

import { assert } from "../base/assert.ts";
import { type Diagnostic, hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Numbering } from "../ir/numbering.ts";
import { composePolicy } from "./compose.ts";
import { gatesOf, newGates } from "./foreign-gates.ts";
import {
  type DomainState,
  partsOf,
  rootOf,
  type SessionState,
  type TextState,
  withDescendants,
} from "./registry.ts";

export interface Recompiled {
  readonly domain: DomainState;
  readonly compiled: Compiled;
  readonly diagnostics: readonly Diagnostic[];
}

/** A domain of which nothing changed. */
export function compileAsItStands(domain: DomainState): Compiled {
  const source: Source = domain.texts.at(-1)?.text.source ?? { name: domain.name, text: "" };
  const { value, diagnostics } = composeDomain(domain, domain.session.numbering, source);
  assert(!hasErrors(diagnostics), `the policy of ${domain.id} compiles as it did before`);
  return value;
}

export function composeDomain(
  domain: DomainState,
  numbering: Numbering,
  source: Source,
  gates = gatesOf(domain.session),
) {
  const commands = rootOf(domain).texts[0]?.text.settings.commands ?? new Map();
  return composePolicy(partsOf(domain), domain.session, commands, numbering, source, gates);
}

/** The domain and all below it, as they would be with `texts`. */
export function recompiled(domain: DomainState, texts: TextState[], source: Source): Recompiled[] {
  const before = domain.texts;
  // Children look their parents' texts up, so the change is made and taken back; nothing runs meanwhile.
  domain.texts = texts;
  let { numbering } = domain.session;
  try {
    return withDescendants(domain).map((each) => {
      const { value, diagnostics } = composeDomain(each, numbering, source);
      numbering = numberingOf(value);
      return { domain: each, compiled: value, diagnostics };
    });
  } finally {
    domain.texts = before;
  }
}

/** All of the session but `changed`, where `texts` bring gates that what happens there is to shut from now on. */
export function shuttingToo(
  session: SessionState,
  changed: readonly DomainState[],
  texts: readonly TextState[],
  numbering: Numbering,
  source: Source,
): Recompiled[] {
  const brought = newGates(texts, session);
  if (brought.length === 0) return [];
  const gates = [...gatesOf(session), ...brought];
  return [...session.domains.difference(new Set(changed))].map((domain) => {
    const { value, diagnostics } = composeDomain(domain, numbering, source, gates);
    return { domain, compiled: value, diagnostics };
  });
}

export function numberingOf({ numbering }: Compiled): Numbering {
  assert(numbering !== null, "a domain's policy is compiled with its session's numbering");
  return numbering;
}
