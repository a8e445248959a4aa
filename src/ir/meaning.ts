// Keys that two conditions or clauses share only if they mean the same, whatever policy they stand in:
// patterns are anchored, sets expanded, places in the text left out. Short, because a session keeps them.

import type {
  Clause,
  Condition,
  EndpointTarget,
  ExecPattern,
  GateEvent,
  Target,
} from "../dsl/ast.ts";
import type { Glob } from "../dsl/glob.ts";
import { anchorPath, anchorProgram, type Places } from "./anchor.ts";
import { type Command, commandTable } from "./commands.ts";
import type { Conjunction } from "./dnf.ts";
import { globKey } from "./languages.ts";

type After = Condition & { readonly kind: "after" };
type Approved = Condition & { readonly kind: "approved" };

export class Meanings {
  readonly #places: Places;
  /** Which arguments are subcommands is part of what an exec pattern means. */
  readonly #commands: string;

  constructor(places: Places, commands: readonly Command[] | undefined) {
    this.#places = places;
    this.#commands =
      commands === undefined || commands === commandTable ? "" : digest(JSON.stringify(commands));
  }

  lineage(exec: ExecPattern): string {
    return digest(this.#exec(exec));
  }

  gate({ event, exits, since, withinMs }: After): string {
    const staling = new Set(since.map((one) => this.event(one)));
    return digest([this.event(event), exits, [...staling].sort(), withinMs]);
  }

  approval({ name, withinMs }: Approved): string {
    return digest(["approved", name, withinMs]);
  }

  /** `condition` is the clause's, as conjunctions of labels by their numbers. */
  clause(
    rule: string,
    { effect, operation, unless }: Clause,
    condition: readonly Conjunction[],
  ): string {
    const what =
      "exec" in operation
        ? this.#exec(operation.exec)
        : this.#target(operation.kind, operation.target);
    return digest([
      rule,
      effect,
      operation.kind,
      what,
      condition.map(({ all, none }) => [`${all}`, `${none}`]),
      unless.map((one) => this.#condition(operation.kind, one)),
    ]);
  }

  #condition(operation: string, condition: Condition): unknown {
    switch (condition.kind) {
      case "target":
        return [condition.negated, this.#target(operation, condition.target)];
      case "lineage-includes":
        return this.lineage(condition.exec);
      case "after":
        return this.gate(condition);
      case "approved":
        return this.approval(condition);
    }
  }

  event(event: GateEvent): string {
    return JSON.stringify(
      event.kind === "exec"
        ? this.#exec(event.exec)
        : [event.kind, this.#target(event.kind, event.target)],
    );
  }

  #exec({ program, args }: ExecPattern): unknown {
    const programs = program === null ? null : keysOf(anchorProgram(program, this.#places));
    return [programs, args.map(({ glob }) => globKey(glob)), args.length > 0 ? this.#commands : ""];
  }

  /** Of an exec, signal or ptrace clause a target is a program, of others a path or an address. */
  #target(operation: string, { patterns }: Target | EndpointTarget): unknown {
    if (patterns === null) return null;
    const ofProgram = ["exec", "signal", "ptrace"].includes(operation);
    return patterns.map((pattern) =>
      "endpoint" in pattern
        ? pattern.endpoint
        : keysOf(
            ofProgram
              ? anchorProgram(pattern, this.#places)
              : anchorPath(pattern.glob, this.#places),
          ),
    );
  }
}

function keysOf(globs: readonly Glob[]): string[] {
  return [...new Set(globs.map(globKey))].sort();
}

/** 128 bits: an author who could choose two meanings with one key would gain a wrong number in a record. */
function digest(meaning: unknown): string {
  const text = JSON.stringify(meaning);
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url").slice(0, 22);
}
