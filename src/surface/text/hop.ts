// A chain of causes as lines, one a step: `pid 4702 (/bin/cat) read /work/.env`.

import type { Step } from "../../runtime/processes.ts";
import type { Chain, Hop } from "../../runtime/provenance.ts";
import { shown } from "./shown.ts";

/** What a hop did, in the past. */
export const hopVerbs: Readonly<Record<Hop["how"], string>> = {
  exec: "ran",
  read: "read",
  connect: "reached",
  write: "wrote",
  rename: "renamed",
  become: "became",
  inherit: "descends from",
};

/** How a name that a program chose is written. */
export type Naming = (text: string) => string;

/** Lines a chain may take for a model; the middle goes. */
const linesMax = 6;

/** With `whole` every step that the record has. */
export function chainLines(
  { hops, left_out, complete, origins }: Chain,
  whole: boolean,
  naming: Naming = shown,
): string[] {
  const lines = hops.map((hop, index) => hopText(hop, hops[index - 1], naming));
  if (!complete) lines.unshift(gapText(origins, naming));
  if ((whole || lines.length <= linesMax) && left_out === 0) return lines;
  const middle = whole ? Math.ceil(lines.length / 2) : 2;
  const head = lines.slice(0, middle);
  const tail = whole ? lines.slice(middle) : lines.slice(-(linesMax - 3));
  const more = lines.length - head.length - tail.length + left_out;
  return [...head, `... ${more} more steps ...`, ...tail];
}

/** Where a chain begins that does not begin at a source. */
function gapText(origins: readonly Hop[], naming: Naming): string {
  if (origins.length === 0) return "(what came before is not known)";
  const known = origins.map((origin) => hopText(origin, undefined, naming)).join(", ");
  return `(what lies between is not known: ${known})`;
}

/** The process, or an ancestor of it, touched the source itself: the last operation says it all. */
export function isDirect({ hops, complete }: Chain): boolean {
  const others = hops.filter(({ how }) => how !== "inherit" && how !== "become");
  return complete && others.length <= 1;
}

/** `before` is the hop before it. */
export function hopText(hop: Hop, before: Hop | undefined, naming: Naming = shown): string {
  const { how, who, what } = hop;
  if (how === "inherit") return inheritText(hop, naming);
  if (how === "become")
    return `pid ${who.pid} (${naming(what)}) ${hopVerbs[how]} ${naming(who.exe)}`;
  const isItself = how === "exec" && who.exe === what;
  const same = isRenamed(hop, before) ? ", which is the same" : "";
  const doer = isItself ? `pid ${who.pid}` : stepText(who, naming);
  return `${doer} ${hopVerbs[how]} ${naming(what)}${same}`;
}

/** What was written has another name now. */
function isRenamed({ how, what }: Hop, before: Hop | undefined): boolean {
  return how === "read" && before?.how === "write" && before.what !== what;
}

function inheritText({ who, over }: Hop, naming: Naming): string {
  const [first, ...between] = over;
  const more = between.length === 0 ? "" : `, over ${between.length} between`;
  const from = first === undefined ? "" : stepText(first, naming);
  return `${stepText(who, naming)} ${hopVerbs.inherit} ${from}${more}`;
}

export function stepText({ pid, exe }: Step, naming: Naming = shown): string {
  return exe === "" ? `pid ${pid}` : `pid ${pid} (${naming(exe)})`;
}
