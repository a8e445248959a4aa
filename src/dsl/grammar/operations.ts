// Operations and what they are done to.

import type { EndpointOperation, FileOperation, Operation, ProcessOperation } from "../ast.ts";
import { isOneOf, type OperationWord, operationWords, targetWordOf } from "../vocabulary.ts";
import { expectWordOf } from "./expecting.ts";
import { parseEndpointTarget, parseExecPattern, parseTarget } from "./patterns.ts";
import type { Reader } from "./reader.ts";

// operation = "exec" execPat
//           | ("open"|"read"|"write"|"create"|"unlink"|"rename"|"link"|"metadata"|"truncate"|"mount") [ "file" ] target
//           | ("connect"|"bind"|"send"|"recv") [ "endpoint" ] endpointTarget
//           | ("signal"|"ptrace") "exec" execPat
export function parseOperation(reader: Reader): Operation | null {
  const start = reader.peek();
  const word = parseOperationWord(reader);
  if (word === null) return null;
  const wanted = targetWordOf(word);
  skipTargetWord(reader, word, wanted);
  if (wanted === "file") {
    const target = parseTarget(reader, "path");
    refuseArguments(reader, `\`${word}\``);
    if (target === null) return null;
    return { kind: word as FileOperation, span: reader.spanFrom(start), target };
  }
  if (wanted === "endpoint") {
    const target = parseEndpointTarget(reader);
    refuseArguments(reader, `\`${word}\``);
    if (target === null) return null;
    return { kind: word as EndpointOperation, span: reader.spanFrom(start), target };
  }
  const exec = parseExecPattern(reader);
  if (exec === null) return null;
  return { kind: word as "exec" | ProcessOperation, span: reader.spanFrom(start), exec };
}

function parseOperationWord(reader: Reader): OperationWord | null {
  return expectWordOf(reader, operationWords, "P014", "unknown operation", [
    `an operation is one of ${operationWords.map((word) => `\`${word}\``).join(", ")}`,
  ]);
}

/** The word that may (`file`, `endpoint`) or must (`exec` of `signal`, `ptrace`) stand before the target. */
export function skipTargetWord(
  reader: Reader,
  operation: OperationWord,
  wanted: "exec" | "file" | "endpoint",
): void {
  const token = reader.peek();
  const isTargetWord = token.kind === "word" && isOneOf(["exec", "file", "endpoint"], token.text);
  if (!isTargetWord) {
    if (operation === "signal" || operation === "ptrace") {
      reader.unexpected(
        "P001",
        token,
        `expected \`exec\` after \`${operation}\``,
        `write \`${operation} exec "..."\``,
      );
    }
    return;
  }
  reader.take();
  if (token.text !== wanted) {
    const words = operation === wanted ? operation : `${operation} ${wanted}`;
    reader.fault("P015", token, `\`${operation}\` has no \`${token.text}\` target`, {
      help: `write \`${words} "..."\``,
    });
  }
}

/** Strings that follow a target which takes no arguments. */
export function refuseArguments(reader: Reader, what: string): void {
  if (!reader.at("string") && !reader.at(",")) return;
  const token = reader.peek();
  const help =
    token.kind === ","
      ? "name the patterns with `define NAME = ...` and write `@NAME`"
      : "only `exec` takes arguments";
  reader.fault("P018", token, `${what} takes one pattern`, { help });
  while (reader.at("string") || reader.at(",")) reader.take();
}
