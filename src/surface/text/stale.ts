// What shut a gate, as a verb.

import type { GateReference } from "../../runtime/gate-reference.ts";

export function staleVerb({ how }: NonNullable<GateReference["stale_by"]>): string {
  return how === "exec" ? "ran" : how === "read" ? "opened" : "touched";
}
