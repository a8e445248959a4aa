// Our entries in a harness's settings, as an edit of the text: what else is in it stays as it is, byte
// for byte, comments and order included. Text in, text out.

import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { faultOf, jsonObject, type } from "../../base/shape.ts";
import { positionAt } from "../../base/source.ts";
import type { Harness, HookGroup } from "./harness.ts";
import { append, removeMember } from "./json-edit.ts";

/** Why a file is left alone, with the place. */
export class UnreadableSettings extends Error {}

/** `text` with our hooks in it, once each, calling `command`; null: it is so already. */
export function withHooks(text: string, harness: Harness, command: string): string | null {
  let now = text.trim() === "" ? "{}\n" : text;
  for (const event of harness.events) {
    const settings = read(now, harness);
    const path = [...harness.place(settings, event)];
    const groups = groupsAt(settings, path);
    const wanted = harness.group(command);
    const own = groups.filter((group) => isOurs(group, harness));
    if (own.length === 1 && JSON.stringify(own[0]) === JSON.stringify(wanted)) continue;
    now = insert(remove(now, harness, path), harness, path, wanted);
  }
  return now === text ? null : now;
}

/** `text` without our hooks and without what only held them; null: there were none. */
export function withoutHooks(text: string, harness: Harness): string | null {
  if (text.trim() === "") return null;
  let now = text;
  for (const event of harness.events) {
    const path = [...harness.place(read(now, harness), event)];
    const before = now;
    now = remove(now, harness, path);
    if (now !== before) now = removeEmpty(now, harness, path);
  }
  return now === text ? null : now;
}

/** The command that a shell runs for a harness. */
export function hookCommand(executable: string, harness: Harness): string {
  const word = /^[\w./-]+$/.test(executable)
    ? executable
    : `'${executable.replaceAll("'", "'\\''")}'`;
  return `${word} hooks answer --${harness.name}`;
}

// ---- reading ----

function read(text: string, harness: Harness): unknown {
  const errors: ParseError[] = [];
  const options = { disallowComments: !harness.hasComments, allowTrailingComma: false };
  const settings: unknown = parse(text, errors, options);
  const [error] = errors;
  if (error !== undefined) {
    const { line, column } = positionAt({ name: "", text }, error.offset);
    const what = printParseErrorCode(error.error).replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ");
    throw new UnreadableSettings(`no valid JSON at ${line}:${column}: ${what.toLowerCase()}`);
  }
  if (!jsonObject.allows(settings)) throw new UnreadableSettings("it holds no JSON object");
  return settings;
}

/** The list at `path`, or none. */
function groupsAt(settings: unknown, path: readonly string[]): readonly unknown[] {
  const fault = listAt(path)(settings);
  if (fault instanceof type.errors) throw new UnreadableSettings(faultOf(fault));
  const groups = valueAt(settings, path);
  return Array.isArray(groups) ? groups : [];
}

const lists = new Map<string, type.Any>();

/** Settings with a list at `path`, or with less. */
function listAt(path: readonly string[]): type.Any {
  const key = path.join(" ");
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made = path.reduceRight<type.Any>(
    (inner, each) => jsonObject.to({ [`${each}?`]: inner }),
    type("unknown[]").describe("a list"),
  );
  lists.set(key, made);
  return made;
}

const hookShape = jsonObject.to({ command: "string" });
const groupShape = jsonObject.to({ hooks: "unknown[]" });

/** Whatever the executable's path was when it was installed. */
function isOurCommand(given: unknown, harness: Harness): boolean {
  const hook = hookShape(given);
  return !(hook instanceof type.errors) && hook.command.endsWith(` hooks answer --${harness.name}`);
}

/** A group that holds nothing but our command. */
function isOurs(group: unknown, harness: Harness): boolean {
  const hooks = hooksOf(group);
  return hooks.length > 0 && hooks.every((hook) => isOurCommand(hook, harness));
}

function hooksOf(given: unknown): readonly unknown[] {
  const group = groupShape(given);
  return group instanceof type.errors ? [] : group.hooks;
}

// ---- editing ----

/** Behind the groups that are there; what holds them is made where it is not. */
function insert(text: string, harness: Harness, path: readonly string[], group: HookGroup): string {
  const settings = read(text, harness);
  const known = path.findLastIndex(
    (_, index) => valueAt(settings, path.slice(0, index + 1)) !== undefined,
  );
  if (known === path.length - 1) return append(text, path, null, group);
  const missing = path.slice(known + 2).reverse();
  const value = missing.reduce<unknown>((inner, key) => ({ [key]: inner }), [group]);
  return append(text, path.slice(0, known + 1), path[known + 1] ?? null, value);
}

function valueAt(settings: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (jsonObject.allows(at) ? at[key] : undefined), settings);
}

/** Our command wherever it is, also beside somebody else's in one group. */
function remove(text: string, harness: Harness, path: readonly string[]): string {
  let now = text;
  const groups = groupsAt(read(text, harness), path);
  for (const [at, group] of [...groups.entries()].reverse()) {
    if (isOurs(group, harness)) {
      now = removeMember(now, [...path, at]);
      continue;
    }
    for (const [index, hook] of [...hooksOf(group).entries()].reverse()) {
      if (isOurCommand(hook, harness)) now = removeMember(now, [...path, at, "hooks", index]);
    }
  }
  return now;
}

/** The list, and then the object that held it, where nothing is left in them. */
function removeEmpty(text: string, harness: Harness, path: readonly string[]): string {
  let now = text;
  for (let length = path.length; length > 0; length--) {
    const holder = path.slice(0, length);
    const value = valueAt(read(now, harness), holder);
    const isEmpty = Array.isArray(value)
      ? value.length === 0
      : jsonObject.allows(value) && Object.keys(value).length === 0;
    if (!isEmpty) return now;
    now = removeMember(now, [...holder]);
  }
  return now;
}
