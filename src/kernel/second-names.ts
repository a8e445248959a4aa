// Files that have, or may get, a second name that no rule is about: `ln vault/key x` before the run began. The files
// that rules are about by name are looked for where their patterns begin and shown to the kernel half, which writes
// down with each file what rules say of its name. From then on they hold for the file, by whatever name.
//
// Where hooks see every rename and link, only files with several names need it; elsewhere all of them do, and the
// folders, so that rules stay with what a governed process renames.

import type { Glob, GlobPart } from "../dsl/glob.ts";
import type { Compiled } from "../ir/ir.ts";
import { NameSearch, type Place } from "./libbpf/names.ts";
import { mountPlaces } from "./mounts.ts";

/** Names that are looked at: 1 us each, most of it while the programs are loaded. */
const namesMax = 50_000;
/** Files that are shown: some 8 us each, after that. */
const foundMax = 10_000;
/** Where names are slow to look at, as over a network. */
export const lookMsMax = 1000;

export interface SearchOptions {
  /** Files with a single name too, and folders whose names mean something. */
  readonly all: boolean;
  /** Default: `namesMax`. */
  readonly most?: number;
}

/** Begins to look for the files that file rules of `compiled` are about. Whoever gets it ends it. */
export function searchNames(compiled: Compiled, { all, most }: SearchOptions): NameSearch {
  const { files, image, options } = compiled;
  const places = placesOf(files, options.workspace);
  return new NameSearch({
    image,
    places,
    wholes: places.length === 0 ? [] : mountPlaces(),
    all,
    skipsPlain: files.every(meansNothingBelowOthers),
    most: most ?? namesMax,
    mostFound: foundMax,
    milliseconds: lookMsMax,
  });
}

const slash = 0x2f;

/** Where files that `globs` match may lie, each place once; those first that patterns name most exactly. */
export function placesOf(globs: readonly Glob[], workspace: string): Place[] {
  const places = new Map<string, Place>();
  for (const glob of globs) {
    const place = placeOf(glob, workspace);
    // No file has a NUL in its name.
    if (!place.path.includes("\0")) places.set(`${place.path} ${place.depth}`, place);
  }
  return [...places.values()].sort((a, b) => Number(a.depth > b.depth) - Number(a.depth < b.depth));
}

function placeOf(glob: Glob, workspace: string): Place {
  const special = glob.findIndex(({ kind }) => kind !== "byte");
  if (special === -1) return { path: textOf(glob), depth: 0 };
  const cut = glob.slice(0, special).findLastIndex(isSlash);
  const rest = glob.slice(cut + 1);
  return {
    path: cut === -1 ? workspace : textOf(glob.slice(0, cut)) || "/",
    depth: rest.some(crosses) ? Number.POSITIVE_INFINITY : 1 + rest.filter(isSlash).length,
  };
}

/**
 * Below folders that the pattern does not name it matches what it matches anywhere, or nothing. So it is where it begins with
 * a folder's name, by itself or behind `**` and a slash, or there names a file.
 */
function meansNothingBelowOthers(glob: Glob): boolean {
  const [first] = glob;
  const floats = first?.kind === "globstar" && first.slashAfter;
  const rest = glob.slice(1);
  if (!floats && !(first !== undefined && isSlash(first))) return false;
  const end = rest.findIndex((part) => part.kind !== "byte" || isSlash(part));
  return end === -1 || isSlash(rest[end] as GlobPart) || (floats && !rest.some(mayCross));
}

function isSlash(part: GlobPart): boolean {
  return part.kind === "byte" && part.byte === slash;
}

/** Whether the part may stand for several levels. */
function crosses(part: GlobPart): boolean {
  return (
    part.kind === "globstar" ||
    (part.kind === "alternatives" && part.branches.some((one) => one.some(mayCross)))
  );
}

function mayCross(part: GlobPart): boolean {
  return isSlash(part) || crosses(part);
}

function textOf(bytes: Glob): string {
  return new TextDecoder().decode(
    Uint8Array.from(bytes, (part) => (part.kind === "byte" ? part.byte : 0)),
  );
}
