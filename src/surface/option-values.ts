// What the words behind options have to be. Each yields the value, or says what was expected instead.

import { InvalidArgumentError } from "commander";

export function several(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** An option that means one thing: the second would silently win. */
export function once(text: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError(`It was given before, as '${before}'.`);
  return text;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("A number from 1 is needed.");
  return Number(text);
}

export function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("A number is needed.");
  return Number(text);
}

export function port(text: string): number {
  const number = count(text);
  if (number > 65_535) throw new InvalidArgumentError("A port is a number up to 65535.");
  return number;
}

export function ringBytes(text: string): number {
  const bytes = Number(text);
  const isPowerOfTwo = Number.isInteger(Math.log2(bytes));
  if (bytes < 4096 || !isPowerOfTwo)
    throw new InvalidArgumentError("A power of two is needed, at least 4096.");
  return bytes;
}
