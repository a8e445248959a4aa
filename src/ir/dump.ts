// An image as text: every entry, gate and state, for people who compare two images or doubt one. It
// reads the words alone, so it shows what the kernel half sees; names are put beside numbers where
// they are given.

import {
  type AutomatonKind,
  automaton as automatonAt,
  automatonKinds,
  comb as combAt,
  effectNumbers,
  entry as entryAt,
  entryKinds,
  gateRecord,
  header,
  LABEL_WORDS,
  operationBits,
  state as stateAt,
} from "./abi.ts";
import type { Compiled } from "./ir.ts";
import { automataOf, entryOffset, listAt } from "./run.ts";

/** Kinds of entries whose number means nothing. */
const givesLabels = new Set(["label", "lineage", "endorse", "declassify"]);

/** What the numbers of an image stand for. */
export type DumpNames = Pick<Compiled, "labels" | "atoms">;

export function dumpImage(image: Uint32Array, names: DumpNames): string {
  if (image.length === 0) return "no image\n";
  const lines = [
    `image of ${image[header.words]} words, abi ${image[header.abi]}`,
    `clauses ${image[header.clauses]}`,
    ...names.labels.map(
      ({ bit, name, hidden }) => `label ${bit} ${name}${hidden ? " (hidden)" : ""}`,
    ),
    ...names.atoms.map((text, atom) => `atom ${atom} ${text}`),
    ...gateLines(image),
    ...entryLines(image),
    ...automatonKinds.flatMap((kind) =>
      automataOf(image, kind).flatMap((at, group) => automatonLines(image, kind, group, at)),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function gateLines(image: Uint32Array): string[] {
  return Array.from({ length: image[header.gates] as number }, (_, gate) => {
    const at = (image[header.gatesAt] as number) + gate * gateRecord.size;
    const word = (offset: number): number => image[at + offset] as number;
    const withinNs =
      (BigInt(word(gateRecord.withinNsHigh)) << 32n) | BigInt(word(gateRecord.withinNsLow));
    const exits = word(gateRecord.flags) === 0 ? [] : [`exits ${word(gateRecord.status)}`];
    const within = withinNs === 0n ? [] : [`within ${withinNs} ns`];
    return [`gate ${gate}`, ...exits, ...within].join(" ");
  });
}

function entryLines(image: Uint32Array): string[] {
  return Array.from({ length: image[header.entries] as number }, (_, number) => {
    const at = entryOffset(image, number);
    const word = (offset: number): number => image[at + offset] as number;
    const kind = nameOf(entryKinds, word(entryAt.kind));
    const operations = Object.entries(operationBits).flatMap(([name, bit]) =>
      (word(entryAt.ops) & bit) === 0 ? [] : [name],
    );
    const effect = word(entryAt.effect) === 0 ? [] : [nameOf(effectNumbers, word(entryAt.effect))];
    return [
      `entry ${number}`,
      givesLabels.has(kind) ? kind : `${kind} ${word(entryAt.id)}`,
      ...effect,
      operations.join("|"),
      ...listed("all", bitsOf(image, at + entryAt.all, LABEL_WORDS)),
      ...listed("none", bitsOf(image, at + entryAt.none, LABEL_WORDS)),
      ...listed("gates", bitsOf(image, at + entryAt.gates, 2)),
      ...listed("needs", bitsOf(image, at + entryAt.needs, 2)),
      ...listed("args", listAt(image, word(entryAt.argsAt))),
      ...listed("except", listAt(image, word(entryAt.exceptAt))),
      ...listed("except-not", listAt(image, word(entryAt.exceptNotAt))),
    ].join("  ");
  });
}

function listed(name: string, numbers: readonly number[]): string[] {
  return numbers.length === 0 ? [] : [`${name} ${numbers.join(",")}`];
}

function nameOf(numbers: Readonly<Record<string, number>>, wanted: number): string {
  return (
    Object.entries(numbers).find(([, number]) => number === wanted)?.[0] ?? `unknown(${wanted})`
  );
}

function bitsOf(image: Uint32Array, at: number, words: number): number[] {
  return Array.from({ length: words * 32 }, (_, bit) => bit).filter(
    (bit) => (((image[at + (bit >> 5)] as number) >>> (bit & 31)) & 1) === 1,
  );
}

// ---- automata

function automatonLines(
  image: Uint32Array,
  kind: AutomatonKind,
  group: number,
  at: number,
): string[] {
  const word = (offset: number): number => image[at + offset] as number;
  const states = word(automatonAt.states);
  const classes = classNames(image, word(automatonAt.classesAt), word(automatonAt.classes));
  return [
    "",
    `${kind} ${group}: ${states} states, ${classes.length} classes, ${word(automatonAt.combs)} cells, start ${word(automatonAt.start)}`,
    ...classes.map((name, number) => `  class ${number} ${name}`),
    // State 0 is dead everywhere.
    ...Array.from({ length: states - 1 }, (_, i) => stateLine(image, kind, at, i + 1, classes)),
  ];
}

function stateLine(
  image: Uint32Array,
  kind: AutomatonKind,
  at: number,
  state: number,
  classes: readonly string[],
): string {
  const record = (image[at + automatonAt.statesAt] as number) + state * stateAt.size;
  const word = (offset: number): number => image[record + offset] as number;
  const extra = word(stateAt.extra);
  const steps = classes.flatMap((name, number) => {
    const cell =
      (image[at + automatonAt.combAt] as number) + (word(stateAt.base) + number) * combAt.size;
    return image[cell + combAt.check] === state ? [`${name}>${image[cell + combAt.next]}`] : [];
  });
  return [
    `  ${state}`,
    ...steps,
    `else>${word(stateAt.otherwise)}`,
    ...listed(kind === "args" ? "sets" : "accepts", listAt(image, word(stateAt.accept))),
    ...(kind === "path" && extra !== 0 ? listed("below-stale", bitsOf(image, extra, 2)) : []),
    ...(kind === "exec" && extra !== 0 && image[extra] !== 0 ? [`args-start ${image[extra]}`] : []),
    ...(kind === "exec" && extra !== 0 ? listed("atoms", listAt(image, extra + 1)) : []),
  ].join("  ");
}

/** The bytes of each class; the largest is only said to be the rest. */
function classNames(image: Uint32Array, classesAt: number, count: number): string[] {
  const members: number[][] = Array.from({ length: count }, () => []);
  for (let byte = 0; byte < 256; byte++) {
    const word = image[classesAt + (byte >> 2)] as number;
    members[(word >>> ((byte & 3) * 8)) & 0xff]?.push(byte);
  }
  const most = Math.max(...members.map((bytes) => bytes.length));
  const rest = most > 1 ? members.findIndex((bytes) => bytes.length === most) : -1;
  return members.map((bytes, number) => (number === rest ? "rest" : rangesOf(bytes)));
}

/** `a-cx` for a, b, c and x. */
function rangesOf(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    let end = i;
    while (bytes[end + 1] === (bytes[end] as number) + 1) end++;
    text += byteName(bytes[i] as number);
    if (end > i + 1) text += "-";
    if (end > i) text += byteName(bytes[end] as number);
    i = end + 1;
  }
  return text;
}

function byteName(byte: number): string {
  const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2d && byte !== 0x5c;
  return isPlain ? String.fromCharCode(byte) : `\\${byte.toString(16).padStart(2, "0")}`;
}
