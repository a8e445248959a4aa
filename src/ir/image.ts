// The image: header, gates, entries, then the automata kind by kind. Every record is aligned to its
// own size, so that none straddles a chunk of the table.

import { assert } from "../base/assert.ts";
import {
  type AutomatonKind,
  automaton as automatonAt,
  automatonKinds,
  comb as combAt,
  entry as entryAt,
  GROUPS_MAX,
  gateRecord,
  header,
  IMAGE_ABI,
  IMAGE_MAGIC,
  LABEL_WORDS,
  state as stateAt,
  TABLE_CHUNK_WORDS,
} from "./abi.ts";
import type { ArgumentAutomaton } from "./args.ts";
import { gatesBelow } from "./below.ts";
import { packComb } from "./comb.ts";
import type { Dfa } from "./determinise.ts";
import { type Entry, maskWords, operationMask, writeEntry } from "./entries.ts";
import { gateWords } from "./gates.ts";
import type { Group } from "./groups.ts";
import type { AutomatonReport, CompiledClause } from "./ir.ts";
import type { Lowered, NameKind, Payload } from "./lower.ts";
import { ImageWriter } from "./writer.ts";

/** The class of every byte, four a word. */
const classWords = 64;

/** What a state says besides where it leads. */
interface StateWords {
  readonly accept: number;
  readonly extra: number;
}

/** An image that grows beyond `wordsMax` is of no use; its further lists are left out. */
export function writeImage(
  lowered: Lowered,
  groups: Readonly<Record<NameKind, readonly Group<Payload>[]>>,
  args: ArgumentAutomaton | null,
  wordsMax: number,
): { readonly image: Uint32Array; readonly automata: readonly AutomatonReport[] } {
  const writer = new ImageWriter();
  writer.reserve(header.size, header.size);
  writeHeader(writer, lowered);
  writeEarned(writer, lowered);
  writeGates(writer, lowered);
  const numbers = writeEntries(writer, lowered.entries);
  writeClauseSet(writer, lowered.clauses);
  const automata: AutomatonReport[] = [];

  const add = (
    kind: AutomatonKind,
    group: number,
    dfa: Dfa,
    says: (outcome: number) => StateWords,
    below: Uint32Array | null = null,
  ) => {
    const words = dfa.outcomes.map((_, outcome) =>
      writer.length > wordsMax ? { accept: 0, extra: 0 } : says(outcome),
    );
    const { at, combs, length } = writeAutomaton(writer, dfa, words, below);
    writer.set(header.automata + automatonKinds.indexOf(kind) * GROUPS_MAX + group, at);
    return { kind, group, states: dfa.states, classes: dfa.classes.count, combs, words: length };
  };

  if (args !== null) {
    const { dfa } = args;
    const sizes = add("args", 0, dfa, (outcome) => ({
      accept: writer.list(dfa.outcomes[outcome] ?? []),
      extra: 0,
    }));
    automata.push({ ...sizes, patterns: lowered.argumentAtoms.length, clauses: [] });
  }
  for (const kind of ["path", "exec", "endpoint"] as const) {
    for (const [number, group] of groups[kind].entries()) {
      const says = (outcome: number): StateWords => {
        const payloads = group.accepted[outcome] ?? [];
        return {
          accept: writer.list(entryNumbers(payloads, numbers)),
          extra: writeExtra(writer, payloads, args),
        };
      };
      const below =
        kind === "path"
          ? gatesBelow(group.dfa, (outcome) => staledBy(group.accepted[outcome] ?? []))
          : null;
      const sizes = add(kind, number, group.dfa, says, below);
      automata.push({ ...sizes, patterns: group.patterns, clauses: clausesOf(group) });
    }
  }
  writer.set(header.words, writer.length);
  automata.sort((a, b) => automatonKinds.indexOf(a.kind) - automatonKinds.indexOf(b.kind));
  return { image: writer.finish(), automata };
}

function writeHeader(writer: ImageWriter, lowered: Lowered): void {
  const operations = (kind: NameKind) =>
    operationMask(
      lowered.units[kind].flatMap(({ payload }) =>
        payload.entries.flatMap((entry) => entry.operations),
      ),
    );
  const { labels, gates } = lowered.numbering;
  const hidden = labels.reduce(
    (mask, label, bit) => (label.hidden ? mask | (1n << BigInt(bit)) : mask),
    0n,
  );
  const ids = lowered.clauses.map(({ id }) => id);
  writer.set(header.magic, IMAGE_MAGIC);
  writer.set(header.abi, IMAGE_ABI);
  writer.set(
    header.clauses,
    ids.reduce((bound, id) => Math.max(bound, id + 1), 0),
  );
  writer.set(header.gates, gates.length);
  writer.set(header.entries, lowered.entries.length);
  writer.set(header.atomWords, Math.ceil(lowered.atoms.length / 32));
  writer.set(header.pathOps, operations("path"));
  writer.set(header.execOps, operations("exec"));
  writer.set(header.endpointOps, operations("endpoint"));
  writer.setAll(
    header.flowing,
    // Labels that other policies of the session number later flow through this domain's processes too.
    maskWords(~hidden, LABEL_WORDS),
  );
}

/** Which clauses the image has, a bit each: lists of another image of the session are read through it. */
function writeClauseSet(writer: ImageWriter, clauses: readonly CompiledClause[]): void {
  const words = new Uint32Array(Math.ceil(writer.get(header.clauses) / 32));
  for (const { id } of clauses) words[id >> 5] = (words[id >> 5] as number) | (1 << (id & 31));
  writer.set(header.clauseSetAt, writer.append(words, 1));
}

/** Labels that let something pass and are given by programs: who traces such a program must not get at them. */
function writeEarned(writer: ImageWriter, lowered: Lowered): void {
  const earned = lowered.entries
    .filter(({ kind }) => kind === "lineage" || kind === "endorse")
    .reduce((mask, { all }) => mask | all, 0n);
  if (earned === 0n) return;
  writer.set(header.earnedAt, writer.append(maskWords(earned, LABEL_WORDS), LABEL_WORDS));
}

function writeGates(writer: ImageWriter, lowered: Lowered): void {
  const { gates } = lowered.numbering;
  const at = writer.reserve(gates.length * gateRecord.size, gateRecord.size);
  writer.set(header.gatesAt, at);
  for (const [id, gate] of gates.entries())
    writer.setAll(at + id * gateRecord.size, gateWords(gate));
}

/** The number of each entry. */
function writeEntries(writer: ImageWriter, entries: readonly Entry[]): Map<Entry, number> {
  const at = writer.reserve(entries.length * entryAt.size, entryAt.size);
  writer.set(header.entriesAt, at);
  for (const [number, entry] of entries.entries()) {
    writeEntry(writer, at + number * entryAt.size, entry);
  }
  return new Map(entries.map((entry, number) => [entry, number]));
}

function entryNumbers(payloads: readonly Payload[], numbers: ReadonlyMap<Entry, number>): number[] {
  const all = payloads.flatMap(({ entries }) =>
    entries.map((entry) => numbers.get(entry) as number),
  );
  return all.sort((a, b) => a - b);
}

/** The words of `struct exec_extra`, if it would say anything. */
function writeExtra(
  writer: ImageWriter,
  payloads: readonly Payload[],
  args: ArgumentAutomaton | null,
): number {
  const atoms = payloads.flatMap(({ atom }) => (atom === null ? [] : [atom])).sort((a, b) => a - b);
  const commands = [
    ...new Set(payloads.flatMap(({ command }) => (command === null ? [] : [command]))),
  ];
  // INVARIANT: a command comes from a literal last segment, so a path has one at most.
  assert(commands.length <= 1, "a program path belongs to one command");
  const [command] = commands;
  if (atoms.length === 0 && command === undefined) return 0;
  const start = command === undefined ? 0 : args?.dfa.starts[1 + args.commands.indexOf(command)];
  assert(start !== undefined, "a command whose subcommands are matched has a start");
  return writer.shared([start, atoms.length, ...atoms]);
}

/** Gates that go stale when a file of such a name comes or goes. */
function staledBy(payloads: readonly Payload[]): bigint {
  const moves = operationMask(["create", "unlink", "rename"]);
  return payloads
    .flatMap(({ entries }) => entries)
    .filter(({ kind, operations }) => kind === "stale" && (operationMask(operations) & moves) !== 0)
    .reduce((mask, { id }) => mask | (1n << BigInt(id)), 0n);
}

function writeAutomaton(
  writer: ImageWriter,
  dfa: Dfa,
  words: readonly StateWords[],
  below: Uint32Array | null,
): { readonly at: number; readonly combs: number; readonly length: number } {
  const comb = packComb(dfa);
  const belowAt = Array.from({ length: below === null ? 0 : dfa.states }, (_, state) => {
    const gates = [...(below as Uint32Array).subarray(state * 2, state * 2 + 2)];
    return gates.every((word) => word === 0) ? 0 : writer.shared(gates);
  });
  keepInOneChunk(writer, dfa.states * stateAt.size + comb.check.length * combAt.size);
  const before = writer.length;
  // Aligned to its 8 words: the header record must not straddle a chunk either.
  const at = writer.reserve(automatonAt.size, automatonAt.size);
  const classesAt = writer.append(packedBytes(dfa.classes.classOf), classWords);
  const statesAt = writer.reserve(dfa.states * stateAt.size, stateAt.size);
  for (let state = 0; state < dfa.states; state++) {
    const { accept, extra } = words[dfa.outcome[state] as number] as StateWords;
    const more = belowAt[state] ?? extra;
    const record = [comb.base[state] as number, dfa.otherwise[state] as number, accept, more];
    writer.setAll(statesAt + state * stateAt.size, record);
  }
  const combs = comb.check.length;
  const combStart = writer.reserve(combs * combAt.size, combAt.size);
  for (let i = 0; i < combs; i++) {
    writer.set(combStart + i * combAt.size + combAt.check, comb.check[i] as number);
    writer.set(combStart + i * combAt.size + combAt.next, comb.next[i] as number);
  }
  const start = dfa.starts[0] as number;
  writer.setAll(at, [
    classesAt,
    statesAt,
    combStart,
    start,
    dfa.states,
    combs,
    dfa.classes.count,
    writer.length,
  ]);
  return { at, combs, length: writer.length - before };
}

/**
 * An automaton inside one chunk of the table is walked without looking chunks up, so one that fits
 * begins in the next chunk rather than straddling two. Images are loaded at chunk boundaries.
 */
function keepInOneChunk(writer: ImageWriter, tableWords: number): void {
  const padding = 128;
  const needed = automatonAt.size + classWords + tableWords + padding;
  const used = writer.length % TABLE_CHUNK_WORDS;
  if (needed <= TABLE_CHUNK_WORDS && used + needed > TABLE_CHUNK_WORDS)
    writer.reserve(0, TABLE_CHUNK_WORDS);
}

/** Four bytes a word, the first in the low bits. */
function packedBytes(bytes: Uint8Array): number[] {
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    const [a, b, c, d] = bytes.subarray(i, i + 4);
    words.push(((a ?? 0) | ((b ?? 0) << 8) | ((c ?? 0) << 16) | ((d ?? 0) << 24)) >>> 0);
  }
  return words;
}

function clausesOf(group: Group<Payload>): number[] {
  const ids = group.accepted.flatMap((payloads) =>
    payloads.flatMap(({ entries }) =>
      entries.filter(({ kind }) => kind === "clause").map(({ id }) => id),
    ),
  );
  return [...new Set(ids)].sort((a, b) => a - b);
}
