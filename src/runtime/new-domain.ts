// A domain that somebody wants to have: what is asked, where its relative patterns begin, and as the registry will have it.

import { noNumbers } from "../ir/numbering.ts";
import { type Caller, callerText } from "./caller.ts";
import { type NewText, textStateOf } from "./new-text.ts";
import type { PolicyText } from "./policy-text.ts";
import { Refusal } from "./refusal.ts";
import type { DomainState, Registry } from "./registry.ts";

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

export interface Places {
  readonly workspace: string;
  readonly home: string;
}

/** A child means the same by a relative pattern as its parent. */
export function placesFor(
  given: NewDomain,
  parent: DomainState | null,
  text: PolicyText | null,
): Places {
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

/** What is known of a domain before it is made. */
export interface Drafted {
  readonly given: NewDomain;
  readonly parent: DomainState | null;
  readonly places: Places;
  readonly text: PolicyText | null;
  readonly degraded: boolean;
  readonly caller: Caller;
  readonly time: string;
}

/** The domain as it would be, nowhere yet. */
export function draftOf(
  registry: Registry,
  { given, parent, places, text, degraded, caller, time }: Drafted,
): DomainState {
  const session = parent?.session ?? {
    id: 0,
    number: 0,
    ...places,
    numbering: noNumbers,
    domains: new Set(),
    ownRules: registry.ownRules(),
  };
  const texts = text === null ? [] : [textStateOf(1, given.policy, text, caller, time)];
  return {
    id: "",
    ordinal: 0,
    number: registry.freeNumber(),
    session,
    parent,
    children: new Set(),
    name: given.name,
    disabled: given.disable ?? [],
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
