// What the kernel told, decoded, made a trace again: both sides then say what they would have done,
// and each difference to what the kernel did is a line.
//
// The kernel tells state changes and matches only. To see every operation, a policy under test ends
// with `watchEverything`; its rule's matches are then in every answer, of the kernel's too.

import { operationBits } from "../../src/ir/abi.ts";
import { type Answer, Duel, printAnswer, type Roots, type Subject } from "./agreement.ts";
import { type Command, printCommand, World } from "./script.ts";
import type { Verdict } from "./semantics.ts";

export const watchEverything = `
rule watch-everything:
  notify exec any
  notify open any
  notify write any
  notify metadata any
  notify connect any`;

/** An event of the ring, decoded from `struct event`: names instead of bits where there are names. */
export interface Recorded {
  readonly type: "fork" | "exec" | "exit" | "match" | "other";
  readonly timeNs: number;
  readonly tgid: number;
  readonly parent: number;
  /** `operation` bits; of a match. */
  readonly operations: number;
  /** Exit code as wait(2) gives it; of an exit. */
  readonly status: number;
  /** Program or touched path; of a connect `tcp 10.0.0.1 443`. */
  readonly target: string;
  /** New name of a rename or link. */
  readonly second: string;
  /** Of an exec: the path as passed, and of a script its interpreter. */
  readonly invoked?: string;
  readonly interpreter?: string;
  readonly argv: readonly string[];
  /** Names of the process's labels, with what this event would add. */
  readonly labels: readonly string[];
  /** Clause ids. */
  readonly clauses: readonly number[];
  readonly effect: Verdict;
}

export interface Difference {
  readonly index: number;
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
  const tgids = new Tgids(root);
  const differences: Difference[] = [];
  let lastNs = recorded[0]?.timeNs ?? 0;
  for (const [index, record] of merged(recorded).entries()) {
    const command = commandOf(record, tgids);
    if (command === null) continue;
    duel.step({ type: "wait", ms: (record.timeNs - lastNs) / 1e6 });
    lastNs = record.timeNs;
    const event = world.event(command);
    if (event.type === "fork" && !world.isPossible(event)) continue;
    const pair = duel.step(event);
    const kernel = answerOf(record, subject);
    const verdict = pair?.model.verdict ?? "none";
    if (verdict === "kill" && event.type !== "wait") world.killed(event.process);
    if (verdict === "allow" || verdict === "notify") world.happened(event);
    const [model, simulation] = [pair?.model, pair?.simulation].map((answer) =>
      comparable(answer, record),
    );
    if (model === kernel && simulation === kernel) continue;
    const command_ = printCommand(command);
    differences.push({
      index,
      command: command_,
      kernel,
      model: model ?? "",
      simulation: simulation ?? "",
    });
  }
  return differences;
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

/** An exec that matched is told twice, as a match and as what happened: one event. */
function merged(recorded: readonly Recorded[]): readonly Recorded[] {
  return recorded.flatMap((record, i) => {
    const before = recorded.slice(0, i).findLast((other) => other.tgid === record.tgid);
    const isTold =
      record.type === "exec" &&
      before?.type === "match" &&
      isExec(before) &&
      before.target === record.target;
    return isTold ? [] : [record];
  });
}

function isExec(record: Recorded): boolean {
  return (record.operations & operationBits.exec) !== 0;
}

function commandOf(record: Recorded, tgids: Tgids): Command | null {
  if (record.type === "fork") {
    const parent = tgids.of(record.parent);
    return [`${parent}`, "fork", `${tgids.forked(record.tgid)}`];
  }
  const by = `${tgids.of(record.tgid)}`;
  if (record.type === "exit") return [by, "exit", ...exitWords(record.status)];
  if (record.type === "exec" || (record.type === "match" && isExec(record))) {
    return [by, "exec", programWord(record), ...record.argv.slice(1)];
  }
  return record.type === "match" ? [by, ...operationWords(record)] : null;
}

function exitWords(status: number): readonly string[] {
  const signal = status & 0x7f;
  return signal === 0 ? [`${(status >> 8) & 0xff}`] : ["signal", `${signal}`];
}

function programWord(record: Recorded): string {
  const names = record.invoked === undefined ? record.target : `${record.invoked}=${record.target}`;
  return record.interpreter === undefined ? names : `${names}!${record.interpreter}`;
}

function operationWords(record: Recorded): readonly string[] {
  const did = (name: keyof typeof operationBits) => (record.operations & operationBits[name]) !== 0;
  if (did("open")) {
    const mode = [
      did("read") && "r",
      did("write") && "w",
      did("create") && "c",
      did("truncate") && "t",
    ];
    return ["open", mode.filter((letter) => letter !== false).join(""), record.target];
  }
  if (did("rename")) return ["rename", record.target, record.second];
  if (did("link")) return ["link", record.target, record.second];
  for (const name of ["unlink", "truncate", "metadata"] as const)
    if (did(name)) return [name, record.target];
  if (did("create")) return ["make", record.target];
  for (const name of ["connect", "send", "recv"] as const)
    if (did(name)) return [name, ...record.target.split(" ")];
  throw new Error(`operations ${record.operations} are not known`);
}

/** What a record can tell: no gates, and labels as seen by the check, even of what was refused. */
function answerOf(record: Recorded, subject: Subject): string {
  const clauses = record.clauses.map((id) => {
    const clause = subject.compiled.clauses[id];
    return clause
      ? `${clause.rule.name.text}:${clause.rule.clauses.indexOf(clause.clause)}`
      : `clause ${id}`;
  });
  const labels = isRefused(record.effect) ? [] : [...record.labels].sort();
  return printAnswer({ verdict: record.effect, clauses: clauses.sort(), labels, gates: [] });
}

function comparable(answer: Answer | undefined, record: Recorded): string {
  if (answer === undefined) return "the process is dead";
  return printAnswer({
    ...answer,
    gates: [],
    labels: isRefused(record.effect) ? [] : answer.labels,
  });
}

function isRefused(verdict: Verdict): boolean {
  return verdict === "block" || verdict === "kill";
}
