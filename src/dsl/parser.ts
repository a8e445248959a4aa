// Tokens to a tree: recursive descent, one method a production, the production quoted above it.
// `parseX` always yields a node or a diagnostic, `maybeX` may yield nothing, `expectX` demands.
//
// The parser never throws and never overflows the stack: parentheses nest to a limit, chains of
// `and` and `or` have a length limit, and after a fault it goes on at the next word that starts a
// clause or a declaration, so that one run reports every fault.

import type { Diagnostic, Outcome } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/source.ts";
import type {
  Clause,
  Condition,
  Definition,
  Effect,
  EndpointOperation,
  EndpointPattern,
  EndpointTarget,
  ExecPattern,
  Expr,
  FileOperation,
  GateEvent,
  LabelSource,
  Name,
  Operation,
  Pattern,
  Policy,
  ProcessOperation,
  Rule,
  SourceOrigin,
  Target,
  Transform,
} from "./ast.ts";
import { parseDuration } from "./duration.ts";
import { parseEndpoint } from "./endpoint.ts";
import { type Fragment, wholeSource } from "./fragment.ts";
import { type PatternProblem, parseGlob, parsePathGlob } from "./glob.ts";
import { Lexer, offsetInString } from "./lexer.ts";
import type { Comment, Token, TokenKind } from "./token.ts";
import {
  conditionWords,
  declarationWords,
  didYouMean,
  type EventWord,
  effectWords,
  eventWords,
  formerWords,
  isOneOf,
  isReserved,
  nearest,
  type OperationWord,
  operationWords,
  originWords,
  tailWords,
  targetWordOf,
} from "./vocabulary.ts";

/** The tree of one text and its faults. */
export function parsePolicy(source: Source): Outcome<Policy> {
  return parseFragment(wholeSource(source));
}

/** What the printer needs beside the tree. */
export interface ParsedText extends Outcome<Policy> {
  readonly comments: readonly Comment[];
  readonly layouts: ReadonlyMap<object, Layout>;
}

/** Where a printed unit stands in the fragment's text: a declaration, a clause, or the end of a rule. */
export interface Layout {
  readonly textStart: number;
  readonly textEnd: number;
  /** Of a rule: its `NAME:` ends here, and these are its last lines. */
  readonly headEnd?: number;
  readonly tails?: ReadonlyMap<string, Layout>;
}

export function parseFragment(fragment: Fragment): ParsedText {
  const parser = new Parser(fragment);
  const value = parser.parsePolicy();
  return {
    value,
    diagnostics: parser.diagnostics,
    comments: parser.comments,
    layouts: parser.layouts,
  };
}

/** Deeper parentheses are no condition a person reads; the recursion of every later stage is bounded by it. */
const nestingMax = 64;
/** Labels in one condition: the tree of `A or B or ...` leans to one side and is as deep as the chain is long. */
const expressionTermsMax = 256;
/** More faults than this are one: the file is not a policy. */
const diagnosticsMax = 200;
/** NAME_MAX: names appear in file names and records. */
const nameLengthMax = 255;

const namePattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Parser {
  readonly diagnostics: Diagnostic[] = [];
  readonly layouts = new Map<object, Layout>();
  readonly #fragment: Fragment;
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];
  #last: Token | null = null;
  #gaveUp = false;
  #terms = 0;

  constructor(fragment: Fragment) {
    this.#fragment = fragment;
    this.#lexer = new Lexer(fragment, (diagnostic) => this.#add(diagnostic));
  }

  get comments(): readonly Comment[] {
    return this.#lexer.comments;
  }

  // ---------------------------------------------------------------------------------- declarations

  // policy = { declaration }
  parsePolicy(): Policy {
    const sources: LabelSource[] = [];
    const transforms: Transform[] = [];
    const definitions: Definition[] = [];
    const rules: Rule[] = [];
    while (!this.#at("end")) {
      const word = this.#parseDeclarationWord();
      if (word === "source") this.#keep(sources, this.#parseSource());
      else if (word === "declassify" || word === "endorse") {
        this.#keep(transforms, this.#parseTransform(word));
      } else if (word === "define") this.#keep(definitions, this.#parseDefinition());
      else if (word === "rule") this.#keep(rules, this.#parseRule());
      else this.#skipToDeclaration();
    }
    return { sources, transforms, definitions, rules };
  }

  // declaration = source | transform | definition | rule
  /** The word that starts a declaration, consumed; after a misspelt one, the word it is most like. */
  #parseDeclarationWord(): (typeof declarationWords)[number] | null {
    const token = this.#peek();
    if (token.kind === "word" && isOneOf(declarationWords, token.text)) {
      this.#take();
      return token.text;
    }
    if (token.kind !== "word") {
      this.#unexpected("P001", token, `expected a declaration`, startHelp);
      return null;
    }
    if (isOneOf(effectWords, token.text)) {
      this.#fault("P007", token, `the clause \`${token.text} ...\` stands outside a rule`, {
        help: "put `rule NAME:` before it",
      });
      return null;
    }
    const former = formerWords.get(token.text);
    const near = former === undefined ? nearest(token.text, declarationWords) : null;
    const help = near === null ? startHelp : `did you mean \`${near}\`?`;
    this.#fault("P002", token, `unknown declaration \`${token.text}\``, { help: former ?? help });
    if (near === null) return null;
    this.#take();
    return near as (typeof declarationWords)[number];
  }

  // source = "source" LABEL "=" ( "exec" execPat | "file" PATTERN | "endpoint" ENDPOINT | "approval" STRING )
  #parseSource(): LabelSource | null {
    const start = this.#lastToken();
    const label = this.#expectName("a label", 'source LABEL = exec "..."');
    if (label === null || !this.#expect("=", "after the label")) return this.#abandon();
    const origin = this.#parseOrigin();
    if (origin === null) return this.#abandon();
    return this.#laidOut({ span: this.#spanFrom(start), label, origin }, start);
  }

  #parseOrigin(): SourceOrigin | null {
    const word = this.#expectWordOf(originWords, "P003", "unknown kind of source", [
      "a source is `exec`, `file`, `endpoint` or `approval`",
    ]);
    switch (word) {
      case "exec": {
        const exec = this.#parseExecPattern();
        return exec === null ? null : { kind: "exec", exec };
      }
      case "file": {
        const pattern = this.#parsePattern("a file pattern", "path");
        this.#refuseArguments("a file source");
        return pattern === null ? null : { kind: "file", pattern };
      }
      case "endpoint": {
        const endpoint = this.#parseEndpointPattern();
        this.#refuseArguments("an endpoint source");
        return endpoint === null ? null : { kind: "endpoint", endpoint };
      }
      case "approval": {
        const name = this.#expectString("the approval's name", 'approval "deploy"');
        return name === null ? null : { kind: "approval", name: name.text };
      }
      default:
        return null;
    }
  }

  // transform = ( "declassify" | "endorse" ) LABEL "by" "exec" execPat
  #parseTransform(kind: Transform["kind"]): Transform | null {
    const start = this.#lastToken();
    const label = this.#expectName("a label", `${kind} LABEL by exec "..."`);
    if (label === null || !this.#expectWord("by")) return this.#abandon();
    if (!this.#expectWord("exec")) return this.#abandon();
    const gate = this.#parseExecPattern();
    if (gate === null) return this.#abandon();
    return this.#laidOut({ span: this.#spanFrom(start), kind, label, gate }, start);
  }

  // definition = "define" NAME "=" PATTERN { "," PATTERN }
  #parseDefinition(): Definition | null {
    const start = this.#lastToken();
    const name = this.#expectName("a name", 'define SECRETS = "**/.env", "**/*.pem"');
    if (name === null || !this.#expect("=", "after the name")) return this.#abandon();
    const patterns: Pattern[] = [];
    do {
      const pattern = this.#parseQuotedPattern("a pattern", "path");
      if (pattern === null) return this.#abandon();
      patterns.push(pattern);
      if (this.#at("string")) {
        this.#fault("P008", this.#peek(), "a comma is missing between the patterns", {
          help: "separate the patterns of a set with `,`",
        });
        continue;
      }
      if (!this.#at(",")) break;
      this.#take();
    } while (!this.#at("end"));
    return this.#laidOut({ span: this.#spanFrom(start), name, patterns }, start);
  }

  // rule = "rule" NAME ":" clause { clause } [ "because" STRING ] [ "fix" STRING ] [ "severity" WORD ]
  #parseRule(): Rule | null {
    const start = this.#lastToken();
    const name = this.#parseRuleName();
    if (name === null) return this.#abandon();
    if (this.#at(":")) this.#take();
    else {
      const missing = "expected `:` after the rule's name";
      // A rule without a name was told already.
      if (name.text !== "") this.#unexpected("P001", this.#peek(), missing, "write `rule NAME:`");
      if (!this.#atRuleWord()) return this.#abandon();
    }
    const headEnd = this.#lastToken().textEnd;
    const clauses: Clause[] = [];
    const tails = new Map<string, Layout>();
    const texts = new Map<string, string>();
    for (;;) {
      const word = this.#parseRuleWord(clauses.length > 0 || tails.size > 0);
      if (word === null) break;
      if (isOneOf(effectWords, word)) this.#keep(clauses, this.#parseClause(word));
      else if (isOneOf(tailWords, word)) this.#parseTail(word, tails, texts);
    }
    if (clauses.length === 0 && !this.#ruleHadFaults(start)) {
      this.#add({
        severity: "error",
        code: "P005",
        message: `the rule \`${name.text}\` has no clauses`,
        source: this.#fragment.source,
        span: name.span,
        help: 'a rule refuses something: `block exec "git" "push"`',
      });
    }
    const rule: Rule = {
      span: this.#spanFrom(start),
      name,
      clauses,
      because: texts.get("because") ?? null,
      fix: texts.get("fix") ?? null,
      severity: texts.get("severity") ?? null,
    };
    const textEnd = this.#lastToken().textEnd;
    this.layouts.set(rule, { textStart: start.textStart, textEnd, headEnd, tails });
    return rule;
  }

  #parseRuleName(): Name | null {
    const token = this.#peek();
    const isKeyword = token.kind === "word" && isOneOf(effectWords, token.text);
    if (isKeyword && this.#peek(1).kind !== ":") {
      this.#fault("P004", token, "the rule has no name", { help: "write `rule NAME:`" });
      return { text: "", span: { start: token.start, end: token.start } };
    }
    return this.#expectName("the rule's name", "rule NAME:");
  }

  /**
   * The word that starts the next line of a rule, consumed, or null where the rule ends. A misspelt word is reported
   * and taken for what it is most like, so that the rest of its line is read too.
   */
  #parseRuleWord(hasLines: boolean): string | null {
    for (;;) {
      const token = this.#peek();
      if (token.kind === "end") return null;
      if (token.kind !== "word") {
        const message = hasLines ? `${describe(token)} does not belong here` : "expected a clause";
        this.#unexpected("P001", token, message, clauseHelp);
        this.#take();
        this.#skipToLine();
        continue;
      }
      if (isOneOf(declarationWords, token.text)) return null;
      if (isOneOf(effectWords, token.text) || isOneOf(tailWords, token.text)) {
        this.#take();
        return token.text;
      }
      const word = this.#guessRuleWord(token);
      if (word === "declaration") return null;
      if (word !== null) return word;
      this.#take();
      this.#skipToLine();
    }
  }

  /** Reports the unknown word at the start of a line; yields what it stands for, or null. */
  #guessRuleWord(token: Token): string | null {
    const next = this.#peek(1);
    const former = formerWords.get(token.text);
    const isClause = next.kind === "word" && isOneOf(operationWords, next.text);
    if (former !== undefined) {
      this.#fault("P012", token, `\`${token.text}\` is not a word of this language`, {
        help: former,
      });
      if (isClause) return this.#taken("block");
      if (token.text === "reason") return this.#taken("because");
      if (token.text === "remediation") return this.#taken("fix");
      // `effect kill`: the effect is no clause of its own.
      if (next.kind === "word" && isOneOf(effectWords, next.text)) this.#take();
      return null;
    }
    if (isClause) {
      const near = nearest(token.text, effectWords);
      const help =
        near === null ? "an effect is `notify`, `block` or `kill`" : `did you mean \`${near}\`?`;
      this.#fault("P010", token, `unknown effect \`${token.text}\``, { help });
      return this.#taken(near ?? "block");
    }
    const isDeclaration = next.kind === "word" && nearest(token.text, declarationWords) !== null;
    if (isDeclaration && nearest(token.text, [...effectWords, ...tailWords]) === null) {
      return "declaration";
    }
    const operation = nearest(token.text, operationWords);
    if (operation !== null && startsTarget(next) && nearest(token.text, tailWords) === null) {
      this.#fault("P010", token, "the clause has no effect", {
        help: `write \`notify\`, \`block\` or \`kill\` in front: \`block ${operation} ...\``,
      });
      return "block";
    }
    const help = didYouMean(token.text, [...effectWords, ...tailWords]) ?? clauseHelp;
    this.#unexpected("P011", token, `\`${token.text}\` does not belong in a rule`, help);
    if (next.kind !== "string") return null;
    const near = nearest(token.text, tailWords);
    return near === null ? null : this.#taken(near);
  }

  #taken(word: string): string {
    this.#take();
    return word;
  }

  #parseTail(
    word: (typeof tailWords)[number],
    tails: Map<string, Layout>,
    texts: Map<string, string>,
  ): void {
    const start = this.#lastToken();
    if (texts.has(word)) {
      this.#fault("P006", start, `the rule already has a \`${word}\``, {
        help: "join the two in one, or make two rules",
      });
    }
    const token =
      word === "severity"
        ? this.#expectName("a severity", "severity high")
        : this.#expectString("a text", `${word} "..."`);
    if (token === null) {
      this.#skipToLine();
      return;
    }
    texts.set(word, token.text);
    tails.set(word, { textStart: start.textStart, textEnd: this.#lastToken().textEnd });
  }

  // ---------------------------------------------------------------------------------------- clauses

  // clause = effect operation [ "if" expr ] [ "unless" condition { "or" condition } ]
  #parseClause(effect: Effect): Clause | null {
    const start = this.#lastToken();
    const operation = this.#parseOperation();
    if (operation === null) return this.#abandonLine();
    let condition: Expr | null = null;
    const unless: Condition[] = [];
    for (;;) {
      const token = this.#peek();
      if (this.#maybeWord("if")) {
        if (condition !== null) {
          this.#fault("P025", token, "the clause already has an `if`", {
            help: "join the conditions with `and` or `or`",
          });
        } else if (unless.length > 0) {
          this.#fault("P025", token, "`if` stands behind `unless`", {
            help: "write `if` before `unless`",
          });
        }
        condition = this.#parseCondition() ?? condition;
      } else if (this.#maybeWord("unless")) {
        if (unless.length > 0) {
          this.#fault("P025", token, "the clause already has an `unless`", {
            help: "join the exceptions with `or`",
          });
        }
        this.#parseUnless(operation, unless);
      } else break;
    }
    const clause: Clause = { span: this.#spanFrom(start), effect, operation, condition, unless };
    this.#laidOut(clause, start);
    if (!this.#atLineEnd()) this.#refuseRestOfLine(operation);
    return clause;
  }

  // "unless" condition { "or" condition }
  #parseUnless(operation: Operation, unless: Condition[]): void {
    do {
      const condition = this.#parseUnlessCondition(operation);
      if (condition === null) {
        this.#skipToLine();
        return;
      }
      unless.push(condition);
      const token = this.#peek();
      if (this.#maybeWord("and")) {
        this.#fault("P026", token, "exceptions are joined with `or`", {
          help: "for an exception that needs both, put one of them in a second clause",
        });
        continue;
      }
      if (!this.#maybeWord("or")) return;
    } while (!this.#at("end"));
  }

  /** Something stands behind a whole clause. */
  #refuseRestOfLine(operation: Operation): void {
    const token = this.#peek();
    if (token.kind === "string" && isOneOf(["signal", "ptrace", "exec"], operation.kind)) {
      this.#fault("P018", token, "an argument stands behind the condition", {
        help: 'arguments follow the program: `exec "git" "push"`',
      });
    } else if (token.kind === "@") {
      this.#fault("P012", token, "an argument has no mark of its own", {
        help: 'arguments follow the program: `exec "git" "push"`',
      });
    } else if (token.kind === "word" && nearest(token.text, ["if", "unless"]) !== null) {
      const help = didYouMean(token.text, ["if", "unless"]);
      this.#unexpected("P011", token, `unknown word \`${token.text}\` in a clause`, help);
    } else {
      this.#unexpected(
        "P001",
        token,
        `${describe(token)} does not belong in a clause`,
        token.kind === "word" && !isReserved(token.text)
          ? `did you mean \`if ${token.text}\`?`
          : "a clause is `EFFECT OPERATION TARGET if LABELS unless EXCEPTION`",
      );
    }
    this.#skipToLine();
  }

  // operation = "exec" execPat
  //           | ("open"|"read"|"write"|"create"|"unlink"|"rename"|"link"|"metadata"|"truncate"|"mount") [ "file" ] target
  //           | ("connect"|"bind"|"send"|"recv") [ "endpoint" ] endpointTarget
  //           | ("signal"|"ptrace") "exec" execPat
  #parseOperation(): Operation | null {
    const start = this.#peek();
    const word = this.#parseOperationWord();
    if (word === null) return null;
    const wanted = targetWordOf(word);
    this.#skipTargetWord(word, wanted);
    if (wanted === "file") {
      const target = this.#parseTarget("path");
      this.#refuseArguments(`\`${word}\``);
      if (target === null) return null;
      return { kind: word as FileOperation, span: this.#spanFrom(start), target };
    }
    if (wanted === "endpoint") {
      const target = this.#parseEndpointTarget();
      this.#refuseArguments(`\`${word}\``);
      if (target === null) return null;
      return { kind: word as EndpointOperation, span: this.#spanFrom(start), target };
    }
    const exec = this.#parseExecPattern();
    if (exec === null) return null;
    return { kind: word as "exec" | ProcessOperation, span: this.#spanFrom(start), exec };
  }

  #parseOperationWord(): OperationWord | null {
    return this.#expectWordOf(operationWords, "P014", "unknown operation", [
      `an operation is one of ${operationWords.map((word) => `\`${word}\``).join(", ")}`,
    ]);
  }

  /** The word that may (`file`, `endpoint`) or must (`exec` of `signal`, `ptrace`) stand before the target. */
  #skipTargetWord(operation: OperationWord, wanted: "exec" | "file" | "endpoint"): void {
    const token = this.#peek();
    const isTargetWord = token.kind === "word" && isOneOf(["exec", "file", "endpoint"], token.text);
    if (!isTargetWord) {
      if (operation === "signal" || operation === "ptrace") {
        this.#unexpected(
          "P001",
          token,
          `expected \`exec\` after \`${operation}\``,
          `write \`${operation} exec "..."\``,
        );
      }
      return;
    }
    this.#take();
    if (token.text !== wanted) {
      const words = operation === wanted ? operation : `${operation} ${wanted}`;
      this.#fault("P015", token, `\`${operation}\` has no \`${token.text}\` target`, {
        help: `write \`${words} "..."\``,
      });
    }
  }

  /** Strings that follow a target which takes no arguments. */
  #refuseArguments(what: string): void {
    if (!this.#at("string") && !this.#at(",")) return;
    const token = this.#peek();
    const help =
      token.kind === ","
        ? "name the patterns with `define NAME = ...` and write `@NAME`"
        : "only `exec` takes arguments";
    this.#fault("P018", token, `${what} takes one pattern`, { help });
    while (this.#at("string") || this.#at(",")) this.#take();
  }

  // --------------------------------------------------------------------------------------- patterns

  // execPat = ( PATTERN | "any" ) { STRING }
  #parseExecPattern(): ExecPattern | null {
    const start = this.#peek();
    let program: Pattern | null = null;
    if (!this.#maybeWord("any")) {
      program = this.#parsePattern("a program", "path");
      if (program === null) return null;
    }
    const args: Pattern[] = [];
    while (this.#at("string")) {
      const argument = this.#parseQuotedPattern("an argument", "plain");
      if (argument !== null) args.push(argument);
    }
    return { span: this.#spanFrom(start), program, args };
  }

  // target = PATTERN | "any" | "@" NAME
  #parseTarget(style: PatternStyle): Target | null {
    const start = this.#peek();
    if (this.#maybeWord("any")) return { span: this.#spanFrom(start), set: null, patterns: null };
    const set = this.#maybeSet();
    if (set !== null) return { span: this.#spanFrom(start), set, patterns: null };
    const pattern = this.#parseQuotedPattern("a pattern", style);
    if (pattern === null) return null;
    return { span: pattern.span, set: null, patterns: [pattern] };
  }

  #parseEndpointTarget(): EndpointTarget | null {
    const start = this.#peek();
    if (this.#maybeWord("any")) return { span: this.#spanFrom(start), set: null, patterns: null };
    const set = this.#maybeSet();
    if (set !== null) return { span: this.#spanFrom(start), set, patterns: null };
    const pattern = this.#parseEndpointPattern();
    if (pattern === null) return null;
    return { span: pattern.span, set: null, patterns: [pattern] };
  }

  /** A quoted pattern, or a set in its place. */
  #parsePattern(what: string, style: PatternStyle): Pattern | null {
    const start = this.#peek();
    const set = this.#maybeSet();
    if (set === null) return this.#parseQuotedPattern(what, style);
    return { text: `@${set.text}`, span: this.#spanFrom(start), glob: [], set };
  }

  #parseQuotedPattern(what: string, style: PatternStyle): Pattern | null {
    const token = this.#expectPatternString(what);
    if (token === null) return null;
    const { glob, problems } = style === "path" ? parsePathGlob(token.text) : parseGlob(token.text);
    this.#addProblems(token, problems);
    return { text: token.text, span: { start: token.start, end: token.end }, glob };
  }

  #parseEndpointPattern(): EndpointPattern | null {
    const start = this.#peek();
    const set = this.#maybeSet();
    if (set !== null) {
      const endpoint = { kind: "any", protocol: null, ports: null } as const;
      return { text: `@${set.text}`, span: this.#spanFrom(start), endpoint, set };
    }
    const token = this.#expectPatternString("an endpoint");
    if (token === null) return null;
    const { endpoint, problems } = parseEndpoint(token.text);
    this.#addProblems(token, problems);
    return { text: token.text, span: { start: token.start, end: token.end }, endpoint };
  }

  // "@" NAME
  #maybeSet(): Name | null {
    if (!this.#at("@")) return null;
    const at = this.#take();
    const next = this.#peek();
    // A set that has no name is still a set: the pattern is there, only its name is missing.
    if (next.kind !== "word" || next.textStart !== at.textEnd) {
      this.#unexpected(
        "P004",
        next.kind === "word" ? at : next,
        "the set has no name",
        "write `@NAME` without a space",
      );
      return { text: "", span: { start: at.start, end: at.end } };
    }
    return this.#expectName("the set's name", "@NAME");
  }

  /** A string where a pattern must stand; an unquoted pattern is reported and read. */
  #expectPatternString(what: string): Token | null {
    const token = this.#peek();
    if (token.kind === "string") return this.#take();
    if (token.kind === "word" && !isReserved(token.text)) {
      this.#fault("P016", token, `${what} is written in quotes`, {
        help: `write \`"${token.text}"\``,
      });
      return this.#take();
    }
    this.#unexpected(
      "P016",
      token,
      `expected ${what}`,
      'a pattern is written in quotes: `"**/.env"`',
    );
    return null;
  }

  #addProblems(token: Token, problems: readonly PatternProblem[]): void {
    if (problems.length === 0) return;
    const written = this.#fragment.text.slice(token.textStart, token.textEnd);
    for (const { start, end, ...rest } of problems) {
      this.#add({
        ...rest,
        source: this.#fragment.source,
        span: this.#spanInString(token, written, start, end),
      });
    }
  }

  #spanInString(token: Token, written: string, start: number, end: number): Span {
    if (!written.startsWith('"') || end <= start) return { start: token.start, end: token.end };
    const first = token.textStart + offsetInString(written, start);
    const last = token.textStart + offsetInString(written, end) - 1;
    const { place } = this.#fragment;
    return { start: place(first), end: place(Math.max(first, last)) + 1 };
  }

  // ------------------------------------------------------------------------------------ expressions

  // expr = or-expression over LABEL, "not", "and", "or", "true", parentheses ("and" binds tighter)
  #parseCondition(): Expr | null {
    this.#terms = 0;
    const expression = this.#parseOr(0);
    if (expression === null) {
      this.#skipUntil((token) => token.text === "unless" || this.#startsLine(token.text));
      return null;
    }
    if (this.#at(")")) {
      this.#fault("P023", this.#peek(), "`)` closes nothing", {});
      while (this.#at(")")) this.#take();
    }
    return expression;
  }

  // or-expression = and-expression { "or" and-expression }
  #parseOr(depth: number): Expr | null {
    let left = this.#parseAnd(depth);
    while (left !== null && this.#maybeWord("or")) {
      const right = this.#parseAnd(depth);
      if (right === null) return null;
      left = { kind: "or", span: joined(left, right), left, right };
    }
    return left;
  }

  // and-expression = term { "and" term }
  #parseAnd(depth: number): Expr | null {
    let left = this.#parseTerm(depth);
    while (left !== null && this.#maybeWord("and")) {
      const right = this.#parseTerm(depth);
      if (right === null) return null;
      left = { kind: "and", span: joined(left, right), left, right };
    }
    return left;
  }

  // term = "not" term | "true" | LABEL | "(" or-expression ")"
  #parseTerm(depth: number): Expr | null {
    const token = this.#peek();
    if (depth >= nestingMax) {
      this.#fault("P021", token, `the condition is nested deeper than ${nestingMax}`, {
        help: "split the clause in two, or drop parentheses",
      });
      return null;
    }
    if (this.#maybeWord("not")) {
      const operand = this.#parseTerm(depth + 1);
      return operand && { kind: "not", span: this.#spanFrom(token), operand };
    }
    if (token.kind === "(") return this.#parseParenthesis(depth);
    this.#terms += 1;
    if (this.#terms > expressionTermsMax) {
      this.#fault("P022", token, `the condition has more than ${expressionTermsMax} labels`, {
        help: "split the clause in two",
      });
      return null;
    }
    if (this.#maybeWord("true")) return { kind: "true", span: this.#spanFrom(token) };
    if (token.kind !== "word" || isReserved(token.text)) {
      const help =
        token.kind === "string"
          ? "labels are written without quotes"
          : "write a label, `not`, `true` or `(`";
      this.#unexpected("P020", token, `expected a label`, help);
      return null;
    }
    const label = this.#expectName("a label", "if LABEL");
    return label && { kind: "label", span: label.span, label: label.text };
  }

  // "(" or-expression ")"
  #parseParenthesis(depth: number): Expr | null {
    const open = this.#take();
    const inner = this.#parseOr(depth + 1);
    if (inner === null) return null;
    if (!this.#at(")")) {
      this.#fault("P023", open, "the parenthesis is not closed", { help: "close it with `)`" });
      return inner;
    }
    this.#take();
    return { ...inner, span: this.#spanFrom(open) };
  }

  // ------------------------------------------------------------------------------------- exceptions

  // condition = "target" ["not"] target
  //           | "lineage-includes" "exec" execPat
  //           | "after" event [ "exits" INTEGER ] [ "since" event { "or" event } ] [ "within" DURATION ]
  //           | "approved" STRING [ "within" DURATION ]
  #parseUnlessCondition(operation: Operation): Condition | null {
    const start = this.#peek();
    const word = this.#expectWordOf(conditionWords, "P030", "unknown exception", [
      "an exception is `target`, `lineage-includes`, `after` or `approved`",
    ]);
    switch (word) {
      case "target":
        return this.#parseTargetCondition(start, operation);
      case "lineage-includes": {
        this.#expectWord("exec");
        const exec = this.#parseExecPattern();
        return exec && { kind: "lineage-includes", span: this.#spanFrom(start), exec };
      }
      case "after":
        return this.#parseAfter(start);
      case "approved": {
        const name = this.#expectString("the approval's name", 'approved "deploy"');
        if (name === null) return null;
        const withinMs = this.#maybeWithin();
        return { kind: "approved", span: this.#spanFrom(start), name: name.text, withinMs };
      }
      default:
        return null;
    }
  }

  #parseTargetCondition(start: Token, operation: Operation): Condition | null {
    const negated = this.#maybeWord("not");
    const wanted = targetWordOf(operation.kind);
    const token = this.#peek();
    if (token.kind === "word" && isOneOf(["exec", "file", "endpoint"], token.text)) {
      this.#skipTargetWord(operation.kind, wanted);
    }
    const target = wanted === "endpoint" ? this.#parseEndpointTarget() : this.#parseTarget("path");
    if (target === null) return null;
    this.#refuseArguments("`target`");
    return { kind: "target", span: this.#spanFrom(start), negated, target };
  }

  // "after" event [ "exits" INTEGER ] [ "since" event { "or" event } ] [ "within" DURATION ]
  #parseAfter(start: Token): Condition | null {
    const event = this.#parseEvent();
    if (event === null) return null;
    const exits = this.#maybeExits(event);
    const since: GateEvent[] = [];
    if (this.#maybeWord("since")) {
      do {
        const staling = this.#parseEvent();
        if (staling === null) return null;
        since.push(staling);
      } while (this.#orStartsEvent());
    }
    const withinMs = this.#maybeWithin();
    return { kind: "after", span: this.#spanFrom(start), event, exits, since, withinMs };
  }

  /** Consumes an `or` that joins two events; one that joins two exceptions is left. */
  #orStartsEvent(): boolean {
    const next = this.#peek(1);
    if (!this.#atWord("or") || next.kind !== "word") return false;
    if (isOneOf(conditionWords, next.text)) return false;
    if (!isOneOf(eventWords, next.text) && nearest(next.text, conditionWords) !== null)
      return false;
    this.#take();
    return true;
  }

  // event = ("exec" execPat) | (("read"|"write"|"open"|"create"|"unlink"|"rename") PATTERN)
  #parseEvent(): GateEvent | null {
    const start = this.#peek();
    if (
      start.kind === "word" &&
      isOneOf(operationWords, start.text) &&
      !isOneOf(eventWords, start.text)
    ) {
      this.#fault("P031", start, `\`${start.text}\` cannot open a gate or make it stale`, {
        help: eventHelp,
      });
      return null;
    }
    const word = this.#expectWordOf(eventWords, "P031", "unknown event", [eventHelp]);
    if (word === null) return null;
    if (word === "exec") {
      const exec = this.#parseExecPattern();
      return exec && { kind: "exec", span: this.#spanFrom(start), exec };
    }
    this.#maybeWord("file");
    const target = this.#parseTarget("path");
    this.#refuseArguments(`\`${word}\``);
    return (
      target && { kind: word as Exclude<EventWord, "exec">, span: this.#spanFrom(start), target }
    );
  }

  // [ "exits" INTEGER ]
  #maybeExits(event: GateEvent): number | null {
    const start = this.#peek();
    if (!this.#maybeWord("exits")) return null;
    const token = this.#peek();
    if (token.kind !== "word" || isReserved(token.text)) {
      this.#unexpected("P033", token, `expected an exit status`, "write `exits 0`");
      return null;
    }
    this.#take();
    if (!/^\d{1,3}$/.test(token.text) || Number(token.text) > 255) {
      this.#fault("P033", token, `\`${token.text}\` is not an exit status`, {
        help: "write a number from 0 to 255",
      });
      return null;
    }
    if (event.kind !== "exec") {
      this.#fault("P032", start, `\`exits\` needs a program, and \`${event.kind}\` is none`, {
        help: 'write `after exec "..." exits 0`, or leave `exits` out',
        end: token,
      });
      return null;
    }
    return Number(token.text);
  }

  // [ "within" DURATION ]
  #maybeWithin(): number | null {
    if (!this.#maybeWord("within")) return null;
    const token = this.#peek();
    if (token.kind !== "word" || isReserved(token.text)) {
      this.#unexpected("P034", token, `expected a duration`, durationHelp);
      return null;
    }
    this.#take();
    const ms = parseDuration(token.text);
    if (ms === null) {
      this.#fault("P034", token, `\`${token.text}\` is not a duration`, { help: durationHelp });
    }
    return ms;
  }

  // ------------------------------------------------------------------------------------- expecting

  #expect(kind: TokenKind, where: string): boolean {
    const token = this.#peek();
    if (token.kind === kind) {
      this.#take();
      return true;
    }
    this.#unexpected("P001", token, `expected \`${kind}\` ${where}`);
    return false;
  }

  #expectWord(word: string): boolean {
    const token = this.#peek();
    if (this.#maybeWord(word)) return true;
    this.#unexpected("P001", token, `expected \`${word}\``);
    // A string is what would have followed the word, so the reading can go on.
    if (token.kind === "string") return true;
    if (token.kind !== "word" || nearest(token.text, [word]) === null) return false;
    this.#take();
    return true;
  }

  /** One of `words`, consumed. A misspelt one is reported and taken for the word it is most like. */
  #expectWordOf<T extends string>(
    words: readonly T[],
    code: string,
    message: string,
    [help]: readonly [string],
  ): T | null {
    const token = this.#peek();
    if (token.kind === "word" && isOneOf(words, token.text)) {
      this.#take();
      return token.text;
    }
    if (token.kind !== "word" || isReserved(token.text)) {
      const wanted = message.replace("unknown ", "");
      const article = /^[aeiou]/.test(wanted) ? "an" : "a";
      this.#unexpected(code, token, `expected ${article} ${wanted}`, help);
      return null;
    }
    const near = nearest(token.text, words) as T | null;
    const former = formerWords.get(token.text);
    const guess = near === null ? help : `did you mean \`${near}\`?`;
    this.#fault(code, token, `${message} \`${token.text}\``, { help: former ?? guess });
    if (near === null) return null;
    this.#take();
    return near;
  }

  #expectString(what: string, example: string): Token | null {
    const token = this.#peek();
    if (token.kind === "string" && token.text !== "") return this.#take();
    if (token.kind === "string") {
      this.#fault("P040", token, `${what} is empty`, { help: `write \`${example}\`` });
      return this.#take();
    }
    this.#unexpected("P013", token, `expected ${what} in quotes`, `write \`${example}\``);
    return null;
  }

  #expectName(what: string, example: string): Name | null {
    const token = this.#peek();
    if (token.kind !== "word") {
      const help =
        token.kind === "string" ? "names are written without quotes" : `write \`${example}\``;
      this.#unexpected("P004", token, `expected ${what}`, help);
      return null;
    }
    this.#take();
    if (token.text.length > nameLengthMax) {
      this.#fault("P009", token, `the name is longer than ${nameLengthMax} characters`, {});
    } else if (!namePattern.test(token.text)) {
      // ActPlane takes nearly everything for a name, so this is no error.
      this.#fault(
        "P009",
        token,
        `the name \`${token.text}\` has characters that a name should not have`,
        {
          severity: "warning",
          help: "a name is letters, digits, `_` and `-`, and starts with a letter or `_`",
        },
      );
    }
    return { text: token.text, span: { start: token.start, end: token.end } };
  }

  #maybeWord(word: string): boolean {
    if (!this.#atWord(word)) return false;
    this.#take();
    return true;
  }

  // ---------------------------------------------------------------------------------------- tokens

  #peek(distance = 0): Token {
    while (this.#ahead.length <= distance) this.#ahead.push(this.#nextToken());
    return this.#ahead[distance] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#ahead.shift();
    this.#last = token;
    return token;
  }

  #nextToken(): Token {
    if (!this.#gaveUp) return this.#lexer.next();
    const at = this.#fragment.text.length;
    const start = this.#fragment.place(at);
    return { kind: "end", text: "", start, end: start, textStart: at, textEnd: at };
  }

  #lastToken(): Token {
    return this.#last ?? this.#peek();
  }

  #at(kind: TokenKind): boolean {
    return this.#peek().kind === kind;
  }

  #atWord(word: string): boolean {
    const token = this.#peek();
    return token.kind === "word" && token.text === word;
  }

  /** From `start` to the last token that was taken; empty at `start` where none was. */
  #spanFrom(start: Token): Span {
    const last = this.#lastToken();
    return { start: start.start, end: Math.max(last.end, start.start) };
  }

  #laidOut<T extends object>(node: T, start: Token): T {
    this.layouts.set(node, { textStart: start.textStart, textEnd: this.#lastToken().textEnd });
    return node;
  }

  #keep<T>(list: T[], node: T | null): void {
    if (node !== null) list.push(node);
  }

  // -------------------------------------------------------------------------------------- recovery

  /** Gives the declaration up and goes on at the next. */
  #abandon(): null {
    this.#skipUntil((token) => this.#looksLikeDeclaration(token));
    return null;
  }

  /** Gives the clause up and goes on at the next line of the rule. */
  #abandonLine(): null {
    this.#skipToLine();
    return null;
  }

  #skipToDeclaration(): void {
    this.#take();
    this.#skipUntil((token) => this.#looksLikeDeclaration(token));
  }

  #skipToLine(): void {
    this.#skipUntil((token) => this.#startsLine(token.text) || this.#looksLikeLine(token));
  }

  #skipUntil(stops: (token: Token) => boolean): void {
    for (;;) {
      const token = this.#peek();
      if (token.kind === "end" || (token.kind === "word" && stops(token))) return;
      this.#take();
    }
  }

  /** A declaration, or a word at the very start of a line that may be a misspelt one. */
  #looksLikeDeclaration(token: Token): boolean {
    if (isOneOf(declarationWords, token.text)) return true;
    const before = token.textStart === 0 ? "\n" : this.#fragment.text[token.textStart - 1];
    return before === "\n" && nearest(token.text, declarationWords) !== null;
  }

  /** A word at the start of a line that may be a misspelt effect: an operation follows. */
  #looksLikeLine(token: Token): boolean {
    if (!this.#isFirstOnLine(token)) return false;
    const next = this.#peek(1);
    return next.kind === "word" && isOneOf(operationWords, next.text);
  }

  /** Whether `word` starts a line of a rule or a declaration. */
  #startsLine(word: string): boolean {
    return (
      isOneOf(effectWords, word) || isOneOf(tailWords, word) || isOneOf(declarationWords, word)
    );
  }

  #atRuleWord(): boolean {
    const token = this.#peek();
    return token.kind === "word" && (this.#startsLine(token.text) || formerWords.has(token.text));
  }

  /** Whether a clause may end before the next token. */
  #atLineEnd(): boolean {
    const token = this.#peek();
    if (token.kind === "end") return true;
    if (token.kind !== "word") return false;
    if (this.#startsLine(token.text) || formerWords.has(token.text)) return true;
    // A misspelt effect, tail or declaration is reported by the one who reads the next line.
    const next = this.#peek(1);
    const startsLine = this.#isFirstOnLine(token);
    return startsLine && (next.kind === "word" || next.kind === "string");
  }

  #isFirstOnLine(token: Token): boolean {
    const before = this.#fragment.text.slice(Math.max(0, token.textStart - 200), token.textStart);
    return /(?:^|\n)[^\S\n]*$/.test(before);
  }

  // ----------------------------------------------------------------------------------- diagnostics

  #ruleHadFaults(start: Token): boolean {
    return this.diagnostics.some(
      ({ severity, span }) => severity === "error" && span.start >= start.start,
    );
  }

  /**
   * A fault at a token that should not be there. `message` says what was expected; where the line ends before it, the
   * end of the line is shown, for there something is missing.
   */
  #unexpected(code: string, token: Token, message: string, help?: string): void {
    const last = this.#last;
    const isMissing = message.startsWith("expected ");
    if (!isMissing || last === null || !this.#isLineEndBetween(last, token)) {
      const found = isMissing ? `, found ${describe(token)}` : "";
      this.#fault(code, token, `${message}${found}`, help === undefined ? {} : { help });
      return;
    }
    const found = token.kind === "end" ? describe(token) : "the end of the line";
    this.#add({
      severity: "error",
      code,
      message: `${message}, found ${found}`,
      source: this.#fragment.source,
      span: { start: last.end, end: last.end },
      ...(help === undefined ? {} : { help }),
    });
  }

  #isLineEndBetween(last: Token, next: Token): boolean {
    if (next.kind === "end") return true;
    return this.#fragment.text.slice(last.textEnd, next.textStart).includes("\n");
  }

  #fault(
    code: string,
    token: Token,
    message: string,
    more: { help?: string; severity?: Diagnostic["severity"]; end?: Token },
  ): void {
    this.#add({
      severity: more.severity ?? "error",
      code,
      message,
      source: this.#fragment.source,
      span: { start: token.start, end: (more.end ?? token).end },
      ...(more.help === undefined ? {} : { help: more.help }),
    });
  }

  #add(diagnostic: Mutable<Diagnostic>): void {
    if (this.#gaveUp) return;
    this.diagnostics.push(diagnostic);
    if (this.diagnostics.length < diagnosticsMax) return;
    // What follows is most likely no policy; each further fault would be noise and cost time.
    this.#gaveUp = true;
    this.#ahead.length = 0;
    this.diagnostics.push({
      severity: "error",
      code: "P060",
      message: `more than ${diagnosticsMax} faults: the rest of the text was not read`,
      source: this.#fragment.source,
      span: diagnostic.span,
    });
  }
}

/** Paths are compared in canonical form; arguments as they are. */
type PatternStyle = "path" | "plain";

const startHelp = "a policy is made of `source`, `declassify`, `endorse`, `define` and `rule`";
const clauseHelp = "a clause starts with `notify`, `block` or `kill`";
const eventHelp = "an event is `exec`, `read`, `write`, `open`, `create`, `unlink` or `rename`";
const durationHelp = "write a number and `ms`, `s`, `m`, `h` or `d`: `30m`";

/** Whether `token` may stand behind an operation. */
function startsTarget(token: Token): boolean {
  if (token.kind === "string" || token.kind === "@") return true;
  return token.kind === "word" && isOneOf(["exec", "file", "endpoint", "any"], token.text);
}

function describe(token: Token): string {
  if (token.kind === "end") return "the end of the text";
  if (token.kind === "string") return "a string";
  const text = token.text.length > 40 ? `${token.text.slice(0, 40)}...` : token.text;
  return `\`${text}\``;
}

function joined(left: Expr, right: Expr): Span {
  return { start: left.span.start, end: right.span.end };
}
