// A trace judged by a policy, operation after operation, with everything that goes ahead changing
// labels and gates for what follows: what this policy would have done about what happened.
//
//   simulate({ compiled, source, tier }, parseTrace(text))
//
// A process that the trace does not fork has no labels. What the policy refuses does not happen, and a
// process that it kills does nothing more, whatever the trace goes on to say.

import { effectNumbers } from "../ir/abi.ts";
import { gateOf } from "../ir/find.ts";
import type { Compiled } from "../ir/ir.ts";
import { Simulation } from "../ir/simulation.ts";
import type { FileRef, TraceEvent } from "../ir/trace.ts";
import { verdictOf } from "../kernel/verdicts.ts";
import { eventOf, UnclearQuestion } from "./asked.ts";
import type { TraceLine } from "./trace-line.ts";
import { type AskedPolicy, clauseAnswers, gateName, namesOf, type WhyAnswer } from "./why.ts";

export interface SimulatedStep extends Pick<WhyAnswer, "effect" | "verdict" | "matched"> {
  /** From 1: the operation of the trace. */
  readonly seq: number;
  readonly pid: number;
  /** The operation as one line. */
  readonly operation: string;
  /** False: the policy had killed the process before. */
  readonly happens: boolean;
  /** Of the process, afterwards. */
  readonly labels: readonly string[];
  /** Gates that are open afterwards. */
  readonly open: readonly string[];
}

/** Forks and exits are no steps, but change what follows. */
export function simulate(policy: AskedPolicy, lines: readonly TraceLine[]): SimulatedStep[] {
  const { compiled } = policy;
  const simulation = new Simulation(compiled.image);
  const files = new Files();
  const dead = new Set<number>();
  const steps: SimulatedStep[] = [];
  let nowMs: number | null = null;
  for (const { line, event } of eventsOf(lines, files)) {
    if (line.timeMs !== null) {
      const ms: number = Math.max(0, line.timeMs - (nowMs ?? line.timeMs));
      simulation.step({ type: "wait", ms });
      nowMs = Math.max(nowMs ?? line.timeMs, line.timeMs);
    }
    if (event.type === "fork") dead.delete(event.child);
    const isDead = "process" in event && dead.has(event.process);
    if ("process" in event && !isDead) simulation.admit(event.process);
    const judgement = isDead ? null : simulation.judge(event);
    const decision = isDead ? null : simulation.step(event);
    if (decision !== null && decision.effect < effectNumbers.block) files.happened(event);
    if (decision?.effect === effectNumbers.kill) dead.add(line.pid);
    if (event.type === "fork" || event.type === "exit") continue;
    const matched = clauseAnswers(judgement?.considered ?? [], policy).filter(
      ({ matches }) => matches,
    );
    const strongest = matched[0]?.compiled ?? null;
    steps.push({
      seq: steps.length + 1,
      pid: line.pid,
      operation: lineText(line),
      happens: !isDead,
      effect: strongest?.clause.effect ?? "none",
      verdict:
        strongest === null || policy.tier === null ? null : verdictOf(strongest, policy.tier),
      matched: matched.map(({ answer }) => answer),
      labels: decision === null ? [] : namesOf(decision.labels, compiled),
      open: openGates(decision?.gates ?? [], compiled),
    });
  }
  return steps;
}

function openGates(ids: readonly number[], compiled: Compiled): string[] {
  return ids.filter((id) => gateOf(compiled, id) !== undefined).map((id) => gateName(id, compiled));
}

function lineText({ type, ops, target, to, argv }: TraceLine): string {
  const op = type === "exec" ? "exec" : (to === null ? ops : ops.slice(0, 1)).join(",");
  return [op, target, ...(argv?.slice(1) ?? []), ...(to === null ? [] : ["to", to])].join(" ");
}

// ---- lines to events ----

interface Done {
  readonly line: TraceLine;
  readonly event: TraceEvent;
}

/**
 * An exec that matched and went ahead is told as a match (of a script, one for it and one for its
 * interpreter) and then as done: one event. So are the two names of a rename.
 */
function* eventsOf(lines: readonly TraceLine[], files: Files): Generator<Done> {
  const begun = new Map<number, TraceLine>();
  const renaming = new Map<number, TraceLine>();
  const told = new Map<number, string>();
  for (const line of lines) {
    if (line.type === "exec") {
      const first = begun.get(line.pid) ?? line;
      begun.delete(line.pid);
      yield { line: { ...first, type: "exec" }, event: execOf(first, line, files) };
      continue;
    }
    if (line.type === "fork") {
      if (line.parent === null) throw new UnclearQuestion("a fork has a `parent`");
      yield { line, event: { type: "fork", process: line.parent, child: line.pid } };
    }
    if (line.type === "exit") yield { line, event: exitOf(line) };
    if (isEffect(line)) {
      // One operation may be told as what it did to labels, to the object, to gates, and as a match.
      if (told.get(line.pid) !== operationKey(line))
        yield { line, event: operationOf(line, files) };
      told.set(line.pid, operationKey(line));
      continue;
    }
    if (line.type !== "match") continue;
    const isTold = told.get(line.pid) === operationKey(line);
    told.delete(line.pid);
    if (isTold) continue;
    if (line.ops.includes("exec")) {
      const first = begun.get(line.pid) ?? line;
      if (!line.wasRefused) {
        begun.set(line.pid, first);
        continue;
      }
      begun.delete(line.pid);
      yield { line: first, event: execOf(first, line, files) };
      continue;
    }
    if (isFirstName(line)) {
      renaming.set(line.pid, line);
      continue;
    }
    const old = renaming.get(line.pid);
    renaming.delete(line.pid);
    const whole = old !== undefined && isSecondName(line) ? joined(old, line) : line;
    yield { line: whole, event: operationOf(whole, files) };
  }
}

const effects = ["label", "object", "gate-stale", "gate-open"];
const effective = ["open", "read", "write", "create", "truncate", "connect"];

/** Operations that no rule was about are told by what they did; what has no name cannot be judged again. */
function isEffect({ type, ops, target }: TraceLine): boolean {
  return (
    effects.includes(type) &&
    ops.length > 0 &&
    ops.every((op) => effective.includes(op)) &&
    (ops.includes("connect") ? /^(?:tcp|udp):\/\/[0-9[]/.test(target) : target.startsWith("/"))
  );
}

function operationKey({ ops, target }: TraceLine): string {
  return `${ops.join()} ${target}`;
}

/** Of a rename or link that is told by its two names. */
function isFirstName({ ops, to, wasRefused }: TraceLine): boolean {
  return to === null && !wasRefused && isMove(ops) && !ops.includes("create");
}

function isSecondName({ ops }: TraceLine): boolean {
  return isMove(ops) && ops.includes("create");
}

/** `unlink` says that something had the new name. */
function joined(old: TraceLine, { target, ops }: TraceLine): TraceLine {
  const replaces = ops.filter((op) => op === "unlink");
  return { ...old, to: target, ops: [...old.ops, ...replaces] };
}

function isMove(ops: readonly string[]): boolean {
  return ops.includes("rename") || ops.includes("link");
}

function execOf(first: TraceLine, last: TraceLine, files: Files): TraceEvent {
  const program = last.interpreter ?? last.target;
  const whole = {
    type: "exec",
    process: last.pid,
    program: files.at(program),
    script: first.target === program ? null : files.at(first.target),
    invoked: first.invoked ?? first.target,
    argv: first.argv ?? [first.target],
    steered: last.steered,
  } as const;
  return whole.script === null ? { ...whole, ...scriptOf(last, files) } : whole;
}

/** The tracepoint tier tells a script by its interpreter's arguments: that, perhaps an option, the script, its own. */
function scriptOf({ script, argv }: TraceLine, files: Files) {
  const at = script === null ? -1 : (argv ?? []).indexOf(script, 1);
  if (script === null || argv === null || at < 0) return null;
  const [, option] = argv;
  return {
    script: files.at(script),
    invoked: script,
    argv: argv.slice(at),
    ...(at === 2 && option !== undefined ? { option } : {}),
  };
}

function exitOf({ pid, status }: TraceLine): TraceEvent {
  const signal = status & 0x7f;
  const end = signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
  return { type: "exit", process: pid, end };
}

function operationOf(line: TraceLine, files: Files): TraceEvent {
  const { ops, target, pid } = line;
  const did = (op: (typeof ops)[number]) => ops.includes(op);
  const peer = (["connect", "bind", "send", "recv"] as const).find(did);
  if (peer !== undefined) return eventOf({ op: peer, address: target }, pid, files.object);
  if (did("open") || did("read") || did("write")) {
    const [read, write] = [did("read"), did("write")];
    const how = { read, write, create: did("create"), truncate: did("truncate") };
    return { type: "open", process: pid, file: files.at(target), ...how };
  }
  if (isMove(ops) && line.to !== null) {
    const from = files.at(target);
    if (did("link")) return { type: "link", process: pid, from, to: line.to };
    const replaces = did("unlink") ? files.replaced(line.to) : null;
    return { type: "rename", process: pid, from, to: line.to, replaces };
  }
  const [only] = ops;
  if (only === undefined) throw new UnclearQuestion("an operation has `ops`");
  const isKnown = ops.length === 1 && !isMove(ops);
  if (!isKnown) return { type: "touch", process: pid, path: target, operations: ops };
  if (only === "signal" || only === "ptrace")
    return { type: only, process: pid, program: files.at(target) };
  if (only === "unlink")
    return { type: "unlink", process: pid, file: files.at(target), last: files.isLast(target) };
  return eventOf({ op: only as "create", path: target }, pid, files.object);
}

/** Which object a path is. A path never named before is a file that was always there. */
class Files {
  readonly #objects = new Map<string, number>();
  #made = 0;

  readonly object = (path: string): number => {
    const known = this.#objects.get(path);
    if (known !== undefined) return known;
    const object = ++this.#made;
    this.#objects.set(path, object);
    return object;
  };

  at(path: string): FileRef {
    return { path, object: this.object(path) };
  }

  isLast(path: string): boolean {
    const object = this.#objects.get(path);
    return [...this.#objects.values()].filter((other) => other === object).length <= 1;
  }

  replaced(path: string): { readonly object: number; readonly last: boolean } {
    return { object: this.object(path), last: this.isLast(path) };
  }

  /** The event was carried out. */
  happened(event: TraceEvent): void {
    if (event.type === "unlink") this.#objects.delete(event.file.path);
    if (event.type === "rename") this.#objects.delete(event.from.path);
    if (event.type === "rename" || event.type === "link")
      this.#objects.set(event.to, event.from.object);
  }
}
