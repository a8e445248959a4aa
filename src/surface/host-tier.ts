// Which way into the kernel this host would use, as far as that is known without loading a policy.

import { type Tier, tiers } from "../kernel/kernel.ts";
import type { Host } from "./host.ts";

/** The first tier that works. `tier` null: none does. Null: not known; trying needs root. */
export async function hostTier(host: Host): Promise<{ readonly tier: Tier | null } | null> {
  for (const tier of tiers) {
    const probe = await host.knownProbe(tier);
    if (probe === null) return null;
    if (probe.works) return { tier };
  }
  return { tier: null };
}
