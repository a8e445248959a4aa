// What `explain` can explain, read from a file: the records of a journal or of `run --json`, or the matches among the
// events of `run --events`. Other lines are passed over.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { faultOf, jsonObject, type } from "../base/shape.ts";
import { eventTypes } from "../kernel/kernel.ts";
import { eventLineIn } from "../runtime/event-line-shape.ts";
import { recordIn } from "../runtime/record-shape.ts";
import { Replay } from "../runtime/replay.ts";
import { explainedRecord, explainedReplay, type Found } from "./explained.ts";

export interface FoundFile {
  readonly found: readonly Found[];
  /** Lines that say they are a record or an event, and are none. */
  readonly faults: readonly Fault[];
  /** Of a journal: what was run. */
  readonly head: { readonly command: readonly string[]; readonly time: string } | null;
  /** Of a journal: the run ended by itself. */
  readonly hasEnded: boolean;
}

export interface Fault {
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

/** More than any journal, and more than anybody reads. */
const bytesMax = 256 * 1024 * 1024;

/** Throws what the file system says, or TooLarge. */
export function readExplained(path: string): FoundFile {
  return explainedIn(textOf(path));
}

export class TooLarge extends Error {}

function textOf(path: string): string {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    if (size > bytesMax) throw new TooLarge(`it has more than ${bytesMax >> 20} MB`);
    const bytes = Buffer.alloc(size);
    let read = 0;
    while (read < size) {
      const more = readSync(fd, bytes, read, size - read, read);
      if (more === 0) break;
      read += more;
    }
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(fd);
  }
}

export function explainedIn(text: string): FoundFile {
  const replay = new Replay();
  const found: Found[] = [];
  const faults: Fault[] = [];
  let head: FoundFile["head"] = null;
  let hasEnded = false;
  for (const [index, line] of text.split("\n").entries()) {
    const value = line.startsWith("{") ? parsed(line) : null;
    if (value === null) continue;
    /** What it says it is has to be so. */
    const take = <T extends object>(given: T | type.errors, use: (given: T) => void) => {
      if (given instanceof type.errors) faults.push({ line: index + 1, what: faultOf(given) });
      else use(given);
    };
    if (value.type === "journal") {
      take(headShape(value), (given) => {
        head = given;
      });
    } else if (value.type === "end") hasEnded = true;
    else if ("rule" in value)
      take(recordIn(value), (record) => found.push(explainedRecord(record)));
    else if ((eventTypes as readonly unknown[]).includes(value.type))
      take(eventLineIn(value), (event) => {
        const replayed = replay.take(event);
        if (replayed !== null) found.push(explainedReplay(replayed));
      });
  }
  return { found, faults, head, hasEnded };
}

const headShape = jsonObject.to({ command: "string[]", time: "string" });

/** Null: the line is cut, as the last one of a run that was killed. */
function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
