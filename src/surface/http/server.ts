// The sockets: a unix one, whose every connection is asked who it is before it may say anything, and by wish a TCP
// one on the loopback address. Both speak to one app.
//
// Connections are accepted by node:net, because the descriptor is needed for the kernel's word about the peer, and
// handed to node:http, which parses.

import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Peer, peerOf } from "../../kernel/peer.ts";
import { reasonOf } from "../text/failure.ts";
import { buildApp } from "./app.ts";
import type { Served } from "./environment.ts";
import type { Way } from "./identity.ts";
import { Patience, type PatienceOptions } from "./patience.ts";

export interface ServerOptions {
  readonly socket: string;
  /** Of the loopback address; null: no TCP. */
  readonly port: number | null;
  readonly patience?: PatienceOptions;
}

export interface Listening {
  /** As bound: 0 was asked for any. */
  readonly port: number | null;
  /** Ends what is there: long polls answer, streams end. Who asks from now on is told that the daemon is stopping. */
  drain(): Promise<void>;
  /** Drains, and answers nobody any more. */
  close(): Promise<void>;
}

/** Of all callers; the last of them are for root, so that an agent cannot keep its operator out. */
const connectionsMax = 4_096;
const keptForRoot = 256;
/** Of one user that is not root, on the socket. */
const connectionsOfUserMax = 2_048;
const headerBytesMax = 16 * 1024;
const usualPatience: PatienceOptions = { idleMs: 60_000, bodyMs: 60_000 };

/** Why nobody can be served there, as a sentence. */
export class CannotListen extends Error {
  override name = "CannotListen";
}

export async function listen(served: Served, options: ServerOptions): Promise<Listening> {
  const app = buildApp(served);
  const ways = new WeakMap<object, Way>();
  const connections = new Connections();
  const patience = new Patience(options.patience ?? usualPatience);
  let isDraining = false;
  const listener = getRequestListener(
    (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings;
      const way = ways.get(incoming.socket);
      patience.requested(incoming, outgoing);
      if (isDraining) return Response.json({ status: "stopping" }, { status: 503 });
      if (way === undefined) return new Response(null, { status: 500 });
      return app.fetch(request, { way });
    },
    { overrideGlobalObjects: false, errorHandler: () => new Response(null, { status: 400 }) },
  );
  const http = makeHttp(listener);
  const accept = (socket: Socket, way: Way) => {
    ways.set(socket, way);
    patience.accepted(socket);
    http.emit("connection", socket);
  };

  const unix = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    const peer = peerOfSocket(socket);
    if (peer === null || !connections.add(socket, peer.uid)) {
      peer?.close();
      socket.destroy();
      return;
    }
    socket.once("close", () => peer.close());
    // The engine may have ended already.
    const number = isDraining ? null : served.daemon.engine.domainOf(peer.pid);
    const id = number === null ? null : (served.daemon.registry.byNumber(number)?.id ?? "");
    accept(socket, { kind: "socket", peer, domainAtConnect: id });
  });
  await bindSocket(unix, options.socket);
  const tcp = await bindTcp(options.port).catch(async (failure) => {
    await closing(unix);
    throw failure;
  });
  const port = tcp === null ? null : portOf(tcp);
  tcp?.on("connection", (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    if (port === null || !connections.add(socket, null)) socket.destroy();
    else accept(socket, { kind: "tcp", port });
  });

  const drain = async () => {
    if (isDraining) return;
    isDraining = true;
    // Long polls have been told to answer: what is still open after a moment has nothing to say.
    await new Promise((resolve) => setTimeout(resolve, 100));
    connections.destroyAll();
  };
  return {
    port,
    drain,
    close: async () => {
      const closed = [unix, tcp].map((server) => server && closing(server));
      await drain();
      connections.destroyAll();
      await Promise.all(closed);
      http.closeAllConnections();
    },
  };
}

function makeHttp(listener: ReturnType<typeof getRequestListener>): HttpServer {
  const http = createHttpServer({ maxHeaderSize: headerBytesMax }, listener);
  // Long polls are long; the rest is patience.ts's.
  http.timeout = 0;
  return http;
}

/** Who is connected, counted by user. */
class Connections {
  readonly #byUser = new Map<number | null, Set<Socket>>();
  #count = 0;

  /** False: there is no room. `uid` null: over TCP. */
  add(socket: Socket, uid: number | null): boolean {
    const own = this.#byUser.get(uid) ?? new Set();
    const max = uid === 0 ? connectionsMax : connectionsMax - keptForRoot;
    if (this.#count >= max || (uid !== 0 && own.size >= connectionsOfUserMax)) return false;
    this.#byUser.set(uid, own.add(socket));
    this.#count++;
    socket.once("close", () => {
      if (!own.delete(socket)) return;
      this.#count--;
      if (own.size === 0) this.#byUser.delete(uid);
    });
    return true;
  }

  destroyAll(): void {
    for (const sockets of this.#byUser.values()) for (const socket of sockets) socket.destroy();
  }
}

/** Null where nobody can be named: then nothing is said to it. */
function peerOfSocket(socket: Socket): Peer | null {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  try {
    return peerOf(fd);
  } catch {
    return null;
  }
}

/** A path that nobody answers at is a daemon's that was killed. Who may connect is everybody; what they may do is asked of the kernel. */
async function bindSocket(server: Server, path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined) {
      if (!there.isSocket()) throw new CannotListen(`${path} is there and is no socket`);
      if (await isAnswered(path)) throw new CannotListen(`another daemon answers at ${path}`);
      unlinkSync(path);
    }
    await listening(server, { path });
    chmodSync(path, 0o666);
  } catch (failure) {
    if (failure instanceof CannotListen) throw failure;
    throw new CannotListen(`cannot listen at ${path}: ${reasonOf(failure)}`);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function bindTcp(port: number | null): Promise<Server | null> {
  if (port === null) return null;
  const server = createServer();
  try {
    await listening(server, { port, host: "127.0.0.1" });
  } catch (failure) {
    throw new CannotListen(`cannot listen on 127.0.0.1:${port}: ${reasonOf(failure)}`);
  }
  return server;
}

function listening(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where, backlog: 1_024 }, resolve);
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
