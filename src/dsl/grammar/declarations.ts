// A whole policy: its declarations, one after the other.

import type {
  Definition,
  LabelSource,
  Pattern,
  Policy,
  Rule,
  SourceOrigin,
  Transform,
} from "../ast.ts";
import {
  declarationWords,
  effectWords,
  formerWords,
  isOneOf,
  nearest,
  originWords,
} from "../vocabulary.ts";
import { expect, expectName, expectString, expectWord, expectWordOf } from "./expecting.ts";
import { refuseArguments } from "./operations.ts";
import {
  parseEndpointPattern,
  parseExecPattern,
  parsePattern,
  parseQuotedPattern,
} from "./patterns.ts";
import type { Reader } from "./reader.ts";
import { abandon, skipToDeclaration } from "./recovery.ts";
import { parseRule } from "./rules.ts";

const startHelp = "a policy is made of `source`, `declassify`, `endorse`, `define` and `rule`";

// policy = { declaration }
export function parseDeclarations(reader: Reader): Policy {
  const sources: LabelSource[] = [];
  const transforms: Transform[] = [];
  const definitions: Definition[] = [];
  const rules: Rule[] = [];
  while (!reader.at("end")) {
    const word = parseDeclarationWord(reader);
    if (word === "source") keep(sources, parseSource(reader));
    else if (word === "declassify" || word === "endorse") {
      keep(transforms, parseTransform(reader, word));
    } else if (word === "define") keep(definitions, parseDefinition(reader));
    else if (word === "rule") keep(rules, parseRule(reader));
    else skipToDeclaration(reader);
  }
  return { sources, transforms, definitions, rules };
}

// declaration = source | transform | definition | rule
/** The word that starts a declaration, consumed; after a misspelt one, the word it is most like. */
function parseDeclarationWord(reader: Reader): (typeof declarationWords)[number] | null {
  const token = reader.peek();
  if (token.kind === "word" && isOneOf(declarationWords, token.text)) {
    reader.take();
    return token.text;
  }
  if (token.kind !== "word") {
    reader.unexpected("P001", token, `expected a declaration`, startHelp);
    return null;
  }
  if (isOneOf(effectWords, token.text)) {
    reader.fault("P007", token, `the clause \`${token.text} ...\` stands outside a rule`, {
      help: "put `rule NAME:` before it",
    });
    return null;
  }
  const former = formerWords.get(token.text);
  const near = former === undefined ? nearest(token.text, declarationWords) : null;
  const help = near === null ? startHelp : `did you mean \`${near}\`?`;
  reader.fault("P002", token, `unknown declaration \`${token.text}\``, { help: former ?? help });
  if (near === null) return null;
  reader.take();
  return near as (typeof declarationWords)[number];
}

// source = "source" LABEL "=" ( "exec" execPat | "file" PATTERN | "endpoint" ENDPOINT | "approval" STRING )
function parseSource(reader: Reader): LabelSource | null {
  const start = reader.lastToken();
  const label = expectName(reader, "a label", 'source LABEL = exec "..."');
  if (label === null || !expect(reader, "=", "after the label")) return abandon(reader);
  const origin = parseOrigin(reader);
  if (origin === null) return abandon(reader);
  return reader.laidOut({ span: reader.spanFrom(start), label, origin }, start);
}

function parseOrigin(reader: Reader): SourceOrigin | null {
  const word = expectWordOf(reader, originWords, "P003", "unknown kind of source", [
    "a source is `exec`, `file`, `endpoint` or `approval`",
  ]);
  switch (word) {
    case "exec": {
      const exec = parseExecPattern(reader);
      return exec === null ? null : { kind: "exec", exec };
    }
    case "file": {
      const pattern = parsePattern(reader, "a file pattern", "path");
      refuseArguments(reader, "a file source");
      return pattern === null ? null : { kind: "file", pattern };
    }
    case "endpoint": {
      const endpoint = parseEndpointPattern(reader);
      refuseArguments(reader, "an endpoint source");
      return endpoint === null ? null : { kind: "endpoint", endpoint };
    }
    case "approval": {
      const name = expectString(reader, "the approval's name", 'approval "deploy"');
      return name === null ? null : { kind: "approval", name: name.text };
    }
    default:
      return null;
  }
}

// transform = ( "declassify" | "endorse" ) LABEL "by" "exec" execPat
function parseTransform(reader: Reader, kind: Transform["kind"]): Transform | null {
  const start = reader.lastToken();
  const label = expectName(reader, "a label", `${kind} LABEL by exec "..."`);
  if (label === null || !expectWord(reader, "by")) return abandon(reader);
  if (!expectWord(reader, "exec")) return abandon(reader);
  const gate = parseExecPattern(reader);
  if (gate === null) return abandon(reader);
  return reader.laidOut({ span: reader.spanFrom(start), kind, label, gate }, start);
}

// definition = "define" NAME "=" PATTERN { "," PATTERN }
function parseDefinition(reader: Reader): Definition | null {
  const start = reader.lastToken();
  const name = expectName(reader, "a name", 'define SECRETS = "**/.env", "**/*.pem"');
  if (name === null || !expect(reader, "=", "after the name")) return abandon(reader);
  const patterns: Pattern[] = [];
  do {
    const pattern = parseQuotedPattern(reader, "a pattern", "path");
    if (pattern === null) return abandon(reader);
    patterns.push(pattern);
    if (reader.at("string")) {
      reader.fault("P008", reader.peek(), "a comma is missing between the patterns", {
        help: "separate the patterns of a set with `,`",
      });
      continue;
    }
    if (!reader.at(",")) break;
    reader.take();
  } while (!reader.at("end"));
  return reader.laidOut({ span: reader.spanFrom(start), name, patterns }, start);
}

function keep<T>(list: T[], node: T | null): void {
  if (node !== null) list.push(node);
}
