// What a number of a kernel event stands for in a policy. Numbers are the session's, so a policy may not
// know one: a label that another domain of the session gave, a clause of the policy before.

import type { Compiled, CompiledClause, CompiledGate, CompiledLabel } from "./ir.ts";

interface Index {
  readonly clauses: ReadonlyMap<number, CompiledClause>;
  readonly labels: ReadonlyMap<number, CompiledLabel>;
  readonly gates: ReadonlyMap<number, CompiledGate>;
}

const indices = new WeakMap<Compiled, Index>();

export function clauseOf(compiled: Compiled, id: number): CompiledClause | undefined {
  return indexOf(compiled).clauses.get(id);
}

export function labelOf(compiled: Compiled, bit: number): CompiledLabel | undefined {
  return indexOf(compiled).labels.get(bit);
}

export function gateOf(compiled: Compiled, id: number): CompiledGate | undefined {
  return indexOf(compiled).gates.get(id);
}

function indexOf(compiled: Compiled): Index {
  const known = indices.get(compiled);
  if (known !== undefined) return known;
  const index: Index = {
    clauses: new Map(compiled.clauses.map((clause) => [clause.id, clause])),
    labels: new Map(compiled.labels.map((label) => [label.bit, label])),
    gates: new Map(compiled.gates.map((gate) => [gate.id, gate])),
  };
  indices.set(compiled, index);
  return index;
}
