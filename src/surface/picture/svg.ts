// The graph as a picture that every browser shows: boxes in layers, no script and nothing that is loaded.

import { printable } from "../text/printable.ts";
import { edgeText } from "./edge-text.ts";
import { type GraphEdge, graphOf } from "./graph.ts";
import { boxHeight, type Layout, layoutOf, type Place } from "./layout.ts";
import type { Explained, PictureNode } from "./strands.ts";

/** Characters of a node or an edge; the whole is in its title. */
const charactersMax = 56;
const characterWidth = 7.3;
const padding = 12;

const widthOf = (text: string) => cut(text).length * characterWidth + padding * 2;

const colours: Readonly<Record<PictureNode["kind"], string>> = {
  process: "#e8f0fe",
  object: "#fff8e1",
  gate: "#ede7f6",
  target: "#ffd9d9",
  gap: "#ffffff",
};

export function svgPicture(match: Explained): string {
  const graph = graphOf(match);
  const incoming = (id: string) => graph.edges.filter(({ to }) => to === id);
  const layout = layoutOf(graph, widthOf, (id) =>
    incoming(id).reduce((sum, edge) => sum + widthOf(edgeText(edge)) + padding, 0),
  );
  const headHeight = 40;
  const head = cut(`${match.deed}: ${match.op} ${match.target}`, 120);
  // The words of an edge stand to its right.
  const words = Math.max(0, ...graph.edges.map((edge) => widthOf(edgeText(edge))));
  const drawn = layout.width + words / 2;
  const width = Math.ceil(Math.max(drawn, head.length * characterWidth + padding * 2));
  const shift = (width - layout.width) / 2;
  const height = Math.ceil(layout.height + headHeight);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${padding}" y="24" font-weight="bold">${escaped(head)}</text>`,
    `<g transform="translate(${number(shift)} ${headHeight})">`,
    ...graph.edges.map((edge) => edgeSvg(edge, layout, incoming(edge.to), match)),
    ...graph.nodes.map((node) => nodeSvg(node, layout)),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Edges into one node end beside each other, so that their words do too. */
function edgeSvg(
  edge: GraphEdge,
  { places }: Layout,
  siblings: readonly GraphEdge[],
  { isRefused }: Explained,
): string {
  const [from, to] = [places.get(edge.from), places.get(edge.to)];
  if (from === undefined || to === undefined) return "";
  const room = to.width / (siblings.length + 1);
  const index = siblings.findIndex((each) => each.from === edge.from && each.verb === edge.verb);
  const end: Place = { ...to, x: to.x - to.width / 2 + room * (index + 1) };
  const [y1, y2] = [from.y + boxHeight / 2, end.y - boxHeight / 2];
  const colour = edge.to === "target" && isRefused ? "#c62828" : "#555555";
  const bend = (y2 - y1) / 2;
  const path = `M${number(from.x)} ${number(y1)}C${number(from.x)} ${number(y1 + bend)} ${number(end.x)} ${number(y2 - bend)} ${number(end.x)} ${number(y2)}`;
  const words = edgeText(edge);
  return [
    `<path d="${path}" fill="none" stroke="${colour}" marker-end="url(#arrow)"/>`,
    `<text x="${number((from.x + end.x) / 2 + 6)}" y="${number((y1 + y2) / 2 + 4)}" fill="#333333" font-size="11">${titled(words)}</text>`,
  ].join("");
}

function nodeSvg({ id, kind, text }: PictureNode, { places }: Layout): string {
  const place = places.get(id);
  if (place === undefined) return "";
  const { x, y, width } = place;
  const radius = kind === "process" ? boxHeight / 2 : 3;
  const stroke = kind === "target" ? "#c62828" : kind === "gap" ? "none" : "#555555";
  return `<g><rect x="${number(x - width / 2)}" y="${number(y - boxHeight / 2)}" width="${number(width)}" height="${boxHeight}" rx="${radius}" fill="${colours[kind]}" stroke="${stroke}"/><text x="${number(x)}" y="${number(y + 4)}" text-anchor="middle">${titled(text)}</text></g>`;
}

/** What is cut is whole where the pointer rests. */
function titled(text: string): string {
  const short = cut(text);
  const title = short === printable(text) ? "" : `<title>${escaped(printable(text))}</title>`;
  return `${title}${escaped(short)}`;
}

/** The end of a path says more than its beginning. */
function cut(text: string, max = charactersMax): string {
  const safe = printable(text);
  if (safe.length <= max) return safe;
  return `${safe.slice(0, 12)}...${safe.slice(safe.length - (max - 15))}`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function number(value: number): string {
  return `${Math.round(value * 10) / 10}`;
}
