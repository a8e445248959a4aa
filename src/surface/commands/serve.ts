// `actplane serve`: the daemon. Rules do not depend on it: what it put in force goes on when it is stopped or
// killed, and the next one takes over.

import { resolve } from "node:path";
import { EngineTaken, KernelUnavailable, type Tier } from "../../kernel/kernel.ts";
import { seesKernelPids } from "../../kernel/pid-namespace.ts";
import type { Restored } from "../../runtime/control.ts";
import { Daemon } from "../../runtime/daemon.ts";
import { StoreTaken, StoreUnusable } from "../../runtime/store.ts";
import { socketOf } from "../daemon-client.ts";
import type { Host } from "../host.ts";
import { CannotListen, type Listening, listen } from "../http/server.ts";
import type { Io } from "../io.ts";
import { counted } from "../text/counted.ts";
import { reasonOf } from "../text/failure.ts";
import { type Losses, lossesOf, lossLines } from "../text/losses.ts";
import { printable } from "../text/printable.ts";
import { version } from "../version.ts";

export interface ServeArguments {
  readonly socket?: string;
  readonly tcp?: number;
  readonly state: string;
  readonly pins: string;
  readonly tier?: Tier;
  readonly ringBytes: number;
}

const exits = { ended: 0, failed: 1 } as const;

/** Of what the kernel half could not do as it should is told so often. */
const lossesMs = 60_000;

export async function serve(io: Io, host: Host, given: ServeArguments): Promise<number> {
  const say = (text: string) => void io.stderr.write(`actplane: ${text}\n`);
  const obstacle = obstacleOf();
  if (obstacle !== null) {
    say(obstacle);
    return exits.failed;
  }
  try {
    return await new Serving(host, given, given.socket ?? socketOf(io.env), say).run();
  } catch (failure) {
    const reason = reasonNotToServe(failure, given);
    if (reason === null) throw failure;
    say(reason);
    return exits.failed;
  }
}

function obstacleOf(): string | null {
  if (process.geteuid?.() !== 0) return "`serve` loads programs into the kernel, which needs root";
  if (!seesKernelPids())
    return "`serve` knows its callers by their process numbers, and in this pid namespace they are not the kernel's; run it outside of the container";
  return null;
}

function reasonNotToServe(failure: unknown, { pins }: ServeArguments): string | null {
  if (failure instanceof EngineTaken)
    return `the rules cannot be kept in ${printable(pins)}: ${printable(failure.message)}`;
  if (failure instanceof StoreUnusable)
    return `${printable(failure.message)}: ${reasonOf(failure.cause)}`;
  if (failure instanceof StoreTaken || failure instanceof CannotListen)
    return printable(failure.message);
  if (failure instanceof KernelUnavailable) {
    const answers = failure.answers.map(({ tier, answer }) => `  ${tier.padEnd(13)}  ${answer}`);
    return [
      "this kernel takes none of the programs that would enforce policies",
      ...answers,
      "  `actplane doctor` says what is missing",
    ].join("\n");
  }
  return null;
}

class Serving {
  readonly #stopping = new AbortController();
  #end: ((how: "detach" | "close") => void) | null = null;
  #looking: Timer | undefined;

  constructor(
    private readonly host: Host,
    private readonly given: ServeArguments,
    private readonly socket: string,
    private readonly say: (text: string) => void,
  ) {}

  async run(): Promise<number> {
    const { state, pins, tier, ringBytes, tcp } = this.given;
    const daemon = await Daemon.open({
      openEngine: this.host.openEngine,
      state,
      pins,
      tier: tier ?? null,
      ringBytes,
      ownFiles: { state: resolve(state), socket: resolve(this.socket) },
      monotonicNs: this.host.monotonicNs,
      epochMs: this.host.epochMs,
    });
    const ended = new Promise<"detach" | "close">((resolve) => {
      this.#end = resolve;
    });
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.on(signal, () => this.#end?.("detach"));
    let listening: Listening | null = null;
    try {
      listening = await listen(
        {
          daemon,
          version,
          stopping: this.#stopping.signal,
          stop: ({ all }) => this.#end?.(all ? "close" : "detach"),
          log: (text) => this.say(printable(text)),
        },
        { socket: this.socket, port: tcp ?? null },
      );
      this.#greet(daemon, listening);
      this.#tellLosses(daemon);
      const how = await ended;
      clearInterval(this.#looking);
      this.#stopping.abort();
      // Who waits for our end sees it when the rules have ended, and not before.
      await listening.drain();
      const left = daemon.engine.members().length;
      await daemon.end(how);
      await listening.close();
      this.#farewell(how, left);
      return exits.ended;
    } catch (failure) {
      await listening?.close();
      // Rules that were there before us stay; ours govern nobody yet.
      await daemon.end(daemon.engine.adopted.length > 0 ? "detach" : "close");
      throw failure;
    }
  }

  #greet(daemon: Daemon, { port }: Listening): void {
    const tcp = port === null ? "" : ` and 127.0.0.1:${port}`;
    this.say(`serving at ${printable(this.socket)}${tcp}, ${daemon.engine.tier} tier`);
    if (daemon.restored !== null) for (const text of restoredTexts(daemon.restored)) this.say(text);
  }

  /** Those since the last look; at the start all since the programs were loaded. */
  #tellLosses(daemon: Daemon): void {
    let told: Losses = {};
    const look = () => {
      const counters = daemon.engine.counters();
      for (const line of lossLines(lossesOf(counters, told))) this.say(line);
      told = lossesOf(counters);
    };
    look();
    this.#looking = setInterval(look, lossesMs);
  }

  #farewell(how: "detach" | "close", left: number): void {
    const processes = counted(left, "process", "processes");
    if (how === "close") {
      this.say(
        left === 0
          ? "the rules have ended"
          : `the rules have ended; ${processes} ${left === 1 ? "is" : "are"} no longer governed`,
      );
    } else {
      this.say(left === 0 ? "stopped" : `stopped; the rules go on for ${processes}`);
    }
  }
}

function restoredTexts({ adopted, made, unknown, unseen }: Restored): string[] {
  return [
    ...(adopted === 0 ? [] : [`${counted(adopted, "domain goes", "domains go")} on`]),
    ...(made === 0 ? [] : [`${counted(made, "domain was", "domains were")} put in force again`]),
    ...(unseen === 0
      ? []
      : [
          `of ${counted(unseen, "domain", "domains")} not all files were looked at: one that has several names may be known by one of them only`,
        ]),
    ...(unknown === 0
      ? []
      : [
          `${counted(unknown, "domain is", "domains are")} in the kernel that the state does not know: they stay as they are until \`actplane stop --all\``,
        ]),
  ];
}
