// From where a process has a label: the hops from the label's source to it, walked back through what the
// events told.
//
//     /bin/cat read /work/.env, wrote pipe:[4711]; /usr/bin/tr read pipe:[4711], wrote /work/out;
//     /usr/bin/curl read /work/out
//
// A process has a label since an acquisition of its own or of an ancestor (processes.ts); what it read has
// it from a writer (objects.ts), who has it since an acquisition, and so on. Both are bounded: of what was
// forgotten the chain says that it is not complete.

import type { KernelEvent } from "../kernel/kernel.ts";
import type { Clock } from "./clock.ts";
import { type Gain, type ObjectReference, objectText } from "./objects.ts";
import type { Acquisition, Holder, Processes, Step } from "./processes.ts";

/** One step of the data, in the order of time. */
export interface Hop {
  /**
   * `exec`: ran it; `read`; `connect`: reached an address; `write`; `rename`: gave a source another name (a
   * second one included); `become`: had it as another program; `inherit`: descends from `over[0]`, who had it.
   */
  readonly how: Acquisition["how"] | Gain<unknown>["how"] | "become" | "inherit";
  readonly who: Step;
  /** A path, `pipe:[4711]`, an address, a program; of `become` and `inherit`, the program of `over[0]`. */
  readonly what: string;
  /** ISO 8601, UTC. */
  readonly when: string;
  readonly object: ObjectReference | null;
  /** Of `become` and `inherit`: the process that had the label, and those between it and `who`, eldest first. */
  readonly over: readonly Step[];
}

export interface Chain {
  /** Eldest first: from the source to the process. Never more than `hopsMax`. */
  readonly hops: readonly Hop[];
  /** Hops in the middle that were left out. */
  readonly left_out: number;
  /** False: the first hop is not the source, what came before it is not known. */
  readonly complete: boolean;
  /** Of a chain that is not complete: who had the label from a source itself before its first hop. It came from one of them, or from one that is not known any more. */
  readonly origins: readonly Hop[];
}

export const hopsMax = 64;
/** Nobody reads further, and a walk has to end. */
const walkedMax = 4096;

/** The chain of a label of `event`'s process, this very operation's own gain included. */
export function chainOf(
  event: KernelEvent,
  label: number,
  processes: Processes,
  clock: Clock,
): Chain {
  const now = processes.holder(event.tgid, label);
  // What this very operation would bring is not in the process's history.
  const holder =
    now.acquisition === null ? { ...now, acquisition: processes.acquisitionBy(event, label) } : now;
  return chainTo(holder, label, processes, clock);
}

/** The chain of a label that the process carries. */
export function chainOfProcess(
  tgid: number,
  label: number,
  processes: Processes,
  clock: Clock,
): Chain {
  return chainTo(processes.holder(tgid, label), label, processes, clock);
}

function chainTo(holder: Holder, label: number, processes: Processes, clock: Clock): Chain {
  const { hops, complete, broken } = walkBack(holder, label, processes, clock);
  const all = hops.reverse();
  const origins = processes
    .origins(label)
    .filter(({ timeNs }) => broken !== null && timeNs < broken.timeNs)
    .map((each) => acquired(each, clock));
  const half = hopsMax / 2;
  const kept =
    all.length <= hopsMax ? all : [...all.slice(0, half), ...all.slice(all.length - half)];
  return { hops: kept, left_out: all.length - kept.length, complete, origins };
}

/** Youngest first; `broken` is what brought the label to the first process, from nobody knows where. */
function walkBack(
  from: Holder,
  label: number,
  processes: Processes,
  clock: Clock,
): { hops: Hop[]; complete: boolean; broken: Acquisition | null } {
  const hops: Hop[] = [];
  let holder = from;
  while (hops.length < walkedMax) {
    const acquisition = acquisitionOf(holder, label, processes);
    if (acquisition === null) return { hops, complete: false, broken: null };
    hops.push(...inheritance(holder, clock), acquired(acquisition, clock));
    // A name that is a source explains itself, whatever else was written there.
    const { how, isSource } = acquisition;
    if (isSource === true || (how === "connect" && isSource === null))
      return { hops, complete: true, broken: null };
    const gain = gainOf(acquisition, label, processes);
    if (gain === null)
      return acquisition.isSource === null
        ? { hops, complete: true, broken: null }
        : { hops, complete: false, broken: acquisition };
    hops.push(gained(gain, clock));
    if (gain.how === "rename") return { hops, complete: true, broken: null };
    holder = gain.writer;
  }
  return { hops, complete: false, broken: null };
}

/** The event of a writer's own acquisition may have come after that of its write. */
function acquisitionOf(holder: Holder, label: number, processes: Processes): Acquisition | null {
  if (holder.acquisition !== null) return holder.acquisition;
  const process = processes.get(holder.pid);
  if (process?.startedNs !== holder.startedNs) return null;
  return process.acquired.get(label) ?? null;
}

/** A writer is told before its object carries the label; on another processor it may all the same come later. */
function gainOf(
  { gain, object, timeNs }: Acquisition,
  label: number,
  { objects }: Processes,
): Gain<Holder> | null {
  if (gain !== 0) return objects.gain(gain);
  const last = object && objects.lastGain(object, label);
  return last && last.timeNs < timeNs ? last : null;
}

function inheritance({ pid, exe, over, sinceNs, isAcquirer }: Holder, clock: Clock): Hop[] {
  const [first] = over;
  if (first === undefined) return [];
  const who = { pid, exe };
  return [
    {
      how: isAcquirer ? "become" : "inherit",
      who,
      what: first.exe,
      when: clock.iso(sinceNs),
      object: null,
      over,
    },
  ];
}

function acquired({ how, what, tgid, program, timeNs, object }: Acquisition, clock: Clock): Hop {
  const who = { pid: tgid, exe: program };
  return { how, who, what, when: clock.iso(timeNs), object, over: [] };
}

function gained({ how, object, path, timeNs, writer }: Gain<Holder>, clock: Clock): Hop {
  const who = { pid: writer.pid, exe: writer.exe };
  const what = objectText(path, object);
  return { how, who, what, when: clock.iso(timeNs), object, over: [] };
}
