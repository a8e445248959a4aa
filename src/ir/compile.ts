// From a checked policy to the image the kernel half reads. Pure: equal policies and options give
// equal words.
//
//     lower      clauses, sources and gates -> entries, and languages of names that lead to them
//     groups     languages of a kind        -> deterministic automata
//     image      automata and entries       -> words

import { assert } from "../base/assert.ts";
import type { Diagnostic, Outcome } from "../base/diagnostic.ts";
import { hasErrors } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import type { Policy } from "../dsl/ast.ts";
import { type ArgumentAutomaton, argumentStatesMax, buildArguments } from "./args.ts";
import { complexPatterns } from "./complexity.ts";
import { buildGroups, type Group, type TooLarge } from "./groups.ts";
import { writeImage } from "./image.ts";
import type { Compiled, CompileOptions } from "./ir.ts";
import { type Lowered, lower, type NameKind, type Payload } from "./lower.ts";
import { binaryFlavor, type Flavor, pathFlavor } from "./nfa.ts";

/** What the kernel half can walk in one scan (`ENTRIES_MAX` of bpf/match.h). */
const entriesMax = 1 << 20;
/** 64 MiB. */
const imageWordsMax = 1 << 24;

const nameless: Source = { name: "policy", text: "" };

export function compile(policy: Policy, options: CompileOptions): Outcome<Compiled> {
  for (const folder of [options.workspace, options.home]) {
    assert(/^\/$|^\/.*[^/]$/s.test(folder), "a folder is absolute and has no slash at its end");
  }
  const diagnostics: Diagnostic[] = complexPatterns(policy, options.source ?? nameless);
  // Nothing is made of rules that cannot be compiled in time; the rest of the tree is still looked at.
  const compilable = hasErrors(diagnostics) ? { ...policy, sources: [], rules: [] } : policy;
  const lowered = lower(compilable, options, diagnostics);
  const tables = hasErrors(diagnostics) ? null : buildTables(lowered, options, diagnostics);
  return {
    value: {
      policy,
      options,
      image: tables?.image ?? new Uint32Array(0),
      clauses: lowered.clauses,
      labels: lowered.labels,
      gates: lowered.gates,
      approvals: lowered.approvals,
      numbering: options.numbering === undefined ? null : lowered.numbering,
      files: lowered.units.path.flatMap(({ target }) => lowered.languages.path.get(target).globs),
      automata: tables?.automata ?? [],
      atoms: lowered.atoms,
      notes: lowered.notes,
    },
    diagnostics,
  };
}

const flavors: Readonly<Record<NameKind, Flavor>> = {
  path: pathFlavor,
  exec: pathFlavor,
  endpoint: binaryFlavor,
};

function buildTables(
  lowered: Lowered,
  options: CompileOptions,
  diagnostics: Diagnostic[],
): ReturnType<typeof writeImage> | null {
  const report = (code: string, message: string, help: string) =>
    diagnostics.push(wholePolicyError(code, message, help, options.source));
  const groupsOf = (kind: NameKind): Group<Payload>[] => {
    const groups = buildGroups(lowered.units[kind], lowered.languages[kind], flavors[kind]);
    if (Array.isArray(groups)) return groups;
    report(
      "X004",
      tooLargeMessage(kind, groups),
      "replace patterns such as `**/a/**` by ones that begin with a folder",
    );
    return [];
  };
  const groups = { path: groupsOf("path"), exec: groupsOf("exec"), endpoint: groupsOf("endpoint") };
  const args = lowered.argumentAtoms.length === 0 ? null : buildArguments(lowered.argumentAtoms);
  if (args === null && lowered.argumentAtoms.length > 0) {
    report(
      "X005",
      `the ${lowered.argumentAtoms.length} argument patterns need more than ${argumentStatesMax} states together`,
      "write fewer argument patterns of the form `*word*`",
    );
  }
  if (lowered.entries.length > entriesMax) {
    report(
      "X007",
      `the policy needs ${lowered.entries.length} entries, and ${entriesMax} is the most`,
      "simplify conditions",
    );
  }
  if (hasErrors(diagnostics)) return null;
  const tables = writeImage(lowered, groups, args as ArgumentAutomaton | null, imageWordsMax);
  if (tables.image.length > imageWordsMax) {
    report(
      "X008",
      `the tables need more than ${imageWordsMax * 4} bytes`,
      "divide the policy among several domains",
    );
    return null;
  }
  return tables;
}

function tooLargeMessage(kind: NameKind, { patterns, statesMax }: TooLarge): string {
  const names = { path: "file", exec: "program", endpoint: "endpoint" }[kind];
  return `the ${patterns} ${names} patterns multiply each other: they need more automata than there may be, of over ${statesMax} states each`;
}

function wholePolicyError(
  code: string,
  message: string,
  help: string,
  source: Source | undefined,
): Diagnostic {
  return {
    severity: "error",
    code,
    message,
    source: source ?? nameless,
    span: { start: 0, end: 0 },
    help,
  };
}
