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
  open,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";
import { lstat, readdir } from "node:fs/promises";
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

/** False: there were more names than are looked at. Who has something else to do uses `showPatiently`. */
export function showNamedFiles(options: ShowOptions): boolean {
  const walk = walkOf(options, performance.now() + lookMsMax);
  let step = walk.next();
  while (!step.done) step = walk.next(looks[step.value.kind](step.value.path));
  return step.value;
}

/** The same without keeping the thread, whatever a file system does: when the time is over it is over. */
export async function showPatiently(options: ShowOptions): Promise<boolean> {
  const deadline = performance.now() + lookMsMax;
  let isOver = false;
  const all = async () => {
    const walk = walkOf(options, deadline);
    let step = walk.next();
    while (!step.done) {
      const answer = await patientLooks[step.value.kind](step.value.path);
      if (isOver) {
        if (typeof answer === "number") closeSync(answer);
        return false;
      }
      step = walk.next(answer);
    }
    return step.value;
  };
  let timer: Timer | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, lookMsMax, false);
  });
  try {
    return await Promise.race([all(), late]);
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}

/** What has to be asked of the file system. */
interface Look {
  readonly kind: "entries" | "status" | "open";
  readonly path: string;
}

/** What a look yields; of what is gone, not ours to see, or has a name that is longer than a call takes: null or nothing. */
type Found = Dirent[] | Stats | number | null;

type Looking<Result> = Generator<Look, Result, Found>;

/** Everything that is looked at, in its order. */
function* walkOf(options: ShowOptions, deadline: number): Looking<boolean> {
  const { globs, workspace, all, show } = options;
  let left = options.most ?? namesMax;
  const known = new Map<string, Found>();
  // Places overlap.
  function* once(kind: Look["kind"], path: string): Looking<Found> {
    const key = `${kind} ${path}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = yield { kind, path };
    known.set(key, found);
    return found;
  }
  function* statusIn(path: string): Looking<Stats | null> {
    return (yield* once("status", path)) as Stats | null;
  }
  function* look(path: string, isFolder: boolean, place: Place): Looking<void> {
    left -= 1;
    const isShown = isFolder
      ? all && place.namesFolders
      : all || ((yield* statusIn(path))?.nlink ?? 0) > 1;
    if (!isShown) return;
    const fd = (yield { kind: "open", path }) as number | null;
    // What cannot be opened is judged by its name alone.
    if (fd === null) return;
    try {
      show(fd);
    } finally {
      closeSync(fd);
    }
  }
  // What patterns name most exactly comes first.
  const places = placesOf(globs, workspace).sort(
    (a, b) => Number(a.depth > b.depth) - Number(a.depth < b.depth),
  );
  for (const place of places) {
    const own = yield* statusIn(place.path);
    if (own === null) continue;
    if (own.isFile() && place.depth === 0) yield* look(place.path, false, place);
    if (!own.isDirectory()) continue;
    if (place.depth > 0) yield* look(place.path, true, place);
    // Level by level: what lies deep is left out first.
    let level = place.depth === 0 ? [] : [place.path];
    for (let depth = 1; depth <= place.depth && level.length > 0; depth++) {
      const next: string[] = [];
      for (const folder of level) {
        for (const entry of (yield* once("entries", folder)) as Dirent[]) {
          if (left <= 0 || performance.now() > deadline) return false;
          const path = `${folder === "/" ? "" : folder}/${entry.name}`;
          if (entry.isDirectory()) {
            next.push(path);
            yield* look(path, true, place);
          } else if (entry.isFile() && (place.lastNames?.has(entry.name) ?? true)) {
            yield* look(path, false, place);
          } else left -= 1;
        }
      }
      level = [];
      for (const path of next) if ((yield* statusIn(path))?.dev === own.dev) level.push(path);
    }
  }
  return true;
}

const openFlags = pathOnly | constants.O_NOFOLLOW;

const looks: Readonly<Record<Look["kind"], (path: string) => Found>> = {
  entries: (path) => orElse([], () => readdirSync(path, { withFileTypes: true })),
  status: (path) => orElse(null, () => lstatSync(path)),
  open: (path) => orElse(null, () => openSync(path, openFlags)),
};

function orElse(otherwise: Found, look: () => Found): Found {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

const patientLooks: Readonly<Record<Look["kind"], (path: string) => Promise<Found>>> = {
  entries: (path) => readdir(path, { withFileTypes: true }).catch(() => []),
  status: (path) => lstat(path).catch(() => null),
  open: (path) =>
    new Promise((resolve) => open(path, openFlags, (error, fd) => resolve(error ? null : fd))),
};

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
