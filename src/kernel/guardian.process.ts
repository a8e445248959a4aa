// The guardian: the process that holds the links of the rules beside the supervisor (see guardian.ts).
//
// It blocks in read and sleep and never runs an event loop, so it costs no CPU. After the supervisor's death a SIGTERM to it
// is the way to lift the rules by hand.

import { constants } from "node:os";
import { ownedBytes, ownedCopy } from "../base/bytes.ts";
import { type Guarded, type GuardianOrder, guardianFds } from "./guardian.ts";
import { linkFdById } from "./libbpf/ids.ts";
import { BpfMap } from "./libbpf/map.ts";
import { close, readBlocking, SIG_DFL, SIG_IGN, setSignal, writeAll } from "./libc.ts";

const lookEveryMs = 250;

export function guardianProcess(): never {
  const { SIGHUP, SIGINT, SIGQUIT, SIGTERM } = constants.signals;
  for (const signal of [SIGHUP, SIGINT, SIGQUIT, SIGTERM]) setSignal(signal, SIG_IGN);
  const supervisor = process.ppid;
  let members: BpfMap | null = null;
  let end: "leave" | "stay" | "death" = "death";
  for (const order of orders()) {
    if ("end" in order) end = order.end;
    else members = hold(order.guard);
  }
  if (end === "leave" || members === null) process.exit(0);
  setSignal(SIGTERM, SIG_DFL);
  const count = [...members.keys()].length;
  if (count > 0) say(farewell(end, supervisor, count));
  while (members.nextKey(null) !== null) Bun.sleepSync(lookEveryMs);
  process.exit(0);
}

/** Until the supervisor closes the pipe or dies. */
function* orders(): Generator<GuardianOrder> {
  const chunk = ownedBytes(64 * 1024);
  let text = "";
  for (;;) {
    const count = readBlocking(guardianFds.orders, chunk);
    if (count === 0) return;
    text += Buffer.from(chunk.subarray(0, count)).toString("utf8");
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

/** The descriptors of the links stay open until this process ends; nothing else is needed to keep the rules. */
function hold({ linkIds, membersMapId }: Guarded): BpfMap {
  for (const id of linkIds) linkFdById(id);
  const members = BpfMap.byId(membersMapId);
  writeAll(guardianFds.answers, ownedBytes(1));
  close(guardianFds.answers);
  return members;
}

function farewell(end: "stay" | "death", supervisor: number, count: number): string {
  const processes = count === 1 ? "1 process" : `${count} processes`;
  if (end === "stay") {
    return `the command has ended; the rules stay in force for ${processes} it left behind, but refusals are no longer explained here`;
  }
  return `the supervisor (pid ${supervisor}) is gone; the rules stay in force for ${processes}, but refusals are no longer explained here`;
}

function say(text: string): void {
  try {
    writeAll(2, ownedCopy(new TextEncoder().encode(`actplane: ${text}\n`)));
  } catch {
    // Nobody reads stderr any more; holding the rules does not depend on it.
  }
}
