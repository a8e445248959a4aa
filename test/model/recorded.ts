// What the kernel told, made a trace again: both sides then say what they would have done, and each
// difference to what the kernel did is one value.
//
//   kernel.onEvent = (event) => recorded.push(recordedFrom(event));
//   expect(compareRecorded(prepare(text + watchEverything, roots), roots, recorded, root)).toEqual([]);
//
// The kernel tells state changes and matches only. A policy under test ends with `watchEverything`, so
// that every operation is a match; its rule is then in every answer. Left out: operations of a tier that
// only observes what the policy blocks, the path a program was invoked by, files that had more than one
// name before the record begins.

import { basename } from "node:path";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import type { KernelEvent } from "../../src/kernel/kernel.ts";
import { type Answer, Duel, printAnswer, type Roots, type Subject } from "./agreement.ts";
import { type Command, printCommand, World } from "./script.ts";
import type { Verdict } from "./semantics.ts";

export const watchEverything = `
rule watch-everything:
  notify exec any
  notify open any
  notify write any
  notify metadata any
  notify connect any
`;

/** A kernel event as JSON can hold it. */
export interface Recorded {
  readonly type: KernelEvent["type"];
  readonly timeMs: number;
  readonly tgid: number;
  readonly parent: number;
  readonly operations: readonly OperationName[];
  readonly verdict: Verdict;
  /** Clause ids. */
  readonly clauses: readonly number[];
  /** Label bits that the rules saw. */
  readonly labels: readonly number[];
  /** As wait(2) gives it, of an exit. */
  readonly status: number;
  /** A path, or `tcp 10.0.0.1 443`. */
  readonly target: string;
  readonly argv: readonly string[];
}

export function recordedFrom(event: KernelEvent): Recorded {
  const names = Object.keys(operationBits) as OperationName[];
  const operations = names.filter((name) => (event.ops & operationBits[name]) !== 0);
  const isPeer = operations.some((name) => peerOperations.includes(name));
  return {
    type: event.type,
    timeMs: Number(event.timeNs) / 1e6,
    tgid: event.tgid,
    parent: event.parent,
    operations,
    verdict: event.effect === "none" ? "allow" : event.effect,
    clauses: event.clauses,
    labels: event.labels,
    status: event.status,
    target: isPeer ? peerText(event.first) : textOf(event.first),
    argv: textOf(event.second).split("\0").slice(0, event.words),
  };
}

const peerOperations: readonly OperationName[] = ["connect", "bind", "send", "recv"];

export interface Difference {
  readonly command: string;
  readonly kernel: string;
  readonly model: string;
  readonly simulation: string;
}

/** `root` is the first governed process: 1 in the trace. */
export function compareRecorded(
  subject: Subject,
  roots: Roots,
  recorded: readonly Recorded[],
  root: number,
): Difference[] {
  const duel = new Duel(subject, roots);
  const world = new World();
  const differences: Difference[] = [];
  let nowMs = recorded[0]?.timeMs ?? 0;
  for (const { command, records: group } of operationsOf(recorded, root)) {
    const first = group[0] as Recorded;
    duel.step({ type: "wait", ms: Math.max(0, first.timeMs - nowMs) });
    nowMs = Math.max(nowMs, first.timeMs);
    const event = world.event(command);
    const pair = duel.step(event);
    const kernel = kernelAnswer(group, subject);
    if (kernel.verdict === "kill" && event.type !== "wait") world.killed(event.process);
    if (!isRefused(kernel.verdict)) world.happened(event);
    const said = [kernel, pair?.model, pair?.simulation].map((answer) =>
      printed(answer, event.type),
    );
    const [ofKernel = "", model = "", simulation = ""] = said;
    if (model === ofKernel && simulation === ofKernel) continue;
    differences.push({ command: printCommand(command), kernel: ofKernel, model, simulation });
  }
  return differences;
}

export interface Operation {
  readonly command: Command;
  /** What was told of it, in order; never empty. */
  readonly records: readonly Recorded[];
}

/** What was told, as the commands of a trace. */
export function* operationsOf(recorded: readonly Recorded[], root: number): Generator<Operation> {
  const tgids = new Tgids(root);
  for (const records of grouped(recorded)) {
    const command = records[0] === undefined ? null : commandOf(records[0], records, tgids);
    if (command !== null) yield { command, records };
  }
}

/** Thread group ids are used again; a trace numbers its processes anew. */
class Tgids {
  readonly #numbers = new Map<number, number>();
  #made = 1;

  constructor(root: number) {
    this.#numbers.set(root, 1);
  }

  of(tgid: number): number {
    return this.#numbers.get(tgid) ?? this.forked(tgid);
  }

  forked(tgid: number): number {
    this.#numbers.set(tgid, ++this.#made);
    return this.#made;
  }
}

// ---- records that are one operation ----

const told: readonly Recorded["type"][] = ["fork", "exec", "exit", "match"];

/** A script and its interpreter are judged in turn and then done; the two names of a rename are judged in turn. */
function grouped(recorded: readonly Recorded[]): readonly (readonly Recorded[])[] {
  const groups: Recorded[][] = [];
  const open = new Map<number, Recorded[]>();
  for (const record of recorded.filter((each) => told.includes(each.type) && !isTerminal(each))) {
    const group = open.get(record.tgid);
    if (group !== undefined && continues(group, record)) {
      group.push(record);
      continue;
    }
    const fresh = [record];
    groups.push(fresh);
    open.set(record.tgid, fresh);
  }
  return groups;
}

/** Labels go by the two sides of a terminal, of which the models know only the name. */
function isTerminal({ target }: Recorded): boolean {
  return target === "/dev/tty";
}

function continues(group: readonly Recorded[], record: Recorded): boolean {
  const last = group.at(-1);
  if (last?.type !== "match" || isRefused(last.verdict)) return false;
  if (did(last, "exec"))
    return record.type === "exec" || (record.type === "match" && did(record, "exec"));
  return (
    isFirstName(last) &&
    record.type === "match" &&
    did(record, "create") &&
    movesAlike(last, record)
  );
}

function isFirstName(record: Recorded): boolean {
  return (did(record, "rename") || did(record, "link")) && !did(record, "create");
}

function movesAlike(a: Recorded, b: Recorded): boolean {
  return did(a, "rename") === did(b, "rename") && did(a, "link") === did(b, "link");
}

function did(record: Recorded, operation: OperationName): boolean {
  return record.operations.includes(operation);
}

// ---- an operation as a command ----

/** Null: nothing that a trace has, or an exec that failed on its own. */
function commandOf(first: Recorded, group: readonly Recorded[], tgids: Tgids): Command | null {
  if (first.type === "fork") {
    const parent = tgids.of(first.parent);
    return [`${parent}`, "fork", `${tgids.forked(first.tgid)}`];
  }
  const by = `${tgids.of(first.tgid)}`;
  if (first.type === "exit") return [by, "exit", ...exitWords(first.status)];
  if (first.type === "exec" || did(first, "exec")) {
    const last = group.at(-1) ?? first;
    if (last.type !== "exec" && !isRefused(last.verdict)) return null;
    const program = last.target === first.target ? first.target : `${first.target}!${last.target}`;
    const [called = first.target, ...given] = first.argv;
    return basename(called) === basename(first.target)
      ? [by, "exec", program, ...given]
      : [by, "exec-as", called, program, ...given];
  }
  return [by, ...operationWords(first, group[1])];
}

function exitWords(status: number): Command {
  const signal = status & 0x7f;
  return signal === 0 ? [`${(status >> 8) & 0xff}`] : ["signal", `${signal}`];
}

function operationWords(first: Recorded, second: Recorded | undefined): Command {
  const peer = peerOperations.find((name) => did(first, name));
  if (peer !== undefined) return [peer, ...first.target.split(" ")];
  if (did(first, "open")) return ["open", openLetters(first), first.target];
  if (second !== undefined)
    return [did(first, "rename") ? "rename" : "link", first.target, second.target];
  const [only] = first.operations;
  if (only === "create") return ["make", first.target];
  if (only === "unlink" || only === "truncate" || only === "metadata") return [only, first.target];
  return ["touch", first.operations.join(","), first.target];
}

function openLetters(record: Recorded): string {
  const letters = { read: "r", write: "w", create: "c", truncate: "t" } as const;
  return record.operations
    .map((name) => (name in letters ? letters[name as keyof typeof letters] : ""))
    .join("");
}

// ---- answers ----

function kernelAnswer(group: readonly Recorded[], subject: Subject): Answer {
  const ids = new Set(group.flatMap(({ clauses }) => clauses));
  const verdicts: readonly Verdict[] = ["allow", "notify", "block", "kill"];
  const strongest = Math.max(...group.map(({ verdict }) => verdicts.indexOf(verdict)));
  const labels = group.at(-1)?.labels ?? [];
  return {
    verdict: verdicts[strongest] ?? "allow",
    clauses: [...ids].map((id) => clauseName(subject, id)).sort(),
    labels: subject.compiled.labels
      .filter(({ bit, hidden }) => !hidden && labels.includes(bit))
      .map(({ name }) => name)
      .sort(),
    gates: [],
  };
}

function clauseName(subject: Subject, id: number): string {
  const own = subject.compiled.clauses[id];
  return own ? `${own.rule.name.text}:${own.rule.clauses.indexOf(own.clause)}` : `clause ${id}`;
}

/** What a record can be held against: no gates, and no labels of what was refused or is over. */
function printed(answer: Answer | undefined, type: string): string {
  if (answer === undefined) return "the process is dead";
  const labelsCount = !isRefused(answer.verdict) && type !== "exit";
  return printAnswer({ ...answer, labels: labelsCount ? answer.labels : [], gates: [] });
}

function isRefused(verdict: Verdict): boolean {
  return verdict === "block" || verdict === "kill";
}

// ---- bytes ----

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Protocol, 16 bytes of address, port. */
function peerText(bytes: Uint8Array): string {
  const address = bytes.slice(1, 17);
  const isMapped =
    address.slice(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff &&
    address[11] === 0xff;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((address[i * 2] ?? 0) << 8) | (address[i * 2 + 1] ?? 0)).toString(16),
  );
  const port = ((bytes[17] ?? 0) << 8) | (bytes[18] ?? 0);
  return `${bytes[0] === 17 ? "udp" : "tcp"} ${isMapped ? address.slice(12).join(".") : groups.join(":")} ${port}`;
}
