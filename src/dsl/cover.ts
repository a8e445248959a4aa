// When one clause or target is about all that another is about. "No" also means "not known": advice
// is given only where it is certain.

import type {
  Condition,
  EndpointPattern,
  EndpointTarget,
  ExecPattern,
  GateEvent,
  Operation,
  Pattern,
  Target,
} from "./ast.ts";
import type { Endpoint, PortRange } from "./endpoint.ts";
import { belowWorkspace, type Glob, type GlobPart, literalGlob, parseGlob, slash } from "./glob.ts";
import { covers, disjoint, matchesGlob } from "./glob-language.ts";
import { printCondition } from "./print.ts";

/** What `write` stands for. */
const writeParts: ReadonlySet<string> = new Set([
  "write",
  "truncate",
  "create",
  "unlink",
  "rename",
  "link",
]);

/** The operations that `kind` is one of. */
export function generalKinds(kind: Operation["kind"]): Operation["kind"][] {
  return kind !== "write" && writeParts.has(kind) ? [kind, "write"] : [kind];
}

export function coversOperation(
  general: Operation | GateEvent,
  special: Operation | GateEvent,
): boolean {
  if (!generalKinds(special.kind).includes(general.kind)) return false;
  if ("exec" in general) return "exec" in special && coversExec(general.exec, special.exec);
  return "target" in special && coversTarget(general.target, special.target);
}

/** What a clause's `unless target` is compared with; programs are compared without their arguments. */
export function operationTarget(operation: Operation): Target | EndpointTarget | null {
  if ("target" in operation) return operation.target;
  const { program, span } = operation.exec;
  return { span, set: null, patterns: program === null ? null : [withFloating(program)] };
}

export function coversTarget(
  general: Target | EndpointTarget,
  special: Target | EndpointTarget,
): boolean {
  if (general.patterns === null) return true;
  if (special.patterns?.length === 0) return false;
  const outer: readonly (Pattern | EndpointPattern)[] = general.patterns;
  if (special.patterns === null) return outer.some(isEverything);
  return special.patterns.every((inner) => outer.some((pattern) => coversPattern(pattern, inner)));
}

export function disjointTargets(a: Target | EndpointTarget, b: Target | EndpointTarget): boolean {
  if (a.patterns === null || b.patterns === null) return false;
  if (a.patterns.length === 0 || b.patterns.length === 0) return false;
  const others: readonly (Pattern | EndpointPattern)[] = b.patterns;
  return a.patterns.every((x) =>
    others.every((y) => "glob" in x && "glob" in y && disjointPaths(x.glob, y.glob)),
  );
}

/** Every argument that `general` wants, `special` wants too. */
export function coversExec(general: ExecPattern, special: ExecPattern): boolean {
  if (general.program !== null) {
    const inner = special.program === null ? anything : programGlob(special.program);
    if (!coversPath(programGlob(general.program), inner)) return false;
  }
  return general.args.every((outer) =>
    special.args.some((inner) => coversQuickly(outer.glob, inner.glob, "ordinary")),
  );
}

/** Every exception of `general` is one of `special` too. */
export function coversExceptions(
  general: readonly Condition[],
  special: readonly Condition[],
): boolean {
  if (general.length === 0) return true;
  const known = new Set(special.map(printCondition));
  return general.every((condition) => known.has(printCondition(condition)));
}

function isEverything(pattern: Pattern | EndpointPattern): boolean {
  if ("glob" in pattern) return coversPath(pattern.glob, anything);
  const { endpoint } = pattern;
  return endpoint.kind === "any" && endpoint.protocol === null && endpoint.ports === null;
}

/** Every path, which starts at the root. */
const anything: Glob = [
  { kind: "byte", byte: slash },
  { kind: "globstar", slashAfter: false },
];

function coversPattern(
  general: Pattern | EndpointPattern,
  special: Pattern | EndpointPattern,
): boolean {
  if (general.text === special.text && general.set === undefined) return true;
  if ("glob" in general) return "glob" in special && coversPath(general.glob, special.glob);
  return "endpoint" in special && coversEndpoint(general.endpoint, special.endpoint);
}

// ------------------------------------------------------------------------------------------ paths

function withFloating(program: Pattern): Pattern {
  return { ...program, glob: programGlob(program) };
}

/** A program without `/` is matched by its last segment. */
function programGlob(program: Pattern): Glob {
  if (program.text.includes("/")) return program.glob;
  return [{ kind: "globstar", slashAfter: true }, ...program.glob];
}

function coversPath(general: Glob, special: Glob): boolean {
  return coversQuickly(anchored(general), anchored(special), "stops");
}

function disjointPaths(a: Glob, b: Glob): boolean {
  // The workspace and the home folder may lie anywhere, so only patterns with the same anchor can be told apart.
  const x = anchorOf(a);
  const y = anchorOf(b);
  return x !== "none" && x === y && disjoint(anchored(a), anchored(b));
}

/** Most pairs are unrelated: their last bytes, or one name of `special` that `general` does not match, settle it. */
function coversQuickly(general: Glob, special: Glob, rule: "stops" | "ordinary"): boolean {
  const [last, other] = [general.at(-1), special.at(-1)];
  if (last?.kind === "byte" && other?.kind === "byte" && last.byte !== other.byte) return false;
  return (
    matchesGlob(general, new Uint8Array(witness(special)), rule) && covers(general, special, rule)
  );
}

/** Some name that the glob matches, as odd as it can be. */
function witness(glob: Glob): number[] {
  return glob.flatMap(witnessOf);
}

function witnessOf(part: GlobPart): number[] {
  switch (part.kind) {
    case "byte":
      return [part.byte];
    case "class":
      return [Math.max(0, part.set.lastIndexOf(true))];
    case "star":
      return oddName;
    case "globstar":
      return [...oddName, slash, ...oddName, ...(part.slashAfter ? [slash] : [])];
    case "alternatives":
      return witness(part.branches.at(-1) ?? []);
  }
}

const oddName: number[] = [0x7e, 0x01, 0x71];

type Anchor = "root" | "home" | "workspace" | "none";

function anchorOf(glob: Glob): Anchor {
  const [first, second] = glob;
  if (first === undefined || first.kind === "alternatives" || first.kind === "globstar")
    return "none";
  if (isByte(first, slash)) return "root";
  if (isByte(first, 0x7e) && (second === undefined || isByte(second, slash))) return "home";
  return "workspace";
}

/**
 * The glob as one over absolute paths. Where the workspace and the home folder are is not known here: a name that no
 * path holds stands for each, so `/**` covers them and nothing else does.
 */
function anchored(glob: Glob): Glob {
  switch (anchorOf(glob)) {
    case "home":
      return [...literalGlob("/\u0001home"), ...glob.slice(1)];
    case "workspace":
      return [...literalGlob("/\u0001workspace/"), ...belowWorkspace(glob)];
    default:
      return glob;
  }
}

function isByte(part: GlobPart, byte: number): boolean {
  return part.kind === "byte" && part.byte === byte;
}

// -------------------------------------------------------------------------------------- endpoints

function coversEndpoint(general: Endpoint, special: Endpoint): boolean {
  if (general.kind === "unix" || special.kind === "unix") {
    if (general.kind !== "unix" || special.kind !== "unix") return false;
    if (general.abstract !== special.abstract) return false;
    return coversQuickly(parseGlob(general.pattern).glob, parseGlob(special.pattern).glob, "stops");
  }
  if (general.protocol !== null && general.protocol !== special.protocol) return false;
  if (!coversPorts(general.ports, special.ports)) return false;
  if (general.kind === "any") return true;
  if (general.kind === "host") {
    if (special.kind !== "host") return false;
    return coversQuickly(parseGlob(general.host).glob, parseGlob(special.host).glob, "ordinary");
  }
  return (
    special.kind === "address" &&
    special.prefixBits >= general.prefixBits &&
    samePrefix(general.address, special.address, general.prefixBits)
  );
}

function coversPorts(general: PortRange | null, special: PortRange | null): boolean {
  if (general === null) return true;
  return special !== null && general.low <= special.low && special.high <= general.high;
}

function samePrefix(a: readonly number[], b: readonly number[], bits: number): boolean {
  return a.every((byte, index) => {
    const kept = Math.max(0, Math.min(8, bits - 8 * index));
    return (((byte ^ (b[index] as number)) >> (8 - kept)) & 0xff) === 0 || kept === 0;
  });
}
