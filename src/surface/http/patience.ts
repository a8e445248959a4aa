// How long a connection may stay without a request, and a request without its body: who sends a byte now and then
// holds no place for ever. (The runtime does not look at the times of connections that it did not accept itself.)

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface PatienceOptions {
  /** Of a connection, between its requests and before the first. */
  readonly idleMs: number;
  /** From a request's headers to the end of its body. */
  readonly bodyMs: number;
}

interface Connection {
  /** Requests that are being answered. */
  active: number;
  timer: ReturnType<typeof setTimeout> | null;
}

export class Patience {
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor(private readonly options: PatienceOptions) {}

  accepted(socket: Socket): void {
    const connection: Connection = { active: 0, timer: null };
    this.#connections.set(socket, connection);
    this.#waitFor(socket, connection);
    socket.once("close", () => stopTimer(connection));
  }

  requested(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.active++;
    stopTimer(connection);
    const late = setTimeout(() => {
      if (!incoming.complete) socket.destroy();
    }, this.options.bodyMs);
    outgoing.once("close", () => {
      clearTimeout(late);
      connection.active--;
      if (connection.active === 0 && !socket.destroyed) this.#waitFor(socket, connection);
    });
  }

  #waitFor(socket: Socket, connection: Connection): void {
    stopTimer(connection);
    connection.timer = setTimeout(() => socket.destroy(), this.options.idleMs);
  }
}

function stopTimer(connection: Connection): void {
  if (connection.timer !== null) clearTimeout(connection.timer);
  connection.timer = null;
}
