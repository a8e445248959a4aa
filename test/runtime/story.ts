// Kernel events as a test tells them: who did what, in order, one millisecond apart.
//
//     const story = new Story(policy);
//     story.exec(10, "/usr/bin/claude", ["claude"], { labels: ["AGENT"] });
//     story.match(10, "connect", "tcp://10.0.0.1:443");
//     story.last.provenance

import type { Source } from "../../src/base/source.ts";
import { textDocument } from "../../src/dsl/document.ts";
import { resolveDomain } from "../../src/dsl/domains.ts";
import { type OperationName, operationBits } from "../../src/ir/abi.ts";
import { compile } from "../../src/ir/compile.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { blankEvent, type KernelEvent, type Tier } from "../../src/kernel/kernel.ts";
import { clockAt } from "../../src/runtime/clock.ts";
import type { FeedbackRecord } from "../../src/runtime/feedback.ts";
import { Session } from "../../src/runtime/session.ts";

export const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** `undefined` members keep the default. */
export function eventOf(more: Partial<KernelEvent> = {}): KernelEvent {
  return {
    ...blankEvent,
    tgid: 10,
    tid: 10,
    parent: 1,
    uid: 1000,
    domain: 1,
    session: 1,
    generation: 1,
    ...more,
  };
}

/** 19 bytes as the kernel half tells an address; `host` is dotted, or eight groups joined by `:`. */
export function addressBytes(protocol: "tcp" | "udp", host: string, port: number): Uint8Array {
  const groups = host.includes(":")
    ? host.split(":").map((group) => Number.parseInt(group, 16))
    : [0, 0, 0, 0, 0, 0xffff, ...pairs(host.split(".").map(Number))];
  const address = groups.flatMap((group) => [group >> 8, group & 255]);
  return Uint8Array.from([protocol === "tcp" ? 6 : 17, ...address, port >> 8, port & 255]);
}

function pairs([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number[] {
  return [(a << 8) | b, (c << 8) | d];
}

export function compiledPolicy(
  text: string,
  workspace = "/work",
): { compiled: Compiled; source: Source } {
  const source: Source = { name: "test.policy", text };
  const { policy } = resolveDomain(textDocument(source).value).value;
  const { value: compiled, diagnostics } = compile(policy, {
    workspace,
    home: "/home/user",
    source,
  });
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  return { compiled, source };
}

type Told = Omit<Partial<KernelEvent>, "labels" | "first"> & {
  readonly labels?: readonly string[];
};

export class Story {
  readonly records: FeedbackRecord[] = [];
  readonly events: KernelEvent[] = [];
  readonly session: Session;
  readonly compiled: Compiled;
  #timeNs = 0n;

  constructor(policy: string, tier: Tier = "lsm") {
    const { compiled, source } = compiledPolicy(policy);
    this.compiled = compiled;
    this.session = new Session({
      compiled,
      source,
      domain: "session",
      tier,
      clock: clockAt(0n, Date.UTC(2030, 0, 1)),
      onFeedback: (record) => this.records.push(record),
    });
  }

  get last(): FeedbackRecord {
    const record = this.records.at(-1);
    if (record === undefined) throw new Error("nothing matched yet");
    return record;
  }

  /** The moment of the next event. */
  later(ms: number): void {
    this.#timeNs += BigInt(ms) * 1_000_000n;
  }

  tell(tgid: number, type: KernelEvent["type"], more: Told & { first?: Uint8Array } = {}): void {
    const { labels = [], ...rest } = more;
    this.later(1);
    const event = eventOf({
      type,
      tgid,
      tid: tgid,
      timeNs: this.#timeNs,
      labels: labels.map((name) => this.#label(name)),
      ...rest,
    });
    this.events.push(event);
    this.session.observe(event);
  }

  fork(parent: number, tgid: number, told: Told = {}): void {
    this.tell(tgid, "fork", { parent, ...told });
  }

  exec(tgid: number, program: string, argv: readonly string[], told: Told = {}): void {
    this.tell(tgid, "exec", { ...this.#program(program, argv), ...told });
  }

  /** Of the clauses given, or all. */
  match(
    tgid: number,
    op: OperationName,
    target: string | Uint8Array,
    told: Told & { argv?: readonly string[] } = {},
  ): void {
    const { argv, ...rest } = told;
    this.tell(tgid, "match", {
      ops: operationBits[op],
      outcome: "refused",
      clauses: this.compiled.clauses.map(({ id }) => id),
      ...(argv === undefined ? {} : this.#program("", argv)),
      first: typeof target === "string" ? encoded(target) : target,
      ...rest,
    });
  }

  gate(tgid: number, type: KernelEvent["type"], told: Told & { first?: Uint8Array } = {}): void {
    this.tell(tgid, type, { gates: [0], ...told });
  }

  exit(tgid: number, status = 0): void {
    this.tell(tgid, "exit", { status });
  }

  #program(program: string, argv: readonly string[]): Partial<KernelEvent> & { labels?: never } {
    return {
      ops: operationBits.exec,
      first: encoded(program),
      words: argv.length,
      second: encoded(argv.map((word) => `${word}\0`).join("")),
    };
  }

  #label(name: string): number {
    const label = this.compiled.labels.find((each) => each.name === name);
    if (label === undefined) throw new Error(`no label ${name}`);
    return label.bit;
  }
}
