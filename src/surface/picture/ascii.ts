// The strands one below the other, in characters that every terminal has.
//
//     SECRET
//       [/work/.env]
//         | read by, 19:36:48.029
//       (/bin/cat (pid 102))
//         | connect, 19:36:48.050
//         X refused with EPERM, nothing happened
//       [tcp://10.0.0.1:443]

import { shown } from "../text/shown.ts";
import { edgeText } from "./edge-text.ts";
import { type Explained, type PictureNode, type StrandStep, strandsOf } from "./strands.ts";

export function asciiPicture(match: Explained): string {
  const parts = strandsOf(match).map(({ title, steps }) => {
    const lines = steps.flatMap((step) => stepLines(step, match));
    return [...(title === "" ? [] : [shown(title)]), ...lines.map((line) => `  ${line}`)];
  });
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function stepLines({ node, edge }: StrandStep, { deed, isRefused }: Explained): string[] {
  const text = nodeText(node);
  if (edge === null) return [text];
  const words = edgeText(edge);
  const arrow = words === "" ? "  |" : `  | ${words}`;
  if (node.kind !== "target") return [arrow, "  v", text];
  return [arrow, `  ${isRefused ? "X" : "v"} ${deed}`, text];
}

const brackets: Readonly<Record<PictureNode["kind"], readonly [string, string]>> = {
  process: ["(", ")"],
  object: ["[", "]"],
  target: ["[", "]"],
  gate: ["<", ">"],
  gap: ["", ""],
};

function nodeText({ kind, text }: PictureNode): string {
  const [open, close] = brackets[kind];
  return `${open}${shown(text)}${close}`;
}
