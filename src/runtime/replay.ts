// The lines of `run --events` taken for what happened once more, to explain its matches without the policy and without
// the kernel. What only the policy knows is missing: why a rule is there, and what would satisfy it.

import { parseEndpoint } from "../dsl/endpoint.ts";
import { type OperationName, operationBits } from "../ir/abi.ts";
import { blankEvent, type EventType, type KernelEvent, type Outcome } from "../kernel/kernel.ts";
import type { Clock } from "./clock.ts";
import { type ObjectReference, objectOf } from "./objects.ts";
import { nameOf, Processes } from "./processes.ts";
import { type Chain, chainOf } from "./provenance.ts";

/** What is read of a line; every line of `--events` has it. */
export interface EventLine {
  readonly type: EventType;
  readonly time: string;
  readonly tier: string;
  readonly pid: number;
  readonly tid: number;
  readonly parent: number;
  readonly uid: number;
  readonly ops: readonly OperationName[];
  readonly target: string | null;
  readonly argv: readonly string[] | null;
  readonly labels: readonly string[];
  readonly outcome: Outcome | null;
  readonly effect: KernelEvent["effect"];
  readonly clauses: readonly number[];
  readonly builtin: KernelEvent["builtin"];
  readonly object: ObjectReference | null;
  /** Files of earlier versions do not have them. */
  readonly channels?: readonly ObjectReference[];
  readonly script: string | null;
}

export interface Replayed {
  /** From 1: the match of the file. */
  readonly seq: number;
  readonly line: EventLine;
  readonly exe: string;
  readonly ancestry: readonly { readonly pid: number; readonly exe: string }[];
  /** Of every label that the process has. */
  readonly provenance: readonly (Chain & { readonly label: string })[];
}

export class Replay {
  readonly #processes = new Processes(() => null);
  readonly #labels: string[] = [];
  /** Nanoseconds since 1970 are more than a number holds. */
  readonly #clock: Clock = {
    iso: (instantNs) => new Date(Number(instantNs / 1_000_000n)).toISOString(),
  };
  #timeNs = 0n;
  #seq = 0;

  /** Null: the line is no match, but what follows may be explained by it. */
  take(line: EventLine): Replayed | null {
    const event = this.#eventOf(line);
    this.#processes.observe(event);
    if (line.type !== "match") return null;
    this.#seq++;
    return {
      seq: this.#seq,
      line,
      exe: nameOf(this.#processes.get(line.pid)),
      ancestry: this.#processes
        .ancestors(line.pid)
        .map((each) => ({ pid: each.tgid, exe: nameOf(each) })),
      provenance: event.labels.map((bit) => ({
        label: this.#labels[bit] ?? "",
        ...chainOf(event, bit, this.#processes, this.#clock),
      })),
    };
  }

  #eventOf(line: EventLine): KernelEvent {
    const text = new TextEncoder();
    const argv = line.argv ?? [];
    return {
      ...blankEvent,
      type: line.type,
      timeNs: this.#instant(line.time),
      tgid: line.pid,
      tid: line.tid,
      parent: line.parent,
      uid: line.uid,
      ops: line.ops.reduce((bits, name) => bits | operationBits[name], 0),
      effect: line.effect,
      outcome: line.outcome ?? "observed",
      builtin: line.builtin,
      clauses: line.clauses,
      labels: line.labels.map((name) => this.#bitOf(name)),
      object: line.object && objectOf(line.object),
      channels: (line.channels ?? []).map(objectOf),
      script: line.script === null ? 0 : Math.max(0, argv.indexOf(line.script)),
      first: addressBytes(line.target ?? "") ?? text.encode(line.target ?? ""),
      words: argv.length,
      second: text.encode(argv.map((word) => `${word}\0`).join("")),
    };
  }

  /** Lines of one millisecond follow each other all the same. */
  #instant(time: string): bigint {
    const told = BigInt(Date.parse(time)) * 1_000_000n;
    this.#timeNs = told > this.#timeNs ? told : this.#timeNs + 1n;
    return this.#timeNs;
  }

  #bitOf(name: string): number {
    const known = this.#labels.indexOf(name);
    return known >= 0 ? known : this.#labels.push(name) - 1;
  }
}

/** 19 bytes as bpf/network.h lays them out; null: it is no address. */
function addressBytes(text: string): Uint8Array | null {
  if (!/^(?:tcp|udp):\/\//.test(text)) return null;
  const { endpoint } = parseEndpoint(text);
  if (endpoint.kind !== "address") return null;
  const { address, ports, protocol } = endpoint;
  const port = ports?.low ?? 0;
  return Uint8Array.of(protocol === "udp" ? 17 : 6, ...address, port >> 8, port & 255);
}
