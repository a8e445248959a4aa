// What stands behind `unless`.

import type { Condition, Operation } from "../ast.ts";
import type { Token } from "../token.ts";
import { conditionWords, isOneOf, targetWordOf } from "../vocabulary.ts";
import { expectString, expectWord, expectWordOf, maybeWord } from "./expecting.ts";
import { maybeWithin, parseAfter } from "./gates.ts";
import { refuseArguments, skipTargetWord } from "./operations.ts";
import { parseEndpointTarget, parseExecPattern, parseTarget } from "./patterns.ts";
import type { Reader } from "./reader.ts";
import { skipToLine } from "./recovery.ts";

// "unless" condition { "or" condition }
export function parseUnless(reader: Reader, operation: Operation, unless: Condition[]): void {
  do {
    const condition = parseUnlessCondition(reader, operation);
    if (condition === null) {
      skipToLine(reader);
      return;
    }
    unless.push(condition);
    const token = reader.peek();
    if (maybeWord(reader, "and")) {
      reader.fault("P026", token, "exceptions are joined with `or`", {
        help: "for an exception that needs both, put one of them in a second clause",
      });
      continue;
    }
    if (!maybeWord(reader, "or")) return;
  } while (!reader.at("end"));
}

// condition = "target" ["not"] target
//           | "lineage-includes" "exec" execPat
//           | "after" event [ "exits" INTEGER ] [ "since" event { "or" event } ] [ "within" DURATION ]
//           | "approved" STRING [ "within" DURATION ]
function parseUnlessCondition(reader: Reader, operation: Operation): Condition | null {
  const start = reader.peek();
  const word = expectWordOf(reader, conditionWords, "P030", "unknown exception", [
    "an exception is `target`, `lineage-includes`, `after` or `approved`",
  ]);
  switch (word) {
    case "target":
      return parseTargetCondition(reader, start, operation);
    case "lineage-includes": {
      expectWord(reader, "exec");
      const exec = parseExecPattern(reader);
      return exec && { kind: "lineage-includes", span: reader.spanFrom(start), exec };
    }
    case "after":
      return parseAfter(reader, start);
    case "approved": {
      const name = expectString(reader, "the approval's name", 'approved "deploy"');
      if (name === null) return null;
      const withinMs = maybeWithin(reader);
      return { kind: "approved", span: reader.spanFrom(start), name: name.text, withinMs };
    }
    default:
      return null;
  }
}

function parseTargetCondition(
  reader: Reader,
  start: Token,
  operation: Operation,
): Condition | null {
  const negated = maybeWord(reader, "not");
  const wanted = targetWordOf(operation.kind);
  const token = reader.peek();
  if (token.kind === "word" && isOneOf(["exec", "file", "endpoint"], token.text)) {
    skipTargetWord(reader, operation.kind, wanted);
  }
  const target = wanted === "endpoint" ? parseEndpointTarget(reader) : parseTarget(reader, "path");
  if (target === null) return null;
  refuseArguments(reader, "`target`");
  return { kind: "target", span: reader.spanFrom(start), negated, target };
}
