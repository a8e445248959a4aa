// A refusal as a picture: strands that each lead to what was refused, one a label and one a gate. What they share (the
// process that was refused, a file through which two labels came) is one node, so together they are a graph.

import type { GateReference } from "../../runtime/gate-reference.ts";
import type { Step } from "../../runtime/processes.ts";
import type { Chain, Hop } from "../../runtime/provenance.ts";
import { staleVerb } from "../text/stale.ts";

/** A match as far as it can be drawn; a feedback record is more. */
export interface Explained {
  readonly seq: number;
  readonly time: string;
  /** `refused with EPERM, nothing happened`. */
  readonly deed: string;
  /** Whether it was kept from happening, or at least punished. */
  readonly isRefused: boolean;
  readonly op: string;
  readonly target: string;
  /** Null: the file does not say. */
  readonly rule: string | null;
  readonly who: Step;
  readonly chains: readonly (Chain & { readonly label: string })[];
  readonly gates: readonly GateReference[];
}

export interface PictureNode {
  readonly id: string;
  readonly kind: "process" | "object" | "gate" | "target" | "gap";
  readonly text: string;
}

export interface PictureEdge {
  readonly verb: string;
  /** ISO 8601; null: no instant. */
  readonly when: string | null;
}

/** A node and how the one before leads to it; the first has no edge. */
export interface StrandStep {
  readonly node: PictureNode;
  readonly edge: PictureEdge | null;
}

export interface Strand {
  /** A label, or a gate. Empty: the process alone. */
  readonly title: string;
  readonly steps: readonly StrandStep[];
}

export function strandsOf(match: Explained): Strand[] {
  const strands = [
    ...match.chains.map((chain) => chainStrand(chain, match)),
    ...match.gates.map((gate) => gateStrand(gate, match)),
  ];
  if (strands.length > 0) return strands;
  const drawn = new Drawing();
  drawn.to(processNode(match.who));
  return [{ title: "", steps: drawn.refusal(match) }];
}

/** A strand being drawn: every node once, in a line. */
class Drawing {
  readonly #steps: StrandStep[] = [];

  get last(): PictureNode | null {
    return this.#steps.at(-1)?.node ?? null;
  }

  to(node: PictureNode, verb = "", when: string | null = null): void {
    if (node.id === this.last?.id) return;
    this.#steps.push({ node, edge: this.last === null ? null : { verb, when } });
  }

  /** Ends it with the operation. */
  refusal(match: Explained): readonly StrandStep[] {
    const { op, time } = match;
    this.to(targetNode(match), op, time);
    return this.#steps;
  }
}

function chainStrand(chain: Explained["chains"][number], match: Explained): Strand {
  const drawn = new Drawing();
  if (!chain.complete) drawGap(drawn, chain);
  const middle = chain.hops.length / 2;
  chain.hops.forEach((hop, index) => {
    if (chain.left_out > 0 && index === middle)
      drawn.to(gapNode(`${chain.label} ${index}`, `${chain.left_out} more steps`));
    drawHop(drawn, hop, chain.hops[index - 1]);
  });
  // As the record has it: the same process, and what it ran when it was refused.
  drawn.to(processNode(match.who), "became");
  return { title: chain.label, steps: drawn.refusal(match) };
}

/** Of several who may have begun it none is drawn: the words tell them. */
function drawGap(drawn: Drawing, { label, origins }: Explained["chains"][number]): void {
  const [origin, ...others] = origins;
  const isTheOne = origin !== undefined && others.length === 0;
  if (isTheOne) drawHop(drawn, origin, undefined);
  drawn.to(gapNode(label, isTheOne ? "not known" : "what came before is not known"));
}

function drawHop(drawn: Drawing, hop: Hop, before: Hop | undefined): void {
  const { how, who, when, over } = hop;
  switch (how) {
    case "write":
      drawn.to(processNode(who));
      drawn.to(objectNode(hop), "wrote", when);
      return;
    case "rename":
      drawn.to(objectNode(hop));
      return;
    case "become":
    case "inherit":
      for (const each of over) drawn.to(processNode(each), "started");
      drawn.to(processNode(who), how === "become" ? "became" : "started", when);
      return;
    default:
      if (before?.how === "rename")
        drawn.to(objectNode(hop), `renamed by pid ${before.who.pid}`, before.when);
      else drawn.to(objectNode(hop), before?.how === "write" ? "is now" : "");
      drawn.to(processNode(who), hopWords[how], when);
  }
}

const hopWords = { exec: "ran by", read: "read by", connect: "reached by" } as const;

function gateStrand(gate: GateReference, match: Explained): Strand {
  const drawn = new Drawing();
  const id = `gate ${gate.event}`;
  if (gate.ran_by !== null) drawn.to(processNode(gate.ran_by));
  drawn.to({ id, kind: "gate", text: gate.event }, "ran", gate.ran_at);
  const { stale_by } = gate;
  const verb =
    stale_by === null
      ? ""
      : `${stale_by.exe || "?"} (pid ${stale_by.pid}) ${staleVerb(stale_by)} ${stale_by.what}`;
  const state = gate.state === "failed" ? `failed, exit code ${gate.exit_status}` : gate.state;
  drawn.to({ id: `${id} ${gate.state}`, kind: "gate", text: state }, verb, gate.stale_since);
  drawn.to(targetNode(match), "lets nothing pass");
  return {
    title: `\`${gate.event}\``,
    steps: drawn.refusal(match),
  };
}

function processNode({ pid, exe }: Step): PictureNode {
  return {
    id: `process ${pid} ${exe}`,
    kind: "process",
    text: `${exe || "the command's first process"} (pid ${pid})`,
  };
}

function objectNode({ object, what }: Hop): PictureNode {
  const id = object === null ? "" : `${object.device} ${object.inode} ${object.generation}`;
  return { id: `object ${id} ${what}`, kind: "object", text: what };
}

function gapNode(where: string, text: string): PictureNode {
  return { id: `gap ${where}`, kind: "gap", text: `... ${text} ...` };
}

function targetNode({ target, op }: Explained): PictureNode {
  return { id: "target", kind: "target", text: target || op };
}
