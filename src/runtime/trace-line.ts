// A line of a trace: what `actplane run --events` writes, or the same by hand with less in it.
//
//   {"type": "fork", "pid": 2, "parent": 1}
//   {"type": "exec", "pid": 2, "target": "/usr/bin/git", "argv": ["git", "push"]}
//   {"pid": 2, "ops": ["open", "read"], "target": "/w/.env"}
//   {"pid": 2, "ops": ["rename", "unlink"], "target": "/w/a", "to": "/w/b"}    unlink: there was a /w/b
//   {"pid": 2, "ops": ["connect"], "target": "tcp://10.0.0.1:443"}
//   {"type": "exit", "pid": 2, "status": 256}

import { type OperationName, operationBits } from "../ir/abi.ts";
import { UnclearQuestion } from "./asked.ts";

export interface TraceLine {
  /** Without one it is an operation. */
  readonly type: string;
  readonly pid: number;
  readonly parent: number | null;
  readonly ops: readonly OperationName[];
  readonly target: string;
  /** The new name, of a rename or link that is written by hand. */
  readonly to: string | null;
  readonly argv: readonly string[] | null;
  /** Of an exec by hand: the path that was passed to execve, and what a script's first line names. */
  readonly invoked: string | null;
  readonly interpreter: string | null;
  /** Of an exec as the kernel tells it: the script, as it was named, that `target` is the interpreter of. */
  readonly script: string | null;
  /** Of an exec: its caller could put other code in, so that it earned less. */
  readonly steered: "loader" | "interpreter" | null;
  /** As wait(2) gives it. */
  readonly status: number;
  /** Milliseconds; null: no time passes. */
  readonly timeMs: number | null;
  /** It was recorded as refused or killed. */
  readonly wasRefused: boolean;
}

/** Throws UnclearQuestion with the number of the line. */
export function parseTrace(text: string): TraceLine[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const fail = (reason: string): never => {
      throw new UnclearQuestion(`line ${index + 1} of the trace: ${reason}`);
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      return fail(error instanceof Error ? error.message : "no JSON");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return fail("a line is a JSON object");
    return [lineOf(value as Record<string, unknown>, fail)];
  });
}

type Fail = (reason: string) => never;

function lineOf(value: Record<string, unknown>, fail: Fail): TraceLine {
  const text = (key: string): string | null => {
    const given = value[key] ?? null;
    if (given !== null && typeof given !== "string") fail(`\`${key}\` is a string`);
    return given as string | null;
  };
  const number = (key: string): number | null => {
    const given = value[key] ?? null;
    if (given !== null && !Number.isSafeInteger(given)) fail(`\`${key}\` is a whole number`);
    return given as number | null;
  };
  const words = (key: string): string[] | null => {
    const given = value[key] ?? null;
    const isWords = Array.isArray(given) && given.every((word) => typeof word === "string");
    if (given !== null && !isWords) fail(`\`${key}\` is a list of strings`);
    return given as string[] | null;
  };
  const ops = words("ops") ?? [];
  const unknown = ops.find((op) => !(op in operationBits));
  if (unknown !== undefined) fail(`there is no operation \`${unknown}\``);
  const time = text("time");
  const timeMs = time === null ? null : Date.parse(time);
  if (Number.isNaN(timeMs)) fail("`time` is no time");
  const outcome = text("outcome");
  const steered = text("steered");
  if (steered !== null && steered !== "loader" && steered !== "interpreter")
    fail("`steered` is `loader` or `interpreter`");
  return {
    type: text("type") ?? "match",
    pid: number("pid") ?? fail("`pid` is missing"),
    parent: number("parent"),
    ops: ops as OperationName[],
    target: text("target") ?? "",
    to: text("to"),
    argv: words("argv"),
    invoked: text("invoked"),
    interpreter: text("interpreter"),
    script: text("script"),
    steered: steered as TraceLine["steered"],
    status: number("status") ?? 0,
    timeMs,
    wasRefused: outcome !== null && outcome !== "observed",
  };
}
