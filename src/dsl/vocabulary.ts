// The words of the language, and what a person may have meant by one that is not.

import {
  type EndpointOperation,
  endpointOperations,
  type FileOperation,
  fileOperations,
  type ProcessOperation,
  processOperations,
} from "./ast.ts";

export const declarationWords = ["source", "declassify", "endorse", "define", "rule"] as const;
export const effectWords = ["notify", "block", "kill"] as const;
export const tailWords = ["because", "fix", "severity"] as const;
export const originWords = ["exec", "file", "endpoint", "approval"] as const;
export const conditionWords = ["target", "lineage-includes", "after", "approved"] as const;
export const eventWords = ["exec", "read", "write", "open", "create", "unlink", "rename"] as const;
export const operationWords = [
  "exec",
  ...fileOperations,
  ...endpointOperations,
  ...processOperations,
] as const;

export type OperationWord = "exec" | FileOperation | EndpointOperation | ProcessOperation;
export type EventWord = (typeof eventWords)[number];

/** What an operation is done to; the word that may stand before its target. */
export type TargetWord = "exec" | "file" | "endpoint";

export function targetWordOf(operation: OperationWord): TargetWord {
  if (isOneOf(fileOperations, operation)) return "file";
  if (isOneOf(endpointOperations, operation)) return "endpoint";
  return "exec";
}

/** Words that end an expression or a clause and so never name a label. */
const reservedWords: ReadonlySet<string> = new Set([
  ...declarationWords,
  ...effectWords,
  ...tailWords,
  "if",
  "unless",
  "and",
  "or",
  "not",
  "true",
]);

export function isReserved(word: string): boolean {
  return reservedWords.has(word);
}

/** Words of ActPlane before its 0.1.8 and of neighbouring tools, and what is written instead. */
export const formerWords: ReadonlyMap<string, string> = new Map([
  ["deny", "write `block` (or `notify`, `kill`)"],
  ["audit", "write `notify`"],
  ["warn", "write `notify`"],
  ["allow", "a policy names what is refused; write an exception with `unless`"],
  ["permit", "a policy names what is refused; write an exception with `unless`"],
  ["label", 'a label is introduced by `source LABEL = exec "..."`'],
  ["reason", "write `because`"],
  ["remediation", "write `fix`"],
  ["effect", 'the effect is the first word of each clause: `block exec "..."`'],
]);

export function isOneOf<T extends string>(words: readonly T[], word: string): word is T {
  return (words as readonly string[]).includes(word);
}

/** The word of `candidates` that is most like `word`, if one is like it at all. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  // Longer words are no typing mistakes, and the comparison costs length times length.
  if (word.length === 0 || word.length > 64) return null;
  const wanted = word.toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length * 0.4));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean ...?`, or undefined where nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const near = nearest(word, candidates);
  return near === null ? undefined : `did you mean \`${near}\`?`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + replaced,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
