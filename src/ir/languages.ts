// Sets of globs by what they say. A target, an exception or a program is a language; equal ones get
// one number, so that a pattern used by many rules is matched once.

import type { Glob, GlobPart } from "../dsl/glob.ts";
import { keyOf } from "./byte-sets.ts";

/** How a language behaves beside others: what multiplies states is kept apart first when a set is split. */
export type Shape = "anchored" | "floating" | "crossing";

export interface Language {
  readonly globs: readonly Glob[];
  readonly shape: Shape;
}

export class Languages {
  readonly #all: Language[] = [];
  readonly #numbers = new Map<string, number>();

  intern(globs: readonly Glob[]): number {
    const byKey = new Map(globs.map((glob) => [globKey(glob), glob]));
    const key = [...byKey.keys()].sort().join("\n");
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#all.length);
    const distinct = [...byKey.values()];
    this.#all.push({ globs: distinct, shape: shapeOf(distinct) });
    return this.#all.length - 1;
  }

  get(number: number): Language {
    return this.#all[number] as Language;
  }
}

/** A text that two globs share only if they are the same. */
export function globKey(glob: Glob): string {
  return glob.map(partKey).join("");
}

function partKey(part: GlobPart): string {
  switch (part.kind) {
    case "byte":
      return part.byte.toString(16).padStart(2, "0");
    case "class":
      return `[${keyOf(part.set)}]`;
    case "star":
      return "*";
    case "globstar":
      return part.slashAfter ? "**/" : "**";
    case "alternatives":
      return `{${part.branches.map(globKey).join(",")}}`;
  }
}

const shapes: readonly Shape[] = ["anchored", "floating", "crossing"];

function shapeOf(globs: readonly Glob[]): Shape {
  let worst = 0;
  for (const glob of globs) worst = Math.max(worst, shapes.indexOf(shapeOfGlob(glob)));
  return shapes[worst] as Shape;
}

/** `a/**` is decided at its end and stays anchored; a `**` that patterns go on after makes them compete. */
function shapeOfGlob(glob: Glob): Shape {
  const places = glob.flatMap((part, i) => (part.kind === "globstar" ? [i] : []));
  const choices = glob.some(
    (part) => part.kind === "alternatives" && part.branches.some(hasGlobstar),
  );
  if (choices) return "crossing";
  if (
    places.length === 0 ||
    (places.length === 1 && places[0] === glob.length - 1 && glob.length > 1)
  )
    return "anchored";
  return places.length === 1 && places[0] === 0 ? "floating" : "crossing";
}

function hasGlobstar(glob: Glob): boolean {
  return glob.some(
    (part) =>
      part.kind === "globstar" || (part.kind === "alternatives" && part.branches.some(hasGlobstar)),
  );
}
