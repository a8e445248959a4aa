// Shapes of files that people and other versions write, as arktype describes them.
//
// INVARIANT: whoever imports this file, or one that does, does it by import() where the shape is needed: arktype takes
// longer to import than most verbs take from start to end. test/tidy.test.ts holds it.

import "./shape-settings.ts";
import { type } from "arktype";

export { type };

/** Of JSON. For arktype a list is an object as well. */
export const jsonObject = type("unknown")
  .narrow((value): value is Record<string, unknown> => isJsonObject(value))
  .describe("an object");

export const whole = type("number.safe").divisibleBy(1).describe("a whole number");

export const time = type("string")
  .narrow((text) => !Number.isNaN(Date.parse(text)))
  .describe("a time");

/** `what`: as a person calls them all. */
export function oneOf<Word extends string>(words: readonly Word[], what: string): type<Word> {
  const known: readonly string[] = words;
  return type("string")
    .narrow((word) => known.includes(word))
    .describe(what) as unknown as type<Word>;
}

function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shownMax = 80;

/** The first fault, told by the place and in the words of the file. */
export function faultOf([first]: type.errors): string {
  if (first === undefined) return "";
  // Where something may also be null, what is wrong with it otherwise says more.
  const branches = first.hasCode("union") ? first.errors : [];
  const { propString, expected, actual } =
    branches.find((branch) => branch.expected !== "null") ?? first;
  const place = propString === "" ? "" : `\`${propString}\` `;
  if (actual === "missing" || actual === "undefined") return `${place}is missing`;
  const found = actual.length > shownMax ? `${actual.slice(0, shownMax)}...` : actual;
  return `${place}must be ${expected} (was ${found})`;
}
