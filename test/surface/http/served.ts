// The API on a real socket over an engine without a kernel. The test itself is the peer: who it is, is for the
// engine to say, as it is in life.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KernelEvent } from "../../../src/kernel/kernel.ts";
import { Daemon } from "../../../src/runtime/daemon.ts";
import { type Listening, listen } from "../../../src/surface/http/server.ts";
import { FakeEngine } from "../../kernel/fake-engine.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what it expects
  readonly body: any;
}

export interface Asking {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export class ServedPlane {
  readonly folder = mkdtempSync(join(tmpdir(), "actplane-http-"));
  readonly socket = join(this.folder, "actplane.sock");
  /** Of connections; as short as a test can wait. */
  patience = { idleMs: 60_000, bodyMs: 60_000 };
  readonly logged: string[] = [];
  readonly stopped: { all: boolean }[] = [];
  readonly #stopping = new AbortController();
  engine!: FakeEngine;
  daemon!: Daemon;
  listening!: Listening;

  async open(engine?: FakeEngine): Promise<this> {
    this.daemon = await Daemon.open({
      openEngine: async ({ onEvent }) => {
        this.engine = engine ?? new FakeEngine(onEvent);
        return this.engine;
      },
      state: join(this.folder, "state"),
      tier: null,
      ringBytes: 4096,
      pins: null,
      ownFiles: null,
      monotonicNs: () => BigInt(Math.round(performance.now() * 1e6)),
      epochMs: Date.now,
    });
    this.listening = await listen(
      {
        daemon: this.daemon,
        version: "0.0.0",
        stopping: this.#stopping.signal,
        stop: (how) => void this.stopped.push(how),
        log: (text) => void this.logged.push(text),
      },
      { socket: this.socket, port: 0, patience: this.patience },
    );
    return this;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.listening.close();
    await this.daemon.end("detach");
    rmSync(this.folder, { recursive: true });
  }

  /** This process is from now on a member of the domain; null: of none. */
  become(id: string | null): void {
    if (id === null) this.engine.processes.delete(process.pid);
    else this.engine.processes.set(process.pid, this.daemon.control.existing(id).number);
  }

  ask(path: string, asking: Asking = {}): Promise<Answer> {
    return this.#fetch(`http://localhost${path}`, asking, { unix: this.socket });
  }

  tcp(path: string, token: string | null, asking: Asking = {}): Promise<Answer> {
    const headers: Record<string, string> = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...asking.headers,
    };
    return this.#fetch(
      `http://127.0.0.1:${this.listening.port}${path}`,
      { ...asking, headers },
      {},
    );
  }

  async #fetch(url: string, { body, headers, ...rest }: Asking, more: object): Promise<Answer> {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      ...rest,
      ...more,
      keepalive: false,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  /** A domain that the operator makes; its id and token. */
  async make(
    text = 'rule no-git: block exec "git" because "no"',
    more: Record<string, unknown> = {},
  ): Promise<{ id: string; token: string }> {
    const answer = await this.ask("/v1/domains", {
      body: { name: "agent", ...(text === "" ? {} : { policy: { text } }), ...more },
    });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return { id: answer.body.domain.id, token: answer.body.token };
  }

  /** As if the kernel had refused something to a process of the domain. */
  refuse(id: string, more: Partial<KernelEvent> = {}): void {
    const { number, session, compiled } = this.daemon.control.existing(id);
    this.engine.emit({
      type: "match",
      timeNs: BigInt(Math.round(performance.now() * 1e6)),
      domain: number,
      session: session.number,
      tgid: 10,
      ops: 1,
      effect: "block",
      outcome: "refused",
      clauses: [compiled?.clauses[0]?.id ?? 0],
      first: new TextEncoder().encode("/usr/bin/git"),
      ...more,
    });
  }
}

/** `412 generation-differs`. */
export function brief({ status, body }: Answer): string {
  return body?.code === undefined ? `${status}` : `${status} ${body.code}`;
}
