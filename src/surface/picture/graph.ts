// The strands as one graph: every node and every edge once.

import { type Explained, type PictureEdge, type PictureNode, strandsOf } from "./strands.ts";

export interface GraphEdge extends PictureEdge {
  readonly from: string;
  readonly to: string;
}

export interface Graph {
  readonly nodes: readonly PictureNode[];
  readonly edges: readonly GraphEdge[];
}

export function graphOf(match: Explained): Graph {
  const nodes = new Map<string, PictureNode>();
  const edges = new Map<string, GraphEdge>();
  for (const { steps } of strandsOf(match))
    steps.forEach(({ node, edge }, index) => {
      nodes.set(node.id, node);
      const before = steps[index - 1];
      if (edge === null || before === undefined) return;
      const from = before.node.id;
      edges.set(JSON.stringify([from, node.id, edge.verb]), { ...edge, from, to: node.id });
    });
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
