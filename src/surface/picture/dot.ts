// The graph in the language of Graphviz.

import { printable } from "../text/printable.ts";
import { edgeText } from "./edge-text.ts";
import { graphOf } from "./graph.ts";
import type { Explained, PictureNode } from "./strands.ts";

const shapes: Readonly<Record<PictureNode["kind"], string>> = {
  process: "shape=ellipse",
  object: "shape=box",
  gate: "shape=hexagon",
  target: 'shape=box, style=filled, fillcolor="#ffd9d9"',
  gap: "shape=plaintext",
};

export function dotPicture(match: Explained): string {
  const { nodes, edges } = graphOf(match);
  const numbers = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const lines = [
    `  label=${quoted(`${match.deed}: ${match.op} ${match.target}`)};`,
    '  node [fontname="monospace"]; edge [fontname="monospace", fontsize=10];',
    ...nodes.map(
      ({ id, kind, text }) => `  ${numbers.get(id)} [${shapes[kind]}, label=${quoted(text)}];`,
    ),
    ...edges.map(
      (edge) =>
        `  ${numbers.get(edge.from)} -> ${numbers.get(edge.to)} [label=${quoted(edgeText(edge))}];`,
    ),
  ];
  return `digraph actplane {\n${lines.join("\n")}\n}\n`;
}

function quoted(text: string): string {
  return `"${printable(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
