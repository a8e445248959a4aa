// Who asks, and what that lets them do. An operator rules; a member of a domain may tighten it, make children
// of it and read what concerns it; anybody else may ask questions that need no state.
//
// Where a caller comes from is surface/http's to find out: from the kernel on the socket, from a token on TCP.

import { Refusal } from "./refusal.ts";

export type Caller =
  | { readonly kind: "operator"; readonly uid: number; readonly pid: number | null }
  | {
      readonly kind: "member";
      /** The domain's id. */
      readonly domain: string;
      readonly via: "socket" | "token";
      /** Of the process at the other end; null over TCP. */
      readonly pid: number | null;
      readonly uid: number | null;
    }
  | { readonly kind: "anyone"; readonly uid: number | null; readonly pid: number | null };

/** For the audit: `operator uid 0 pid 12`. */
export function callerText(caller: Caller): string {
  const words: string[] = [caller.kind];
  if (caller.kind === "member") words.push(caller.domain, `by ${caller.via}`);
  if (caller.uid !== null) words.push(`uid ${caller.uid}`);
  if (caller.pid !== null) words.push(`pid ${caller.pid}`);
  return words.join(" ");
}

export function requireOperator(caller: Caller, what: string): void {
  if (caller.kind === "operator") return;
  throw refused(caller, `only an operator may ${what}`);
}

/** The caller's own domain, or any for an operator. */
export function requireOwn(caller: Caller, domain: string, what: string): void {
  if (caller.kind === "operator") return;
  if (caller.kind === "member" && caller.domain === domain) return;
  throw refused(caller, `only a member of the domain, or an operator, may ${what}`);
}

function refused(caller: Caller, message: string): Refusal {
  return caller.kind === "anyone" && caller.uid === null
    ? new Refusal("not-identified", `${message}: this request names nobody`)
    : new Refusal("not-allowed", message);
}
