// One operation judged by the words of an image, as the kernel half judges it: walk the names, see
// the labels, check the clauses. It changes nothing; what an operation that goes ahead changes is
// simulation.ts. It knows the policy by numbers alone: what they are called is for the caller to say.

import { entryKinds, header, LABEL_WORDS, type OperationName, operationBits } from "./abi.ts";
import type { Entry, Image } from "./reader.ts";
import { type ExecEvent, execSteps, fileTouches, type Peer, type TraceEvent } from "./trace.ts";

/** What an operation is judged against. */
export interface Standing {
  /** Of the process, before the operation: those it has, those that its program declassifies, and of these the ones it would have. */
  readonly labels: Uint32Array;
  readonly cleans: Uint32Array;
  readonly held: Uint32Array;
  readonly isOpen: (gate: number) => boolean;
  /** What was written into the object; undefined: nothing. */
  readonly labelsOf: (object: number) => Uint32Array | undefined;
}

/** An entry that a name of the operation leads to and whose operations and arguments fit. */
export interface Hit {
  readonly entry: Entry;
  /** The operation that the entry was reached by moves the name and reads nothing. */
  readonly moves: boolean;
  /** A `target` exception of an exec clause holds for the resolved program. */
  readonly excepted: boolean;
}

/** An entry of a clause that is about the operation, and all that keeps it from matching. */
export interface Considered {
  readonly entry: Entry;
  readonly matches: boolean;
  /** Labels that it asks for and the process lacks; that it must not have and has. */
  readonly missing: Uint32Array;
  readonly present: Uint32Array;
  /** Gates that are open and let the operation pass; gates that are shut and without which the clause is not about it. */
  readonly passedBy: readonly number[];
  readonly waitsFor: readonly number[];
  readonly excepted: boolean;
}

export interface Judgement {
  /** Strongest effect: 0 none, 1 notify, 2 block, 3 kill. */
  readonly effect: number;
  /** Everything that is about the operation and changes state. */
  readonly changes: readonly Hit[];
  readonly considered: readonly Considered[];
  /** Of the process, with what the operation would give it. */
  readonly seen: Uint32Array;
  readonly cleans: Uint32Array;
  readonly held: Uint32Array;
}

export function judge(image: Image, event: TraceEvent, standing: Standing): Judgement {
  const hits = hitsOf(image, event);
  const changes = hits.filter(
    ({ entry, excepted }) => entry.kind !== entryKinds.clause && !excepted,
  );
  const cleans = event.type === "exec" ? cleanedBy(changes) : standing.cleans.slice();
  const all = seenBy(event, changes, standing);
  const seen = all.map((word, i) => word & ~(cleans[i] ?? 0));
  const held = all.map((word, i) => word & (cleans[i] ?? 0));
  const considered = hits
    .filter(({ entry }) => entry.kind === entryKinds.clause)
    .map((hit) => consider(image, hit, seen, standing));
  const effects = considered.filter(({ matches }) => matches).map(({ entry }) => entry.effect);
  return { effect: Math.max(0, ...effects), changes, considered, seen, cleans, held };
}

/** Whether an operation with that effect goes ahead. */
export function goesAhead({ effect }: Pick<Judgement, "effect">): boolean {
  return effect < 2;
}

// ---- 1. names to entries ----

const moving = bitsOf(["rename", "link"]);

function hitsOf(image: Image, event: TraceEvent): Hit[] {
  const hits: Hit[] = [];
  for (const touch of fileTouches(event)) {
    hits.push(...fileHits(image, touch.path, bitsOf(touch.operations)));
  }
  if (event.type === "exec") hits.push(...execHits(image, event));
  if (event.type === "signal" || event.type === "ptrace") {
    hits.push(...programHits(image, event.program.path, null, operationBits[event.type]));
  }
  if ("peer" in event)
    hits.push(...peerHits(image, event.peer, bitsOf(peerOperations(event.type))));
  const key = ({ entry, moves, excepted }: Hit) => `${entry.number} ${moves} ${excepted}`;
  return [...new Map(hits.map((hit) => [key(hit), hit])).values()];
}

function fileHits(image: Image, path: string, operations: number): Hit[] {
  // A moved object keeps the labels that reading it under its old name would give, and running a
  // program reads it.
  const moves = (operations & moving) !== 0 && (operations & operationBits.create) === 0;
  const reads = moves || (operations & operationBits.exec) !== 0;
  const labelled = reads ? operations | operationBits.read : operations;
  if ((image.word(header.pathOps) & labelled) === 0) return [];
  return image.accepted("path", utf8(path)).flatMap((number): Hit[] => {
    const entry = image.entry(number);
    const isLabel = entry.kind === entryKinds.label;
    if ((entry.operations & (isLabel ? labelled : operations)) === 0) return [];
    return [{ entry, moves: isLabel && moves, excepted: false }];
  });
}

/** Every file of the exec by every name: arguments are judged by the name that led to the entry. */
function execHits(image: Image, event: ExecEvent): Hit[] {
  return execSteps(event).flatMap((step) => {
    const own = fileHits(image, step.file.path, operationBits.exec);
    const named = step.names.flatMap((name) =>
      programHits(image, step.file.path, { name, argv: step.argv }, operationBits.exec).filter(
        ({ entry }) => isEarned(entry.kind, event.steered, name === step.file.path),
      ),
    );
    return own.concat(named);
  });
}

/** Whether an exec gets what an entry lets pass; what restricts it always gets. */
function isEarned(kind: number, steered: ExecEvent["steered"], byFile: boolean): boolean {
  if (kind === entryKinds.open || kind === entryKinds.lineage) return steered !== "loader";
  if (kind === entryKinds.endorse || kind === entryKinds.declassify)
    return byFile && steered === null;
  return true;
}

/** `call` is null for a program that runs: it goes by its file, and its arguments play no part. */
function programHits(
  image: Image,
  file: string,
  call: { readonly name: string; readonly argv: readonly string[] } | null,
  operation: number,
): Hit[] {
  if ((image.word(header.execOps) & operation) === 0) return [];
  const resolved = new Set(image.program(utf8(file)).atoms);
  const program = image.program(utf8(call?.name ?? file));
  const argv = utf8((call?.argv ?? []).map((argument) => `${argument}\0`).join(""));
  const given = image.argumentAtoms(program.argsStart, argv);
  return program.entries
    .map((number) => image.entry(number))
    .filter((entry) => (entry.operations & operation) !== 0)
    .filter((entry) => entry.args.every((atom) => given.has(atom)))
    .map((entry) => ({
      entry,
      moves: false,
      excepted:
        entry.except.some((atom) => resolved.has(atom)) ||
        entry.exceptNot.some((atom) => !resolved.has(atom)),
    }));
}

function peerHits(image: Image, peer: Peer, operations: number): Hit[] {
  if (peer.kind === "unix") return [];
  if (peer.kind === "inet" && (image.word(header.endpointOps) & operations) === 0) return [];
  const numbers =
    peer.kind === "inet"
      ? image.accepted("endpoint", inetBytes(peer))
      : image.accepted("unix", utf8(peer.name));
  return numbers
    .map((number) => image.entry(number))
    .filter((entry) => (entry.operations & operations) !== 0)
    .map((entry) => ({ entry, moves: false, excepted: false }));
}

/** sendmsg(2) with an address is a connect of its own; the trace tells it as such. */
function peerOperations(type: TraceEvent["type"]): readonly OperationName[] {
  return type === "connect" || type === "bind" || type === "send" || type === "recv" ? [type] : [];
}

// ---- 2. labels ----

function seenBy(event: TraceEvent, changes: readonly Hit[], standing: Standing): Uint32Array {
  const seen = standing.labels.map((word, i) => word | (standing.held[i] ?? 0));
  if (event.type === "open" && event.read) addLabels(seen, standing.labelsOf(event.file.object));
  if (event.type === "exec") {
    for (const step of execSteps(event)) addLabels(seen, standing.labelsOf(step.file.object));
  }
  for (const { entry, moves } of changes)
    if (giving.includes(entry.kind) && !moves) addLabels(seen, entry.all);
  return seen;
}

/** Entries that give labels. */
const giving: readonly number[] = [entryKinds.label, entryKinds.lineage, entryKinds.endorse];

/** What the program of an exec declassifies. */
function cleanedBy(changes: readonly Hit[]): Uint32Array {
  const cleans = noLabels();
  for (const { entry } of changes)
    if (entry.kind === entryKinds.declassify) addLabels(cleans, entry.all);
  return cleans;
}

// ---- 3. clauses ----

function consider(image: Image, hit: Hit, seen: Uint32Array, standing: Standing): Considered {
  const { entry, excepted } = hit;
  const missing = entry.all.map((word, i) => word & ~(seen[i] ?? 0));
  const present = entry.none.map((word, i) => word & (seen[i] ?? 0));
  const gates = image.gates.map((_, gate) => gate);
  const isIn = ([low, high]: readonly [number, number], gate: number) =>
    (((gate < 32 ? low : high) >>> (gate & 31)) & 1) === 1;
  const passedBy = gates.filter((gate) => isIn(entry.gates, gate) && standing.isOpen(gate));
  const waitsFor = gates.filter((gate) => isIn(entry.needs, gate) && !standing.isOpen(gate));
  const isHeld = passedBy.length === 0 && waitsFor.length === 0;
  const matches = !excepted && isEmpty(missing) && isEmpty(present) && isHeld;
  return { entry, matches, missing, present, passedBy, waitsFor, excepted };
}

// ---- masks and bytes ----

export function noLabels(): Uint32Array {
  return new Uint32Array(LABEL_WORDS);
}

export function addLabels(mask: Uint32Array, more: Uint32Array | undefined): void {
  more?.forEach((word, i) => {
    mask[i] = (mask[i] ?? 0) | word;
  });
}

/** The numbers of the bits that are set. */
export function labelBits(mask: Uint32Array): number[] {
  return Array.from({ length: mask.length * 32 }, (_, bit) => bit).filter(
    (bit) => (((mask[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1,
  );
}

function isEmpty(mask: Uint32Array): boolean {
  return mask.every((word) => word === 0);
}

const encoder = new TextEncoder();

function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

function bitsOf(operations: readonly OperationName[]): number {
  return operations.reduce((mask, operation) => mask | operationBits[operation], 0);
}

function inetBytes(peer: Peer & { kind: "inet" }): Uint8Array {
  const protocol = peer.protocol === "tcp" ? 6 : 17;
  return Uint8Array.from([protocol, ...peer.address, peer.port >> 8, peer.port & 0xff]);
}
