// From a pattern as written to globs over absolute paths. A relative pattern is below the workspace,
// `~` is the home folder, `**` in front floats, and a program's name alone is a name in any folder.

import type { Pattern } from "../dsl/ast.ts";
import { belowWorkspace, type Glob, type GlobPart } from "../dsl/glob.ts";
import { globKey } from "./languages.ts";

export interface Places {
  readonly workspace: string;
  readonly home: string;
}

/** More choices than this stay one glob: then a name in the middle of them is taken as it stands. */
const choicesMax = 256;

const slash = 0x2f;
const tilde = 0x7e;
const encoder = new TextEncoder();

export const anyGlob: Glob = [{ kind: "globstar", slashAfter: false }];
const anyFolder: GlobPart = { kind: "globstar", slashAfter: true };

/** Alternatives in front may be anchored differently (`{/etc,src}/**`), so they become globs of their own. */
export function anchorPath(glob: Glob, places: Places): Glob[] {
  return beginnings(glob).map((branch) => anchorBeginning(branch, places));
}

/** As `anchorPath` for programs, every choice a glob of its own: `{git,/opt/bin/hub}` floats in one and not in the other. */
export function anchorProgram({ glob }: Pick<Pattern, "glob">, places: Places): Glob[] {
  return beginnings(glob)
    .flatMap(expandChoices)
    .flatMap((choice) =>
      hasSlash(choice) ? anchorPath(choice, places) : [[anyFolder, ...choice.map(withinName)]],
    );
}

/** `glob` as globs none of which begins with alternatives. */
export function beginnings(glob: Glob): Glob[] {
  return splitFirst(glob, (part, rest, split) =>
    part.kind === "alternatives"
      ? part.branches.flatMap((branch) => split([...branch, ...rest]))
      : [[part, ...rest]],
  );
}

type Split = (glob: Glob) => Glob[];

/**
 * Takes a glob apart at its first part, again and again. What is left recurs (in `{,}{,}{,}` after every
 * choice), so each rest is split once, and equal results are one.
 */
export function splitFirst(
  glob: Glob,
  splitPart: (part: GlobPart, rest: Glob, split: Split) => Glob[],
): Glob[] {
  const known = new Map<string, Glob[]>();
  const split: Split = (at) => {
    const [part, ...rest] = at;
    if (part === undefined) return [[]];
    const key = globKey(at);
    const before = known.get(key);
    if (before !== undefined) return before;
    const distinct = new Map(splitPart(part, rest, split).map((one) => [globKey(one), one]));
    const result = [...distinct.values()];
    known.set(key, result);
    return result;
  };
  // Most globs begin with an ordinary part and need no keys.
  const first = glob[0];
  return first === undefined
    ? [[]]
    : first.kind === "byte"
      ? splitPart(first, glob.slice(1), split)
      : split(glob);
}

/** `glob` without alternatives, as several globs; as it is, if these would be too many. */
export function expandChoices(glob: Glob): Glob[] {
  let expanded: GlobPart[][] = [[]];
  for (const part of glob) {
    const choices: Glob[] =
      part.kind === "alternatives"
        ? part.branches.flatMap((branch) => expandChoices(branch))
        : [[part]];
    if (expanded.length * choices.length > choicesMax) return [glob];
    expanded = expanded.flatMap((before) => choices.map((choice) => [...before, ...choice]));
  }
  return expanded;
}

function anchorBeginning(glob: Glob, places: Places): Glob {
  const first = glob[0];
  if (isByte(first, slash) || first?.kind === "globstar") return glob;
  if (isByte(first, tilde) && (glob.length === 1 || isByte(glob[1], slash))) {
    return below(places.home, glob.slice(2));
  }
  return below(places.workspace, belowWorkspace(glob));
}

/** `folder` itself when `rest` is empty. */
function below(folder: string, rest: Glob): Glob {
  const base = folder === "/" && rest.length > 0 ? "" : folder;
  const bytes: Glob = [...encoder.encode(base)].map((byte) => ({ kind: "byte", byte }));
  return rest.length === 0 ? bytes : [...bytes, { kind: "byte", byte: slash }, ...rest];
}

function isByte(part: GlobPart | undefined, byte: number): boolean {
  return part?.kind === "byte" && part.byte === byte;
}

function hasSlash(glob: Glob): boolean {
  return glob.some((part) => {
    if (part.kind === "alternatives") return part.branches.some(hasSlash);
    if (part.kind === "class") return part.set[slash] === true;
    return isByte(part, slash) || (part.kind === "globstar" && part.slashAfter);
  });
}

/** In a pattern of one name `**` has no folder to cross. */
function withinName(part: GlobPart): GlobPart {
  if (part.kind === "globstar") return { kind: "star" };
  if (part.kind === "alternatives") {
    return {
      kind: "alternatives",
      branches: part.branches.map((branch) => branch.map(withinName)),
    };
  }
  return part;
}

/** The last segment, if every path that matches ends in the same: `git` of `**` + `/git`. */
export function literalName(glob: Glob): string | null {
  const bytes: number[] = [];
  for (const part of [...glob].reverse()) {
    if (part.kind === "globstar" && part.slashAfter) break;
    if (part.kind !== "byte") return null;
    if (part.byte === slash) break;
    bytes.unshift(part.byte);
  }
  return bytes.length === 0 ? null : new TextDecoder().decode(Uint8Array.from(bytes));
}
