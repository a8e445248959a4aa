// The settings of bpf/maps.h, fixed when the programs are loaded: what the one policy that they serve has. The verifier
// passes over what is behind a 0, which is most of a start (src/kernel/libbpf/threads.ts); where the image is put hangs on it, and
// nothing else.

import { release } from "node:os";
import {
  automatonKinds,
  entry,
  entryKinds,
  GROUPS_MAX,
  header,
  operationBits,
  TABLE_CHUNK_WORDS,
} from "../ir/abi.ts";
import type { Compiled } from "../ir/ir.ts";
import type { Tier } from "./kernel.ts";
import { isOlder } from "./release.ts";

/** Operations of which a kill in the tracepoint tier comes before the effect; test/e2e holds it. */
const killBeforeOps = operationBits.exec | operationBits.read;

/** Where no label has a higher number, the programs know of the first word of a set only. */
const labelsOfWord = 32;

/** What lets something pass, and so must be earned by whoever runs a program. */
const earnedKinds: readonly number[] = [
  entryKinds.open,
  entryKinds.lineage,
  entryKinds.endorse,
  entryKinds.declassify,
];

/** By the names of the variables. */
export function settingsOf(tier: Tier, compiled: Compiled | "all", kernel = release()) {
  const hasHooks = tier !== "tracepoint";
  const policy = compiled === "all" ? ofAnyPolicy : ofPolicy(compiled);
  return {
    kill_before_ops: hasHooks ? 0 : killBeforeOps,
    // Of a rename the tracepoint tier sees the names and not the object: it remembers objects by the names they are opened
    // by, of one session. For those of a daemon there would be no room.
    remembers_names: Number(!hasHooks && compiled !== "all"),
    // Names that objects go by, besides the one they are found by.
    with_names: compiled === "all" ? Number(heedsNamesOfMany(tier, kernel)) : policy.with_paths,
    ...policy,
  };
}
export type Settings = ReturnType<typeof settingsOf>;

const ofAnyPolicy = {
  with_labels: 1,
  with_many_labels: 1,
  with_flow: 1,
  with_gates: 1,
  with_earnings: 1,
  with_paths: 1,
  with_endpoints: 1,
  with_chunks: 1,
  with_many_groups: 1,
};

function ofPolicy({ image, labels }: Compiled): typeof ofAnyPolicy {
  const word = (at: number) => image[at] ?? 0;
  const kinds = Array.from({ length: word(header.entries) }, (_, number) =>
    word(word(header.entriesAt) + number * entry.size + entry.kind),
  );
  return {
    with_labels: Number(labels.length > 0),
    with_many_labels: Number(labels.some(({ bit }) => bit >= labelsOfWord)),
    with_flow: Number(hasFlow(labels)),
    with_gates: Number(word(header.gates) > 0),
    with_earnings: Number(kinds.some((kind) => earnedKinds.includes(kind))),
    with_paths: Number(word(header.pathOps) !== 0),
    with_endpoints: Number(word(header.endpointOps) !== 0),
    with_chunks: Number(image.length > TABLE_CHUNK_WORDS),
    with_many_groups: Number(
      automatonKinds.some((_, kind) => word(header.automata + kind * GROUPS_MAX + 1) !== 0),
    ),
  };
}

/**
 * Whether rules of many policies hold by other names that files have. 6.1 counts 32 bytes of stack a call where later
 * kernels count 16, and takes the tracepoint tier's largest program for any policy only without that.
 */
export function heedsNamesOfMany(tier: Tier, kernel = release()): boolean {
  return tier !== "tracepoint" || !isOlder(kernel, [6, 12]);
}

/** Maps that nothing is put into under some settings, and whether it is under these. To make them large takes milliseconds. */
export function usesOfMaps(settings: Settings): Readonly<Record<string, boolean>> {
  const flows = settings.with_flow === 1;
  const names = settings.with_names === 1;
  const endpoints = settings.with_endpoints === 1;
  return {
    objects: flows || names,
    moved: names,
    pools: flows,
    runs: settings.with_gates === 1,
    judged: settings.with_paths === 1 || endpoints,
    address_verdicts: endpoints,
    severed: endpoints,
  };
}

/** Whether some label goes with data: those of lineages stay with processes. */
export function hasFlow(labels: Compiled["labels"]): boolean {
  return labels.some(({ hidden }) => !hidden);
}
