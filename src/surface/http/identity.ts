// From a connection to a caller. On the socket the kernel says which process connected and which domain that
// process belongs to now; over TCP a token says which domain. Headers and users prove nothing: a governed
// process that is root is a member of its domain and no more.

import type { Peer } from "../../kernel/peer.ts";
import type { Caller } from "../../runtime/caller.ts";
import type { Daemon } from "../../runtime/daemon.ts";
import { Refusal } from "../../runtime/refusal.ts";

/** How a request reached us. */
export type Way =
  | {
      readonly kind: "socket";
      readonly peer: Peer;
      /** The id of the domain that the process belonged to when it connected; empty: of one that nobody knows. */
      readonly domainAtConnect: string | null;
    }
  | { readonly kind: "tcp"; readonly port: number };

export function callerOf(way: Way, authorization: string | undefined, daemon: Daemon): Caller {
  return way.kind === "socket" ? callerOnSocket(way, daemon) : callerOnTcp(authorization, daemon);
}

/** Asked for every request: a process may be attached while it is connected. */
function callerOnSocket(way: Extract<Way, { kind: "socket" }>, daemon: Daemon): Caller {
  const { peer, domainAtConnect } = way;
  const { pid, uid } = peer;
  const number = daemon.engine.domainOf(pid);
  // In this order: a number that is asked about and then found alive was that process's all the time.
  if (!peer.isAlive())
    throw new Refusal("not-identified", "the process that connected has ended; connect again");
  if (number === null && domainAtConnect === null)
    return uid === 0 ? { kind: "operator", uid, pid } : { kind: "anyone", uid, pid };
  const { registry } = daemon;
  const domain = number === null ? registry.get(domainAtConnect ?? "") : registry.byNumber(number);
  // Governed by a domain that the state does not know: it may ask what anybody may.
  if (domain === null) return { kind: "anyone", uid, pid };
  return { kind: "member", domain: domain.id, via: "socket", pid, uid };
}

function callerOnTcp(authorization: string | undefined, daemon: Daemon): Caller {
  if (authorization === undefined) return { kind: "anyone", uid: null, pid: null };
  const token = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? "";
  const domain = daemon.registry.byToken(token);
  if (domain === null) throw new Refusal("not-identified", "the token is not of any domain");
  return { kind: "member", domain: domain.id, via: "token", pid: null, uid: null };
}
