// What verbs need of the daemon: an answer, or a sentence why there is none.

import { type AskDaemon, daemonAt, socketOf } from "./daemon-client.ts";
import type { Io } from "./io.ts";
import type { DiagnosticJson } from "./text/diagnostic.ts";
import { renderDiagnosticJson } from "./text/diagnostic-json.ts";
import { printable } from "./text/printable.ts";

export interface DaemonChoice {
  /** Where it listens; default ACTPLANE_SOCKET, or the usual path. */
  readonly socket?: string | undefined;
}

/** Why a verb was not done, in the user's words. */
export class Undone extends Error {
  override name = "Undone";

  constructor(
    message: string,
    /** Stands in front of the message. */
    readonly before = "",
  ) {
    super(message);
  }
}

export class DaemonAnswers {
  readonly socket: string;
  readonly #ask: AskDaemon;

  constructor(io: Io, { socket }: DaemonChoice) {
    this.socket = socket ?? socketOf(io.env);
    this.#ask = daemonAt(this.socket);
  }

  /** Whether anybody is there. */
  async isThere(waitMs = 0): Promise<boolean> {
    return (await this.#ask("GET", "/healthz", undefined, waitMs)) !== null;
  }

  /** The shapes are those of the daemon's openapi.json. */
  async ask<Answer>(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body?: object,
    waitMs = 30_000,
  ): Promise<Answer> {
    const reply = await this.#ask(method, path, body, waitMs);
    if (reply === null)
      throw new Undone(
        `no daemon answers at ${printable(this.socket)}; \`sudo actplane serve\` starts one`,
      );
    if (reply.status < 300) return reply.body as Answer;
    if (reply.status === 404 && path.startsWith("/v1/domains/self"))
      throw new Undone("we are in no domain: name one with --domain; `actplane ps` lists them");
    throw refused(reply.body as Problem);
  }
}

interface Problem {
  readonly detail?: string;
  readonly diagnostics?: readonly DiagnosticJson[];
  readonly weak?: readonly { rule: string; text: string; kind: string; reason: string | null }[];
}

function refused({ detail, diagnostics = [], weak = [] }: Problem): Undone {
  const faults = diagnostics.map(renderDiagnosticJson).join("");
  const clauses = weak.map(({ rule, text, kind, reason }) => {
    const why = reason === null ? "" : `\n    ${printable(reason)}`;
    return `  ${kind}  ${printable(`${rule}: ${text}`)}${why}\n`;
  });
  return new Undone(printable(detail ?? "the daemon refused"), faults + clauses.join(""));
}

/** Does a verb's work; what stands in its way is told in a sentence, with exit code 1. */
export async function undoneTold(io: Io, work: () => Promise<number>, code = 1): Promise<number> {
  try {
    return await work();
  } catch (failure) {
    if (!(failure instanceof Undone)) throw failure;
    io.stderr.write(`${failure.before}actplane: ${failure.message}\n`);
    return code;
  }
}
