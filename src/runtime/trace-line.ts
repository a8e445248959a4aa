// A line of a trace: what `actplane run --events` writes, or the same by hand with less in it.
//
//   {"type": "fork", "pid": 2, "parent": 1}
//   {"type": "exec", "pid": 2, "target": "/usr/bin/git", "argv": ["git", "push"]}
//   {"pid": 2, "ops": ["open", "read"], "target": "/w/.env"}
//   {"pid": 2, "ops": ["rename", "unlink"], "target": "/w/a", "to": "/w/b"}    unlink: there was a /w/b
//   {"pid": 2, "ops": ["connect"], "target": "tcp://10.0.0.1:443"}
//   {"type": "exit", "pid": 2, "status": 256}

import { faultOf, jsonObject, oneOf, time, type, whole } from "../base/shape.ts";
import type { OperationName } from "../ir/abi.ts";
import { UnclearQuestion } from "./asked.ts";
import { operation } from "./words-shape.ts";

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

/** `null` says as much as a key that is not there. */
const lineShape = jsonObject.to({
  "type?": "string",
  pid: whole,
  "parent?": whole,
  "ops?": operation.array(),
  "target?": "string",
  "to?": "string",
  "argv?": "string[]",
  "invoked?": "string",
  "interpreter?": "string",
  "script?": "string",
  "steered?": oneOf(["loader", "interpreter"], "`loader` or `interpreter`"),
  "status?": whole,
  "time?": time,
  "outcome?": "string",
});

/** Throws UnclearQuestion with the number of the line. */
export function parseTrace(text: string): TraceLine[] {
  return text.split("\n").flatMap((line, index, all) => {
    if (line.trim() === "") return [];
    const fail = (reason: string): never => {
      throw new UnclearQuestion(`line ${index + 1} of the trace: ${reason}`);
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      // What `run --events` writes ends every line; on a full disk the last one is not whole.
      if (index > 0 && index === all.length - 1) return fail("it is cut off; leave it out");
      return fail(error instanceof Error ? error.message : "no JSON");
    }
    const given = lineShape(withoutNulls(value));
    return given instanceof type.errors ? fail(faultOf(given)) : [lineOf(given)];
  });
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

function lineOf({ outcome, time: iso, ...given }: typeof lineShape.infer): TraceLine {
  return {
    type: "match",
    parent: null,
    ops: [],
    target: "",
    to: null,
    argv: null,
    invoked: null,
    interpreter: null,
    script: null,
    steered: null,
    status: 0,
    ...given,
    timeMs: iso === undefined ? null : Date.parse(iso),
    wasRefused: outcome !== undefined && outcome !== "observed",
  };
}
