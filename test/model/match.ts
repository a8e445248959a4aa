// What a pattern matches, decided the naive way: backtracking over bytes, straight from
// LANGUAGE.md section 3. Of src/ir only the command table is used, as data, so that each can be
// wrong on its own.

import type { EndpointPattern, ExecPattern, Pattern } from "../../src/dsl/ast.ts";
import type { Endpoint } from "../../src/dsl/endpoint.ts";
import type { ByteSet, Glob, GlobPart } from "../../src/dsl/glob.ts";
import type { Command } from "../../src/ir/commands.ts";
import type { Peer } from "../../src/ir/trace.ts";

/** Where the relative names of a policy are, and which programs have subcommands. */
export interface Places {
  readonly workspace: string;
  readonly home: string;
  readonly commands: readonly Command[];
  /** The members of each `@NAME`, as written. */
  readonly sets: ReadonlyMap<string, readonly Pattern[]>;
}

const SLASH = 0x2f;
const encoder = new TextEncoder();

/** `slash`: whether `*` stops at `/`, as in paths, or runs over it, as in arguments. */
type Slash = "stops" | "ordinary";

function globMatches(glob: Glob, text: string, slash: Slash): boolean {
  const bytes = encoder.encode(text);
  return matchFrom(glob, 0, bytes, 0, slash, (at) => at === bytes.length);
}

type Then = (at: number) => boolean;

function matchFrom(
  glob: Glob,
  index: number,
  bytes: Uint8Array,
  at: number,
  slash: Slash,
  then: Then,
): boolean {
  const part = glob[index];
  if (part === undefined) return then(at);
  return matchPart(part, bytes, at, slash, (next) =>
    matchFrom(glob, index + 1, bytes, next, slash, then),
  );
}

function matchPart(
  part: GlobPart,
  bytes: Uint8Array,
  at: number,
  slash: Slash,
  then: Then,
): boolean {
  const byte = bytes[at];
  switch (part.kind) {
    case "byte":
      return byte === part.byte && then(at + 1);
    case "class":
      return byte !== undefined && isMember(part.set, byte, slash) && then(at + 1);
    case "star":
      for (let end = at; ; end++) {
        if (then(end)) return true;
        const next = bytes[end];
        if (next === undefined || (slash === "stops" && next === SLASH)) return false;
      }
    case "globstar":
      if (!part.slashAfter) {
        for (let end = at; end <= bytes.length; end++) if (then(end)) return true;
        return false;
      }
      if (then(at)) return true;
      for (let end = at; end < bytes.length; end++)
        if (bytes[end] === SLASH && then(end + 1)) return true;
      return false;
    case "alternatives":
      return part.branches.some((branch) => matchFrom(branch, 0, bytes, at, slash, then));
  }
}

/** `?` is the class of all but `/`; in an argument it is any byte. */
function isMember(set: ByteSet, byte: number, slash: Slash): boolean {
  if (set[byte] === true) return true;
  return (
    slash === "ordinary" && set.every((member, other) => member || other === SLASH || other === 0)
  );
}

/** A pattern that begins with alternatives is as many patterns: each may be anchored elsewhere. */
function beginnings(glob: Glob): readonly Glob[] {
  const [first, ...rest] = glob;
  if (first?.kind !== "alternatives") return [glob];
  return first.branches.flatMap((branch) => beginnings([...branch, ...rest]));
}

function literal(text: string): Glob {
  return [...encoder.encode(text)].map((byte) => ({ kind: "byte", byte }));
}

function startsWith(glob: Glob, text: string): boolean {
  return literal(text).every((part, i) => {
    const own = glob[i];
    return own?.kind === "byte" && part.kind === "byte" && own.byte === part.byte;
  });
}

/** The same pattern over absolute paths. */
function anchored(glob: Glob, places: Places): Glob {
  if (startsWith(glob, "/") || glob[0]?.kind === "globstar") return glob;
  if (startsWith(glob, "~/") || (glob.length === 1 && startsWith(glob, "~"))) {
    return [...literal(places.home), ...glob.slice(1)];
  }
  const base = places.workspace === "/" ? "" : places.workspace;
  const inside = startsWith(glob, "./") ? glob.slice(2) : glob;
  if (inside.length === 1 && startsWith(inside, ".")) return literal(places.workspace);
  return [...literal(`${base}/`), ...inside];
}

export function fileMatches(pattern: Pattern, path: string, places: Places): boolean {
  return beginnings(pattern.glob).some((glob) =>
    globMatches(anchored(glob, places), path, "stops"),
  );
}

/** `{npm,/opt/yarn} x` and the members of a set are as many programs, each with a name and a place of its own. */
function programs(pattern: Pattern, places: Places): readonly Glob[] {
  const members = pattern.set && places.sets.get(pattern.set.text);
  if (members) return members.flatMap((member) => programs(member, places));
  return choices(pattern.glob);
}

/** A program by one of its names. */
export function programMatches(pattern: Pattern, name: string, places: Places): boolean {
  return programs(pattern, places).some((choice) => choiceMatches(choice, name, places));
}

/** Without a slash a choice is about the last segment. */
function choiceMatches(glob: Glob, name: string, places: Places): boolean {
  if (!glob.some(isSlash)) return globMatches(glob, basename(name), "stops");
  return globMatches(anchored(glob, places), name, "stops");
}

/** The glob without alternatives, as many globs. */
function choices(glob: Glob): readonly Glob[] {
  const at = glob.findIndex((part) => part.kind === "alternatives");
  const part = glob[at];
  if (part?.kind !== "alternatives") return [glob];
  return part.branches.flatMap((branch) =>
    choices([...glob.slice(0, at), ...branch, ...glob.slice(at + 1)]),
  );
}

function isSlash(part: GlobPart): boolean {
  return (
    (part.kind === "byte" && part.byte === SLASH) || (part.kind === "globstar" && part.slashAfter)
  );
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether some name of the program, together with the arguments, is what the pattern describes. */
export function execMatches(
  exec: ExecPattern,
  names: readonly string[],
  argv: readonly string[],
  places: Places,
): boolean {
  if (exec.program === null) return argumentsMatch(exec.args, null, argv);
  return programs(exec.program, places).some((choice) => {
    const matched = names.find((name) => choiceMatches(choice, name, places));
    if (matched === undefined) return false;
    return argumentsMatch(exec.args, commandOf(choice, matched, places), argv);
  });
}

/** The command that a program pattern names, if it names one program. */
function commandOf(choice: Glob, name: string, places: Places): Command | null {
  const lastSegment = choice.slice(choice.findLastIndex(isSlash) + 1);
  if (!lastSegment.every((part) => part.kind === "byte")) return null;
  return places.commands.find((command) => command.names.includes(basename(name))) ?? null;
}

function argumentsMatch(
  patterns: readonly Pattern[],
  command: Command | null,
  argv: readonly string[],
): boolean {
  const given = argv.slice(1);
  const first = patterns.findIndex((pattern) => !isOption(pattern.glob));
  return patterns.every((pattern, i) => {
    const among =
      command !== null && i === first
        ? [...calledBy(argv[0] ?? "", command), ...subcommandsOf(given, command)]
        : given;
    const isSubcommand = command !== null && i === first;
    return among.some((argument) =>
      (isSubcommand ? synonyms(argument, command) : [argument]).some((each) =>
        globMatches(pattern.glob, each, "ordinary"),
      ),
    );
  });
}

function isOption(glob: Glob): boolean {
  return choices(glob).every((choice) => startsWith(choice, "-"));
}

/** Every word by which the command means the same as by this one. */
function synonyms(word: string, command: Command): readonly string[] {
  const names = new Map(
    Object.entries(command.aliases).flatMap(([name, all]) => all.map((each) => [each, name])),
  );
  const meaning = (each: string): string | null => {
    if (names.has(each) || command.aliases[each] !== undefined) return names.get(each) ?? each;
    if (command.abbreviated.includes(each)) return each;
    const [whole, ...more] = command.abbreviated.filter((other) => other.startsWith(each));
    return whole === undefined || more.length > 0 || each === ""
      ? null
      : (names.get(whole) ?? whole);
  };
  const meant = meaning(word);
  if (meant === null) return [word];
  const known = [...command.abbreviated, ...Object.entries(command.aliases).flat(2), word];
  const starts = known.flatMap((each) => [...each].map((_, at) => each.slice(0, at + 1)));
  return [...new Set(starts)].filter((each) => meaning(each) === meant);
}

/** The subcommand in the name that the program was called by: `push` of `/usr/lib/git-core/git-push`. */
function calledBy(name: string, command: Command): readonly string[] {
  if (!command.dashed) return [];
  const last = basename(name);
  return command.names.flatMap((own) =>
    last.startsWith(`${own}-`) ? [last.slice(own.length + 1)] : [],
  );
}

/** The arguments that say what the command is to do: not its options, not their values. */
function subcommandsOf(given: readonly string[], command: Command): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i < given.length; i++) {
    const argument = given[i] ?? "";
    if (argument === "--" && command.unknownTakesValue) break;
    if (argument.startsWith("-")) {
      if (takesValue(argument, command)) i++;
      continue;
    }
    if (command.wordStarts.some((start) => argument.startsWith(start))) continue;
    found.push(argument);
    // Such a word may be the value of a switch or what is asked for: it is taken for both.
    if (command.subcommand === "first" && !command.words.includes(argument)) break;
  }
  return found;
}

function takesValue(option: string, command: Command): boolean {
  if (command.unknownTakesValue) return unknownTakesValue(option, command);
  if (command.clusters && !option.startsWith("--")) {
    const letters = [...option.slice(1)];
    const valued = letters.findIndex((letter) => command.valueOptions.includes(`-${letter}`));
    return valued !== -1 && valued === letters.length - 1;
  }
  if (command.valueOptions.includes(option)) return true;
  if (!command.abbreviations || !/^--./.test(option)) return false;
  const meant = [...command.valueOptions, ...command.flags].filter((full) =>
    full.startsWith(option),
  );
  return meant.length === 1 && command.valueOptions.includes(meant[0] ?? "");
}

function unknownTakesValue(option: string, command: Command): boolean {
  if (command.flags.includes(option) || option === "-") return false;
  return option.startsWith("--") ? !option.includes("=") : option.length === 2;
}

/** A null list of patterns is `any`. */
export function peerMatches(
  patterns: readonly EndpointPattern[] | null,
  peer: Peer,
  places: Places,
): boolean {
  return patterns === null || patterns.some((pattern) => endpointMatches(pattern, peer, places));
}

function endpointMatches(pattern: EndpointPattern, peer: Peer, places: Places): boolean {
  const endpoint = pattern.endpoint;
  if (endpoint.kind === "unix") return unixMatches(endpoint, peer, places);
  if (peer.kind !== "inet") return false;
  if (endpoint.protocol !== null && endpoint.protocol !== peer.protocol) return false;
  if (
    endpoint.ports !== null &&
    (peer.port < endpoint.ports.low || peer.port > endpoint.ports.high)
  )
    return false;
  // Known gap: a host name matches by a DNS answer, and a trace has none.
  if (endpoint.kind === "host") return false;
  return (
    endpoint.kind === "any" || addressMatches(endpoint.address, endpoint.prefixBits, peer.address)
  );
}

function addressMatches(
  address: readonly number[],
  prefixBits: number,
  given: readonly number[],
): boolean {
  for (let bit = 0; bit < prefixBits; bit++) {
    const mask = 0x80 >> (bit % 8);
    const index = Math.floor(bit / 8);
    if (((address[index] ?? 0) & mask) !== ((given[index] ?? 0) & mask)) return false;
  }
  return true;
}

function unixMatches(endpoint: Endpoint & { kind: "unix" }, peer: Peer, places: Places): boolean {
  // Known gap: the notation inside `unix:` is taken as literal, but for a run at its end.
  const name = peer.kind === "abstract" ? peer.name : peer.kind === "unix" ? peer.file.path : null;
  if (name === null || endpoint.abstract !== (peer.kind === "abstract")) return false;
  const own =
    endpoint.abstract || endpoint.pattern.startsWith("/")
      ? endpoint.pattern
      : `${places.workspace}/${endpoint.pattern}`;
  return own.endsWith("*") ? name.startsWith(own.slice(0, -1)) : name === own;
}
