// Puts the members of a set in the place of `@NAME`, so that no later stage looks a name up.

import type { Diagnostic, Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type {
  Clause,
  Condition,
  Definition,
  EndpointPattern,
  EndpointTarget,
  ExecPattern,
  GateEvent,
  LabelSource,
  Name,
  Operation,
  Pattern,
  Policy,
  Target,
} from "./ast.ts";
import { endpointOperations } from "./ast.ts";
import { parseEndpoint } from "./endpoint.ts";
import { alternatives, type Glob } from "./glob.ts";
import { didYouMean, isOneOf } from "./vocabulary.ts";

/** `policy` with every `@NAME` replaced. A set may be defined before or after its use, or in `inherited`. */
export function expandSets(
  policy: Policy,
  source: Source,
  inherited: readonly Definition[] = [],
): Outcome<Policy> {
  const expander = new Expander(source, [...inherited, ...policy.definitions]);
  const value: Policy = {
    sources: policy.sources.flatMap((origin) => expander.labelSources(origin)),
    transforms: policy.transforms.map((transform) => ({
      ...transform,
      gate: expander.exec(transform.gate),
    })),
    definitions: policy.definitions,
    rules: policy.rules.map((rule) => ({
      ...rule,
      clauses: rule.clauses.map((clause) => expander.clause(clause)),
    })),
  };
  return { value, diagnostics: expander.diagnostics };
}

class Expander {
  readonly diagnostics: Diagnostic[] = [];
  readonly #source: Source;
  readonly #definitions = new Map<string, Definition>();

  constructor(source: Source, definitions: readonly Definition[]) {
    this.#source = source;
    for (const definition of definitions) {
      if (!this.#definitions.has(definition.name.text)) {
        this.#definitions.set(definition.name.text, definition);
      }
    }
  }

  /** A source over a set is one source a member. */
  labelSources(labelSource: LabelSource): LabelSource[] {
    const { origin } = labelSource;
    switch (origin.kind) {
      case "exec":
        return [{ ...labelSource, origin: { kind: "exec", exec: this.exec(origin.exec) } }];
      case "file":
        return this.#patterns(origin.pattern).map((pattern) => ({
          ...labelSource,
          origin: { kind: "file", pattern },
        }));
      case "endpoint": {
        const { set } = origin.endpoint;
        if (set === undefined) return [labelSource];
        return this.#endpoints(set).map((endpoint) => ({
          ...labelSource,
          origin: { kind: "endpoint", endpoint },
        }));
      }
      case "approval":
        return [labelSource];
    }
  }

  clause(clause: Clause): Clause {
    return {
      ...clause,
      operation: this.#operation(clause.operation),
      unless: clause.unless.map((condition) => this.#condition(condition, clause.operation)),
    };
  }

  /** A set of programs becomes one pattern of alternatives. */
  exec(exec: ExecPattern): ExecPattern {
    const { program } = exec;
    if (program?.set === undefined) return exec;
    const members = this.#patterns(program);
    return members.length === 0 ? exec : { ...exec, program: oneOf(members, program) };
  }

  #operation(operation: Operation): Operation {
    if ("exec" in operation) return { ...operation, exec: this.exec(operation.exec) };
    if (isOneOf(endpointOperations, operation.kind)) {
      return {
        ...operation,
        target: this.#endpointTarget(operation.target as EndpointTarget),
      } as Operation;
    }
    return { ...operation, target: this.#target(operation.target as Target) } as Operation;
  }

  #condition(condition: Condition, operation: Operation): Condition {
    switch (condition.kind) {
      case "target": {
        const target = isOneOf(endpointOperations, operation.kind)
          ? this.#endpointTarget(condition.target as EndpointTarget)
          : this.#target(condition.target as Target);
        return { ...condition, target };
      }
      case "lineage-includes":
        return { ...condition, exec: this.exec(condition.exec) };
      case "after":
        return {
          ...condition,
          event: this.#event(condition.event),
          since: condition.since.map((event) => this.#event(event)),
        };
      case "approved":
        return condition;
    }
  }

  #event(event: GateEvent): GateEvent {
    if (event.kind === "exec") return { ...event, exec: this.exec(event.exec) };
    return { ...event, target: this.#target(event.target) };
  }

  #target(target: Target): Target {
    if (target.set === null) return target;
    return { ...target, patterns: this.#definition(target.set)?.patterns ?? [] };
  }

  #endpointTarget(target: EndpointTarget): EndpointTarget {
    if (target.set === null) return target;
    return { ...target, patterns: this.#endpoints(target.set) };
  }

  #patterns(pattern: Pattern): readonly Pattern[] {
    if (pattern.set === undefined) return [pattern];
    return this.#definition(pattern.set)?.patterns ?? [];
  }

  /** The members of a set as endpoints: what a set is of is known only where it is used. */
  #endpoints(set: Name): EndpointPattern[] {
    const definition = this.#definition(set);
    if (definition === null) return [];
    return definition.patterns.map(({ text, span }) => {
      const { endpoint, problems } = parseEndpoint(text);
      const [first] = problems;
      if (first !== undefined) {
        this.diagnostics.push({
          severity: "error",
          code: "C005",
          message: `\`@${set.text}\` is used for endpoints, but its member \`${text}\` is none: ${first.message}`,
          source: this.#source,
          span: set.span,
          help: first.help ?? "make a set of its own for the endpoints",
          related: [{ source: this.#source, span, message: "this member" }],
        });
      }
      return { text, span, endpoint };
    });
  }

  #definition(set: Name): Definition | null {
    const definition = this.#definitions.get(set.text);
    if (definition !== undefined) return definition;
    // A set without a name was the parser's to report.
    if (set.text === "") return null;
    const help =
      didYouMean(set.text, this.#definitions.keys()) ?? `define it: \`define ${set.text} = "..."\``;
    this.diagnostics.push({
      severity: "error",
      code: "C002",
      message: `the set \`@${set.text}\` is not defined`,
      source: this.#source,
      span: set.span,
      help: help.replace("did you mean `", "did you mean `@"),
    });
    return null;
  }
}

/**
 * One pattern that matches what any of `members` matches. A program without `/` is matched by its last segment; beside
 * one with `/` it is written out as the floating pattern it means.
 */
function oneOf(members: readonly Pattern[], written: Pattern): Pattern {
  const anyHasSlash = members.some((member) => member.text.includes("/"));
  const floats = (member: Pattern): boolean => anyHasSlash && !member.text.includes("/");
  const texts = members.map((member) => (floats(member) ? `**/${member.text}` : member.text));
  const globs = members.map(
    (member): Glob => (floats(member) ? [floating, ...member.glob] : member.glob),
  );
  const text = texts.length === 1 ? (texts[0] as string) : `{${texts.join(",")}}`;
  const { set, span } = written;
  return { text, span, glob: alternatives(globs), ...(set === undefined ? {} : { set }) };
}

const floating = { kind: "globstar", slashAfter: true } as const;
