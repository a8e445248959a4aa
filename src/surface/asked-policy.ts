// The policy that somebody asks about, compiled, with what this host is known to do: the common
// beginning of why, simulate and the tools of `mcp`.

import { assert } from "../base/assert.ts";
import { hasErrors } from "../base/diagnostic.ts";
import type { AskedPolicy } from "../runtime/why.ts";
import { type CompiledPolicy, compilePolicy, type PolicyChoice } from "./compiled-policy.ts";
import type { Host } from "./host.ts";
import { hostTier } from "./host-tier.ts";
import type { Io } from "./io.ts";

export type AskedPolicyOutcome =
  | (AskedPolicy & { readonly refused: null; readonly notes: readonly string[] })
  | { readonly refused: CompiledPolicy };

/** Throws PolicyFileError where there is nothing to read. */
export async function askedPolicy(
  io: Io,
  host: Host,
  choice: PolicyChoice,
): Promise<AskedPolicyOutcome> {
  const result = await compilePolicy(io, choice);
  const { compiled, source, diagnostics } = result;
  if (hasErrors(diagnostics)) return { refused: result };
  assert(compiled !== null, "a policy without errors is compiled");
  const tier = (await hostTier(host))?.tier ?? null;
  return { refused: null, compiled, source, tier, notes: compiled.notes };
}
