// What stands at an edge of a picture: the verb and the time of day, which is enough for one run.

import { shown } from "../text/shown.ts";
import type { PictureEdge } from "./strands.ts";

export function edgeText({ verb, when }: PictureEdge): string {
  const time = when === null ? "" : (/T([\d:.]+)Z$/.exec(when)?.[1] ?? "");
  return [shown(verb), time].filter((part) => part !== "").join(", ");
}
