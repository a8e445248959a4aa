// The story of one refusal in each of its forms, for the command line and the API.

import type { Found } from "./explained.ts";
import { asciiPicture } from "./picture/ascii.ts";
import { dotPicture } from "./picture/dot.ts";
import { svgPicture } from "./picture/svg.ts";

export const explainFormats = ["text", "ascii", "dot", "svg"] as const;
export type ExplainFormat = (typeof explainFormats)[number];

/** `text` is words, and the picture in characters below them. */
export const drawings: Readonly<Record<ExplainFormat, (found: Found) => string>> = {
  text: ({ text, match }) => `${text}\n${asciiPicture(match)}`,
  ascii: ({ match }) => asciiPicture(match),
  dot: ({ match }) => dotPicture(match),
  svg: ({ match }) => svgPicture(match),
};
