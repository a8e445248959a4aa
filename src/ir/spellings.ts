// The names under which a program knows one subcommand: `npm i`, `npm add` and `npm inst` are `npm install`. A pattern that
// means one of them means all.

import type { Glob } from "../dsl/glob.ts";
import { globMatcher } from "../dsl/glob-language.ts";
import type { Command } from "./commands.ts";

/** The pattern, and beside it the other names of what it matches. */
export function withSpellings(glob: Glob, command: Command): Glob {
  const matches = globMatcher(glob, "ordinary");
  const others = spellingsOf(command)
    .map((names) => names.map((name) => encoder.encode(name)))
    .filter((names) => names.some(matches))
    .flatMap((names) => names.filter((name) => !matches(name)));
  if (others.length === 0) return glob;
  return [{ kind: "alternatives", branches: [glob, ...others.map(literal)] }];
}

const encoder = new TextEncoder();

function literal(bytes: Uint8Array): Glob {
  return [...bytes].map((byte) => ({ kind: "byte", byte }));
}

const known = new WeakMap<Command, readonly (readonly string[])[]>();

/** All names of each subcommand that has several. */
function spellingsOf(command: Command): readonly (readonly string[])[] {
  const before = known.get(command);
  if (before !== undefined) return before;
  const groups = new Map(
    Object.entries(command.aliases).map(([name, aliases]) => [name, [name, ...aliases]]),
  );
  const names = new Map([...groups].flatMap(([name, all]) => all.map((each) => [each, name])));
  for (const [start, whole] of uniqueStarts(command.abbreviated)) {
    const name = names.get(whole) ?? whole;
    groups.set(name, [...(groups.get(name) ?? [name]), start]);
  }
  const spellings = [...groups.values()];
  known.set(command, spellings);
  return spellings;
}

/** Beginnings of one word only that are no words themselves, and the word. */
function uniqueStarts(words: readonly string[]): Map<string, string> {
  const starts = new Map<string, string | null>();
  for (const word of words)
    for (let length = 1; length < word.length; length++) {
      const start = word.slice(0, length);
      starts.set(start, starts.has(start) ? null : word);
    }
  for (const word of words) starts.delete(word);
  return new Map([...starts].flatMap(([start, word]) => (word === null ? [] : [[start, word]])));
}
