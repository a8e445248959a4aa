// Whether the record of a refusal tells over what its labels came: who read the secret, what it wrote, and that the refused
// process read the same.

import type { Hop } from "../../src/runtime/provenance.ts";
import type { Case } from "./case.ts";
import type { CaseRun } from "./matrix.ts";

/** What differs from the case's word; empty: nothing. */
export function hopProblems({ hop }: Case, { records, labelled }: CaseRun): string[] {
  if (hop === undefined) return [];
  if (hop === "none") return labelled.map(({ type, pid }) => `it told of a ${type} of ${pid}`);
  const chain = records[0]?.provenance.find(({ label }) => label === "SECRET");
  if (chain === undefined) return ["nothing was told of the label"];
  const hops = chain.hops.filter(({ how }) => how !== "inherit" && how !== "become");
  const [source] = hops;
  const [written, read] = hops.slice(-2);
  const told = chain.hops.map((each) => `${each.who.pid} ${each.how} ${each.what}`).join(", ");
  const holds =
    chain.complete &&
    source?.how === "read" &&
    source.what.endsWith("/secret.env") &&
    written?.how === "write" &&
    written.object?.kind === hop &&
    read?.how === "read" &&
    identityOf(read) === identityOf(written) &&
    written.who.pid !== read.who.pid &&
    read.who.pid === records[0]?.process.pid;
  return holds ? [] : [`it did not tell of a ${hop}: ${told}`];
}

function identityOf({ object }: Hop): string {
  return `${object?.device} ${object?.inode} ${object?.generation}`;
}
