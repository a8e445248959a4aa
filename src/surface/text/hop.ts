// One step of a chain of causes as a line: `pid 4702 (/bin/cat) read /work/.env`.

import type { Step } from "../../runtime/processes.ts";
import type { Hop } from "../../runtime/provenance.ts";
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

/** `before` is the hop before it. */
export function hopText(hop: Hop, before: Hop | undefined): string {
  const { how, who, what } = hop;
  if (how === "inherit") return inheritText(hop);
  if (how === "become") return `pid ${who.pid} (${shown(what)}) ${hopVerbs[how]} ${shown(who.exe)}`;
  const self = how === "exec" && who.exe === what;
  const same = isRenamed(hop, before) ? ", which is the same" : "";
  return `${self ? `pid ${who.pid}` : stepText(who)} ${hopVerbs[how]} ${shown(what)}${same}`;
}

/** What was written has another name now. */
function isRenamed({ how, what }: Hop, before: Hop | undefined): boolean {
  return how === "read" && before?.how === "write" && before.what !== what;
}

function inheritText({ who, over }: Hop): string {
  const [first, ...between] = over;
  const more = between.length === 0 ? "" : `, over ${between.length} between`;
  return `${stepText(who)} ${hopVerbs.inherit} ${first === undefined ? "" : stepText(first)}${more}`;
}

export function stepText({ pid, exe }: Step): string {
  return exe === "" ? `pid ${pid}` : `pid ${pid} (${shown(exe)})`;
}
