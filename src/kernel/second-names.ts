// Files that have, or may get, a second name that no rule is about: `ln vault/key x` before the run began. The files
// that rules are about by name are looked for where their patterns begin and shown to the kernel half, which writes
// down with each file what rules say of its name. From then on they hold for the file, by whatever name.
//
// Where hooks see every rename and link, only files with several names need it; elsewhere all of them do, and the
// folders, so that rules stay with what a governed process renames.

import {
  closeSync,
  constants,
  type Dirent,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";
import type { Glob, GlobPart } from "../dsl/glob.ts";

/** Names that are looked at; the start of a run waits for it: some 2 us each, 15 us each that is shown. */
const namesMax = 10_000;
/** Where names are slow to look at, as over a network. */
const lookMsMax = 1000;

const pathOnly = 0o10000000; // O_PATH: nothing happens to the file, and a pipe does not wait

/** A folder to look in, or a single name. */
interface Place {
  readonly path: string;
  /** Levels below it at which names may match; 0: the path itself. */
  readonly depth: number;
  /** Null: any name may match. */
  readonly lastNames: ReadonlySet<string> | null;
  /** Whether a pattern names folders of unknown places: renaming one changes what matches. */
  readonly namesFolders: boolean;
}

export interface ShowOptions {
  /** Globs of absolute paths. */
  readonly globs: readonly Glob[];
  /** Where those are looked for that may match anywhere. */
  readonly workspace: string;
  /** Files with a single name too, and folders. */
  readonly all: boolean;
  readonly show: (fd: number) => void;
  /** Default: `namesMax`. */
  readonly most?: number;
}

/** False: there were more names than are looked at. */
export function showNamedFiles(options: ShowOptions): boolean {
  const { globs, workspace, all, show } = options;
  let left = options.most ?? namesMax;
  const deadline = performance.now() + lookMsMax;
  const entriesIn = onceEach(entriesOf);
  const statusIn = onceEach(statusOf);
  const showPath = (path: string) => {
    try {
      const fd = openSync(path, pathOnly | constants.O_NOFOLLOW);
      show(fd);
      closeSync(fd);
    } catch {
      // Gone, or not ours to see: then it is judged by its name alone.
    }
  };
  const look = (path: string, isFolder: boolean, place: Place): void => {
    left -= 1;
    if (isFolder ? all && place.namesFolders : all || (statusIn(path)?.nlink ?? 0) > 1)
      showPath(path);
  };
  // What patterns name most exactly comes first.
  const places = placesOf(globs, workspace).sort(
    (a, b) => Number(a.depth > b.depth) - Number(a.depth < b.depth),
  );
  for (const place of places) {
    const own = statusIn(place.path);
    if (own === null) continue;
    if (own.isFile() && place.depth === 0) look(place.path, false, place);
    if (!own.isDirectory()) continue;
    if (place.depth > 0) look(place.path, true, place);
    // Level by level: what lies deep is left out first.
    let level = place.depth === 0 ? [] : [place.path];
    for (let depth = 1; depth <= place.depth && level.length > 0; depth++) {
      const next: string[] = [];
      for (const folder of level) {
        for (const entry of entriesIn(folder)) {
          if (left <= 0 || performance.now() > deadline) return false;
          const path = `${folder === "/" ? "" : folder}/${entry.name}`;
          if (entry.isDirectory()) {
            next.push(path);
            look(path, true, place);
          } else if (entry.isFile() && (place.lastNames?.has(entry.name) ?? true)) {
            look(path, false, place);
          } else left -= 1;
        }
      }
      level = next.filter((path) => statusIn(path)?.dev === own.dev);
    }
  }
  return true;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Null: it is gone, or its name is longer than a call takes. */
function statusOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/** Places overlap. */
function onceEach<T>(look: (path: string) => T): (path: string) => T {
  const known = new Map<string, T>();
  return (path) => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const fresh = look(path);
    known.set(path, fresh);
    return fresh;
  };
}

const slash = 0x2f;

/** Where files that `globs` match may lie, each place once. */
export function placesOf(globs: readonly Glob[], workspace: string): Place[] {
  const places = new Map<string, Place>();
  for (const glob of globs) {
    const place = placeOf(glob, workspace);
    const key = `${place.path} ${place.depth}`;
    places.set(key, joined(places.get(key) ?? place, place));
  }
  return [...places.values()];
}

function joined(a: Place, b: Place): Place {
  const lastNames =
    a.lastNames === null || b.lastNames === null ? null : new Set([...a.lastNames, ...b.lastNames]);
  return { ...a, lastNames, namesFolders: a.namesFolders || b.namesFolders };
}

function placeOf(glob: Glob, workspace: string): Place {
  const special = glob.findIndex(({ kind }) => kind !== "byte");
  const literal = glob.slice(0, special === -1 ? glob.length : special);
  if (special === -1)
    return { path: textOf(literal), depth: 0, lastNames: null, namesFolders: false };
  const cut = literal.findLastIndex(isSlash);
  const rest = glob.slice(cut + 1);
  const lastName = literalEnd(rest);
  const inOneFolder =
    rest[0]?.kind === "globstar" && rest.length > 1 && !rest.slice(1).some(mayCross);
  return {
    path: cut === -1 ? workspace : textOf(literal.slice(0, cut)) || "/",
    depth: rest.some(crosses) ? Number.POSITIVE_INFINITY : 1 + rest.filter(isSlash).length,
    lastNames: lastName === null ? null : new Set([lastName]),
    // `**/name` matches in every folder, whatever folders are called.
    namesFolders: !(cut === -1 && inOneFolder),
  };
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

/** The last segment, where every name that matches ends in the same. */
function literalEnd(rest: Glob): string | null {
  const from = rest.findLastIndex((part) => part.kind !== "byte" || isSlash(part));
  const before = rest[from];
  const isSegment =
    before === undefined || isSlash(before) || (before.kind === "globstar" && before.slashAfter);
  return isSegment && from < rest.length - 1 ? textOf(rest.slice(from + 1)) : null;
}

function textOf(bytes: Glob): string {
  return new TextDecoder().decode(
    Uint8Array.from(bytes, (part) => (part.kind === "byte" ? part.byte : 0)),
  );
}
