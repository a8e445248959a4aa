// Clauses: an effect, an operation, and when it holds.

import type { Clause, Condition, Effect, Expr, Operation } from "../ast.ts";
import { didYouMean, isOneOf, isReserved, nearest } from "../vocabulary.ts";
import { parseUnless } from "./exceptions.ts";
import { maybeWord } from "./expecting.ts";
import { parseCondition } from "./expressions.ts";
import { parseOperation } from "./operations.ts";
import { describe, type Reader } from "./reader.ts";
import { abandonLine, atLineEnd, skipToLine } from "./recovery.ts";

// clause = effect operation [ "if" expr ] [ "unless" condition { "or" condition } ]
export function parseClause(reader: Reader, effect: Effect): Clause | null {
  const start = reader.lastToken();
  const operation = parseOperation(reader);
  if (operation === null) return abandonLine(reader);
  let condition: Expr | null = null;
  const unless: Condition[] = [];
  for (;;) {
    const token = reader.peek();
    if (maybeWord(reader, "if")) {
      if (condition !== null) {
        reader.fault("P025", token, "the clause already has an `if`", {
          help: "join the conditions with `and` or `or`",
        });
      } else if (unless.length > 0) {
        reader.fault("P025", token, "`if` stands behind `unless`", {
          help: "write `if` before `unless`",
        });
      }
      condition = parseCondition(reader) ?? condition;
    } else if (maybeWord(reader, "unless")) {
      if (unless.length > 0) {
        reader.fault("P025", token, "the clause already has an `unless`", {
          help: "join the exceptions with `or`",
        });
      }
      parseUnless(reader, operation, unless);
    } else break;
  }
  const clause: Clause = { span: reader.spanFrom(start), effect, operation, condition, unless };
  reader.laidOut(clause, start);
  if (!atLineEnd(reader)) refuseRestOfLine(reader, operation);
  return clause;
}

/** Something stands behind a whole clause. */
function refuseRestOfLine(reader: Reader, operation: Operation): void {
  const token = reader.peek();
  if (token.kind === "string" && isOneOf(["signal", "ptrace", "exec"], operation.kind)) {
    reader.fault("P018", token, "an argument stands behind the condition", {
      help: 'arguments follow the program: `exec "git" "push"`',
    });
  } else if (token.kind === "@") {
    reader.fault("P012", token, "an argument has no mark of its own", {
      help: 'arguments follow the program: `exec "git" "push"`',
    });
  } else if (token.kind === "word" && nearest(token.text, ["if", "unless"]) !== null) {
    const help = didYouMean(token.text, ["if", "unless"]);
    reader.unexpected("P011", token, `unknown word \`${token.text}\` in a clause`, help);
  } else {
    reader.unexpected(
      "P001",
      token,
      `${describe(token)} does not belong in a clause`,
      token.kind === "word" && !isReserved(token.text)
        ? `did you mean \`if ${token.text}\`?`
        : "a clause is `EFFECT OPERATION TARGET if LABELS unless EXCEPTION`",
    );
  }
  skipToLine(reader);
}
