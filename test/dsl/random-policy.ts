// Random trees that the grammar can say. Spans are empty: print and parse do not look at them.

import fc from "fast-check";
import {
  type Clause,
  type Condition,
  type EndpointTarget,
  type ExecPattern,
  type Expr,
  endpointOperations,
  fileOperations,
  type GateEvent,
  type LabelSource,
  type Name,
  type Operation,
  type Pattern,
  type Policy,
  type Rule,
  type Target,
} from "../../src/dsl/ast.ts";
import { parseEndpoint } from "../../src/dsl/endpoint.ts";
import { parseGlob, parsePathGlob } from "../../src/dsl/glob.ts";
import { isReserved } from "../../src/dsl/vocabulary.ts";

const span = { start: 0, end: 0 };

const nameText = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,6}$/)
  .filter((text) => !isReserved(text));
const name: fc.Arbitrary<Name> = nameText.map((text) => ({ text, span }));
const text = fc
  .string({ minLength: 1, maxLength: 12 })
  .filter((value) => value.isWellFormed() && !value.includes("\r"));

const patternText = fc
  .array(
    fc.constantFrom(
      "a",
      "b/",
      "*",
      "**",
      "?",
      "[a-c]",
      "{x,y}",
      "\\*",
      '"',
      "\\\\",
      "é",
      " ",
      "/",
      "~/",
      ".git",
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((pieces) => pieces.join(""));
const pathPattern: fc.Arbitrary<Pattern> = patternText.map((value) => ({
  text: value,
  span,
  glob: parsePathGlob(value).glob,
}));
const argument: fc.Arbitrary<Pattern> = patternText.map((value) => ({
  text: value,
  span,
  glob: parseGlob(value).glob,
}));
const setPattern: fc.Arbitrary<Pattern> = name.map((set) => ({
  text: `@${set.text}`,
  span,
  glob: [],
  set,
}));
const program = fc.oneof({ weight: 3, arbitrary: pathPattern }, setPattern);

const exec: fc.Arbitrary<ExecPattern> = fc.record({
  span: fc.constant(span),
  program: fc.option(program, { nil: null }),
  args: fc.array(argument, { maxLength: 2 }),
});

const target: fc.Arbitrary<Target> = fc.oneof(
  pathPattern.map((pattern) => ({ span, set: null, patterns: [pattern] })),
  name.map((set) => ({ span, set, patterns: null })),
  fc.constant({ span, set: null, patterns: null }),
);

const endpointText = fc.constantFrom(
  "*",
  "*:443",
  "10.",
  "10.0.0.0/8",
  "[::1]:80-90",
  "*.corp",
  "unix:/run/x",
  "unix:@n*",
  "tcp://1.2.3.4",
);
const endpoint = endpointText.map((value) => ({
  text: value,
  span,
  endpoint: parseEndpoint(value).endpoint,
}));
const endpointTarget: fc.Arbitrary<EndpointTarget> = fc.oneof(
  endpoint.map((pattern) => ({ span, set: null, patterns: [pattern] })),
  name.map((set) => ({ span, set, patterns: null })),
  fc.constant({ span, set: null, patterns: null }),
);

const expr: fc.Arbitrary<Expr> = fc.letrec<{ expr: Expr }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    nameText.map((label): Expr => ({ kind: "label", span, label })),
    fc.constant<Expr>({ kind: "true", span }),
    tie("expr").map((operand): Expr => ({ kind: "not", span, operand })),
    fc
      .tuple(fc.constantFrom("and", "or"), tie("expr"), tie("expr"))
      .map(([kind, left, right]): Expr => ({ kind, span, left, right })),
  ),
})).expr;

const event: fc.Arbitrary<GateEvent> = fc.oneof(
  exec.map((pattern): GateEvent => ({ kind: "exec", span, exec: pattern })),
  fc
    .tuple(fc.constantFrom("read", "write", "open", "create", "unlink", "rename"), target)
    .map(([kind, value]): GateEvent => ({ kind, span, target: value })),
);
const within = fc.option(fc.integer({ min: 1, max: 86_400_000 }), { nil: null });

function condition(targets: fc.Arbitrary<Target | EndpointTarget>): fc.Arbitrary<Condition> {
  return fc.oneof(
    fc
      .tuple(fc.boolean(), targets)
      .map(([negated, value]): Condition => ({ kind: "target", span, negated, target: value })),
    exec.map((pattern): Condition => ({ kind: "lineage-includes", span, exec: pattern })),
    fc
      .tuple(
        event,
        fc.option(fc.integer({ min: 0, max: 255 }), { nil: null }),
        fc.array(event, { maxLength: 2 }),
        within,
      )
      .map(([awaited, exits, since, withinMs]): Condition => {
        const status = awaited.kind === "exec" ? exits : null;
        return { kind: "after", span, event: awaited, exits: status, since, withinMs };
      }),
    fc
      .tuple(text, within)
      .map(
        ([approval, withinMs]): Condition => ({ kind: "approved", span, name: approval, withinMs }),
      ),
  );
}

function clause(
  operation: fc.Arbitrary<Operation>,
  targets: fc.Arbitrary<Target | EndpointTarget>,
): fc.Arbitrary<Clause> {
  return fc.record({
    span: fc.constant(span),
    effect: fc.constantFrom("notify", "block", "kill"),
    operation,
    condition: fc.option(expr, { nil: null }),
    unless: fc.array(condition(targets), { maxLength: 2 }),
  });
}

const anyClause = fc.oneof(
  clause(
    fc
      .tuple(fc.constantFrom("exec", "signal", "ptrace"), exec)
      .map(([kind, value]): Operation => ({ kind, span, exec: value })),
    target,
  ),
  clause(
    fc
      .tuple(fc.constantFrom(...fileOperations), target)
      .map(([kind, value]): Operation => ({ kind, span, target: value })),
    target,
  ),
  clause(
    fc
      .tuple(fc.constantFrom(...endpointOperations), endpointTarget)
      .map(([kind, value]): Operation => ({ kind, span, target: value })),
    endpointTarget,
  ),
);

const rule: fc.Arbitrary<Rule> = fc.record({
  span: fc.constant(span),
  name,
  clauses: fc.array(anyClause, { minLength: 1, maxLength: 3 }),
  because: fc.option(text, { nil: null }),
  fix: fc.option(text, { nil: null }),
  severity: fc.option(nameText, { nil: null }),
});

const labelSource: fc.Arbitrary<LabelSource> = fc.record({
  span: fc.constant(span),
  label: name,
  origin: fc.oneof(
    exec.map((pattern) => ({ kind: "exec" as const, exec: pattern })),
    program.map((pattern) => ({ kind: "file" as const, pattern })),
    endpoint.map((value) => ({ kind: "endpoint" as const, endpoint: value })),
    text.map((value) => ({ kind: "approval" as const, name: value })),
  ),
});

export const randomPolicy: fc.Arbitrary<Policy> = fc.record({
  sources: fc.array(labelSource, { maxLength: 3 }),
  transforms: fc.array(
    fc.record({
      span: fc.constant(span),
      kind: fc.constantFrom("declassify", "endorse"),
      label: name,
      gate: exec,
    }),
    { maxLength: 2 },
  ),
  definitions: fc.array(
    fc.record({
      span: fc.constant(span),
      name,
      patterns: fc.array(pathPattern, { minLength: 1, maxLength: 3 }),
    }),
    { maxLength: 2 },
  ),
  rules: fc.array(rule, { maxLength: 3 }),
});
