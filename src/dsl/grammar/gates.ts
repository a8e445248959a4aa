// Gates: `after EVENT`, with what it asks of the run, what makes it stale and for how long it is open.

import type { Condition, GateEvent } from "../ast.ts";
import { parseDuration } from "../duration.ts";
import type { Token } from "../token.ts";
import {
  conditionWords,
  type EventWord,
  eventWords,
  isOneOf,
  isReserved,
  nearest,
  operationWords,
} from "../vocabulary.ts";
import { expectWordOf, maybeWord } from "./expecting.ts";
import { refuseArguments } from "./operations.ts";
import { parseExecPattern, parseTarget } from "./patterns.ts";
import type { Reader } from "./reader.ts";

const eventHelp = "an event is `exec`, `read`, `write`, `open`, `create`, `unlink` or `rename`";
const durationHelp = "write a number and `ms`, `s`, `m`, `h` or `d`: `30m`";

// "after" event [ "exits" INTEGER ] [ "since" event { "or" event } ] [ "within" DURATION ]
export function parseAfter(reader: Reader, start: Token): Condition | null {
  const event = parseEvent(reader);
  if (event === null) return null;
  const exits = maybeExits(reader, event);
  const since: GateEvent[] = [];
  if (maybeWord(reader, "since")) {
    do {
      const staling = parseEvent(reader);
      if (staling === null) return null;
      since.push(staling);
    } while (orStartsEvent(reader));
  }
  const withinMs = maybeWithin(reader);
  return { kind: "after", span: reader.spanFrom(start), event, exits, since, withinMs };
}

/** Consumes an `or` that joins two events; one that joins two exceptions is left. */
function orStartsEvent(reader: Reader): boolean {
  const next = reader.peek(1);
  if (!reader.atWord("or") || next.kind !== "word") return false;
  if (isOneOf(conditionWords, next.text)) return false;
  if (!isOneOf(eventWords, next.text) && nearest(next.text, conditionWords) !== null) return false;
  reader.take();
  return true;
}

// event = ("exec" execPat) | (("read"|"write"|"open"|"create"|"unlink"|"rename") PATTERN)
function parseEvent(reader: Reader): GateEvent | null {
  const start = reader.peek();
  if (
    start.kind === "word" &&
    isOneOf(operationWords, start.text) &&
    !isOneOf(eventWords, start.text)
  ) {
    reader.fault("P031", start, `\`${start.text}\` cannot open a gate or make it stale`, {
      help: eventHelp,
    });
    return null;
  }
  const word = expectWordOf(reader, eventWords, "P031", "unknown event", [eventHelp]);
  if (word === null) return null;
  if (word === "exec") {
    const exec = parseExecPattern(reader);
    return exec && { kind: "exec", span: reader.spanFrom(start), exec };
  }
  maybeWord(reader, "file");
  const target = parseTarget(reader, "path");
  refuseArguments(reader, `\`${word}\``);
  return (
    target && { kind: word as Exclude<EventWord, "exec">, span: reader.spanFrom(start), target }
  );
}

// [ "exits" INTEGER ]
function maybeExits(reader: Reader, event: GateEvent): number | null {
  const start = reader.peek();
  if (!maybeWord(reader, "exits")) return null;
  const token = reader.peek();
  if (token.kind !== "word" || isReserved(token.text)) {
    reader.unexpected("P033", token, `expected an exit status`, "write `exits 0`");
    return null;
  }
  reader.take();
  if (!/^\d{1,3}$/.test(token.text) || Number(token.text) > 255) {
    reader.fault("P033", token, `\`${token.text}\` is not an exit status`, {
      help: "write a number from 0 to 255",
    });
    return null;
  }
  if (event.kind !== "exec") {
    reader.fault("P032", start, `\`exits\` needs a program, and \`${event.kind}\` is none`, {
      help: 'write `after exec "..." exits 0`, or leave `exits` out',
      end: token,
    });
    return null;
  }
  return Number(token.text);
}

// [ "within" DURATION ]
export function maybeWithin(reader: Reader): number | null {
  if (!maybeWord(reader, "within")) return null;
  const token = reader.peek();
  if (token.kind !== "word" || isReserved(token.text)) {
    reader.unexpected("P034", token, `expected a duration`, durationHelp);
    return null;
  }
  reader.take();
  const ms = parseDuration(token.text);
  if (ms === null) {
    reader.fault("P034", token, `\`${token.text}\` is not a duration`, { help: durationHelp });
  }
  return ms;
}
