// Where the nodes of a graph stand: in layers from above to below, each below everything that leads to it.

import type { Graph } from "./graph.ts";

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>;
  readonly width: number;
  readonly height: number;
}

export const boxHeight = 34;
const layerHeight = 96;
const gap = 28;
const margin = 24;

/** `widthOf` tells a node's width in pixels, `edgeWidth` what has to fit beside the edges that come in from above. */
export function layoutOf(
  graph: Graph,
  widthOf: (text: string) => number,
  edgeWidth: (id: string) => number,
): Layout {
  const layers = layersOf(graph);
  const widths = new Map(
    graph.nodes.map(({ id, text }) => [id, Math.max(widthOf(text), edgeWidth(id))]),
  );
  const rowWidth = (row: readonly string[]) =>
    row.reduce((sum, id) => sum + (widths.get(id) ?? 0), gap * (row.length - 1));
  const width = Math.max(0, ...layers.map(rowWidth)) + margin * 2;
  const places = new Map<string, Place>();
  layers.forEach((row, layer) => {
    let left = (width - rowWidth(row)) / 2;
    for (const id of row) {
      const room = widths.get(id) ?? 0;
      places.set(id, {
        x: left + room / 2,
        y: margin + boxHeight / 2 + layer * layerHeight,
        width: widthOf(graph.nodes.find((node) => node.id === id)?.text ?? ""),
      });
      left += room + gap;
    }
  });
  return {
    places,
    width,
    height: margin * 2 + boxHeight + (layers.length - 1) * layerHeight,
  };
}

/** The longest way to a node is its layer; an edge that would close a ring does not count. */
function layersOf({ nodes, edges }: Graph): string[][] {
  const depth = new Map<string, number>();
  const open = new Set<string>();
  const incoming = new Map<string, string[]>();
  for (const { from, to } of edges) incoming.set(to, [...(incoming.get(to) ?? []), from]);
  const visit = (id: string): number => {
    const known = depth.get(id);
    if (known !== undefined) return known;
    if (open.has(id)) return -1;
    open.add(id);
    const found = 1 + Math.max(-1, ...(incoming.get(id) ?? []).map(visit));
    open.delete(id);
    depth.set(id, found);
    return found;
  };
  const layers: string[][] = [];
  for (const { id } of nodes) {
    const layer = visit(id);
    layers[layer] = [...(layers[layer] ?? []), id];
  }
  return Array.from(layers, (layer) => layer ?? []);
}
