// Local servers that answer and remember what they were sent. What reaches them is the outside proof that
// a connection was made.

import type { Socket } from "bun";

const streams = ["block", "kill", "note", "free", "source", "leak"] as const;
const streamsSix = ["block", "free"] as const;

export interface Servers {
  /** `{tcp.block}` and so on. */
  readonly names: ReadonlyMap<string, string>;
  /** Everything received until now. */
  readonly heard: () => string;
  /** Connections that were made, whatever was said in them. */
  readonly connections: () => number;
  readonly close: () => void;
}

export async function startServers(): Promise<Servers> {
  const names = new Map<string, string>();
  const closers: (() => void)[] = [];
  let heard = "";
  let connections = 0;
  const hear = (bytes: Uint8Array) => {
    heard += `${Buffer.from(bytes).toString("latin1")}\n`;
  };
  const listen = (name: string, hostname: string) => {
    const server = Bun.listen({
      hostname,
      port: 0,
      socket: {
        open: () => void connections++,
        data: (socket: Socket, bytes: Uint8Array) => {
          hear(bytes);
          socket.end(answer);
        },
      },
    });
    names.set(name, `${server.port}`);
    closers.push(() => server.stop(true));
  };
  const receive = async (name: string, hostname: string) => {
    const socket = await Bun.udpSocket({
      hostname,
      socket: {
        data: (self, bytes, port, address) => {
          hear(bytes);
          self.send("answer", port, address);
        },
      },
    });
    names.set(name, `${socket.port}`);
    closers.push(() => socket.close());
  };
  // All addresses of 127.0.0.0/8 lead to a server on 0.0.0.0.
  for (const name of streams) listen(`tcp.${name}`, "0.0.0.0");
  for (const name of streamsSix) listen(`tcp6.${name}`, "::1");
  for (const name of ["block", "free"]) await receive(`udp.${name}`, "0.0.0.0");
  for (const name of ["block"]) await receive(`udp6.${name}`, "::1");
  return {
    names,
    heard: () => heard,
    connections: () => connections,
    close: () => closers.forEach((close) => close()),
  };
}

const answer = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
