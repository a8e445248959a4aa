// What a pattern matches, decided the naive way: backtracking over bytes, straight from
// LANGUAGE.md section 3. Nothing of src/ir is used, so that it can be wrong on its own.

import type { EndpointPattern, ExecPattern, Pattern } from "../../src/dsl/ast.ts";
import type { Endpoint } from "../../src/dsl/endpoint.ts";
import type { Glob, GlobPart } from "../../src/dsl/glob.ts";
import type { Peer } from "./trace.ts";

/** Where the relative names of a policy are, and which programs have subcommands. */
export interface Places {
  readonly workspace: string;
  readonly home: string;
  /** Program name -> its global options that take the next argument as a value. */
  readonly commands: ReadonlyMap<string, ReadonlySet<string>>;
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
      return byte !== undefined && part.set[byte] === true && then(at + 1);
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
  return [...literal(`${base}/`), ...inside];
}

export function fileMatches(pattern: Pattern, path: string, places: Places): boolean {
  return beginnings(pattern.glob).some((glob) =>
    globMatches(anchored(glob, places), path, "stops"),
  );
}

/** One name of a program. A pattern without a slash is about the last segment. */
export function programMatches(pattern: Pattern, name: string, places: Places): boolean {
  if (!pattern.text.includes("/")) return globMatches(pattern.glob, basename(name), "stops");
  return fileMatches(pattern, name, places);
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
  return names.some(
    (name) =>
      (exec.program === null || programMatches(exec.program, name, places)) &&
      argumentsMatch(exec.args, name, argv, places),
  );
}

function argumentsMatch(
  patterns: readonly Pattern[],
  name: string,
  argv: readonly string[],
  places: Places,
): boolean {
  const given = argv.slice(1);
  const valueOptions = places.commands.get(basename(name));
  const first = patterns.findIndex((pattern) => !pattern.text.startsWith("-"));
  return patterns.every((pattern, i) => {
    if (valueOptions !== undefined && i === first) {
      const subcommand = subcommandOf(given, valueOptions);
      return subcommand !== null && argumentMatches(pattern, subcommand);
    }
    return given.some((argument) => argumentMatches(pattern, argument));
  });
}

function argumentMatches(pattern: Pattern, argument: string): boolean {
  return globMatches(pattern.glob, argument, "ordinary");
}

/** The first argument that is neither a global option nor the value of one. */
function subcommandOf(given: readonly string[], valueOptions: ReadonlySet<string>): string | null {
  for (let i = 0; i < given.length; i++) {
    const argument = given[i] ?? "";
    if (!argument.startsWith("-")) return argument;
    if (valueOptions.has(argument)) i++;
  }
  return null;
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
