// The settings of bpf/maps.h, fixed when the programs are loaded: what the one policy that they serve has. The verifier
// passes over what is behind a 0, which is most of a start (src/kernel/libbpf/threads.ts), and nothing else changes.

import { entry, entryKinds, header, operationBits } from "../ir/abi.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Tier } from "./kernel.ts";

/** Operations of which a kill in the tracepoint tier comes before the effect; test/e2e holds it. */
const killBeforeOps = operationBits.exec | operationBits.read;

/** What lets something pass, and so must be earned by whoever runs a program. */
const earnedKinds: readonly number[] = [
  entryKinds.open,
  entryKinds.lineage,
  entryKinds.endorse,
  entryKinds.declassify,
];

/** By the names of the variables. */
export function settingsOf(tier: Tier, compiled: Compiled | "all") {
  const hasHooks = tier !== "tracepoint";
  return {
    kill_before_ops: hasHooks ? 0 : killBeforeOps,
    // Of a rename the tracepoint tier sees the names and not the object: it remembers objects by the names they are opened by.
    with_names: Number(hasHooks || compiled !== "all"),
    remembers_names: Number(!hasHooks && compiled !== "all"),
    ...(compiled === "all" ? ofAnyPolicy : ofPolicy(compiled)),
  };
}
export type Settings = ReturnType<typeof settingsOf>;

const ofAnyPolicy = {
  with_labels: 1,
  with_flow: 1,
  with_gates: 1,
  with_earnings: 1,
  with_paths: 1,
  with_endpoints: 1,
};

function ofPolicy({ image, labels }: Compiled): typeof ofAnyPolicy {
  const word = (at: number) => image[at] ?? 0;
  const kinds = Array.from({ length: word(header.entries) }, (_, number) =>
    word(word(header.entriesAt) + number * entry.size + entry.kind),
  );
  return {
    with_labels: Number(labels.length > 0),
    with_flow: Number(hasFlow(labels)),
    with_gates: Number(word(header.gates) > 0),
    with_earnings: Number(kinds.some((kind) => earnedKinds.includes(kind))),
    with_paths: Number(word(header.pathOps) !== 0),
    with_endpoints: Number(word(header.endpointOps) !== 0),
  };
}

/** Maps that nothing is put into under these settings. To make them in their full size takes milliseconds even so. */
export function unusedMaps(settings: Settings): string[] {
  const keepsNames = settings.with_names && settings.with_paths;
  const used: Readonly<Record<string, number>> = {
    objects: settings.with_flow || keepsNames,
    moved: keepsNames,
    pools: settings.with_flow,
    runs: settings.with_gates,
    judged: settings.with_paths || settings.with_endpoints,
    address_verdicts: settings.with_endpoints,
    severed: settings.with_endpoints,
  };
  return Object.keys(used).filter((name) => !used[name]);
}

/** Whether some label goes with data: those of lineages stay with processes. */
export function hasFlow(labels: Compiled["labels"]): boolean {
  return labels.some(({ hidden }) => !hidden);
}
