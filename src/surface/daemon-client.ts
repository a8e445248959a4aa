// Talking to the daemon over its unix socket, as any client may. It knows from the kernel who we are, so
// `self` in a path is the domain that the caller is in.

/** Where the daemon listens unless it was told otherwise. */
export const defaultSocket = "/run/actplane/actplane.sock";

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Null: there is no daemon, or it did not answer in time. */
export type AskDaemon = (
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object,
  waitMs?: number,
) => Promise<Reply | null>;

/** A daemon that is there answers in a few milliseconds; a hook must not hold its harness up. */
const patienceMs = 2000;

export function daemonAt(socket: string): AskDaemon {
  return async (method, path, body, waitMs = 0) => {
    try {
      const response = await fetch(`http://actplane${path}`, {
        method,
        unix: socket,
        signal: AbortSignal.timeout(patienceMs + waitMs),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : JSON.parse(text) };
    } catch {
      return null;
    }
  };
}

export function socketOf(env: Readonly<Record<string, string | undefined>>): string {
  return env.ACTPLANE_SOCKET ?? defaultSocket;
}
