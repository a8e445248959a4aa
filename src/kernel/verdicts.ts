// What a tier can do about a clause: the verdict that check, compile, doctor and run all show.
// It is computed here once; nothing else knows which hook carries which operation.

import type { OperationName } from "../ir/abi.ts";
import type { CompiledClause } from "../ir/ir.ts";
import type { Tier } from "./kernel.ts";

/** From strong to weak. */
export const verdictKinds = [
  "blocked-before",
  "killed-before-effect",
  "killed-after",
  "observed",
  "unenforceable",
] as const;
export type VerdictKind = (typeof verdictKinds)[number];

export interface Verdict {
  readonly kind: VerdictKind;
  /** Why it is no stronger; null where nothing is missing. */
  readonly reason: string | null;
}

/** How early a tier can act on an operation. */
type Reach =
  /** A hook returns EPERM and nothing happens. */
  | "refused"
  /** No hook, but SIGKILL arrives before the effect. */
  | "killed-before"
  /** The effect has happened when the tier sees the operation. */
  | "after";

const hookReach: Partial<Record<OperationName, Reach>> = {
  exec: "refused",
  open: "refused",
  read: "refused",
  write: "refused",
  create: "refused",
  unlink: "refused",
  rename: "refused",
  link: "refused",
  metadata: "refused",
  truncate: "refused",
  mount: "refused",
  connect: "refused",
  bind: "refused",
  send: "refused",
  signal: "refused",
  ptrace: "refused",
};

/**
 * At the use of a name. A write through a descriptor that was opened before the process had the label that a clause
 * asks for is seen before it happens here too, and killed; but a clause on `write` promises no more than its opens hold.
 */
const traceReach: Partial<Record<OperationName, Reach>> = {
  exec: "killed-before",
  read: "killed-before",
  open: "after",
  write: "after",
  create: "after",
  unlink: "after",
  rename: "after",
  link: "after",
  metadata: "after",
  truncate: "after",
  connect: "refused",
  bind: "refused",
  // A datagram by its address is refused; over a connection the sender is killed and what it sent is dropped.
  send: "killed-before",
};

const reachOfTier: Readonly<Record<Tier, Partial<Record<OperationName, Reach>>>> = {
  lsm: hookReach,
  "modify-return": hookReach,
  tracepoint: traceReach,
};

/** The verdict of a clause in a tier: that of the operation it covers worst. */
export function verdictOf(compiled: CompiledClause, tier: Tier): Verdict {
  if (compiled.unsupported !== null) return unenforceable(compiled.unsupported);
  const verdicts = compiled.operations.map((operation) =>
    verdictOfOperation(compiled.clause.effect, operation, tier),
  );
  return verdicts.reduce((worst, verdict) => (isWeaker(verdict, worst) ? verdict : worst));
}

/** The verdict of one operation of a clause. */
export function verdictOfOperation(
  effect: CompiledClause["clause"]["effect"],
  operation: OperationName,
  tier: Tier,
): Verdict {
  const reach = reachOfTier[tier][operation];
  if (reach === undefined) return unenforceable(`the ${tier} tier does not see \`${operation}\``);
  if (effect === "notify") return { kind: "observed", reason: null };
  if (reach === "after") {
    const reason = `the ${tier} tier sees \`${operation}\` only after it happened`;
    return effect === "kill" ? { kind: "killed-after", reason } : unenforceable(reason);
  }
  if (effect === "kill") return { kind: "killed-before-effect", reason: null };
  if (reach === "refused") return { kind: "blocked-before", reason: null };
  return {
    kind: "killed-before-effect",
    reason: `the ${tier} tier cannot refuse \`${operation}\`; it kills before the effect`,
  };
}

/** Whether `a` is a weaker verdict than `b`. */
export function isWeaker(a: Verdict, b: Verdict): boolean {
  return verdictKinds.indexOf(a.kind) > verdictKinds.indexOf(b.kind);
}

/**
 * Whether the clause is carried out as strongly as a policy may count on: `block` and `kill` at least
 * killed-before-effect, with `require: block` nothing below blocked-before for `block`.
 */
export function isAcceptable(
  effect: CompiledClause["clause"]["effect"],
  verdict: Verdict,
  requireBlock: boolean,
): boolean {
  if (effect === "notify") return true;
  const floor: VerdictKind =
    requireBlock && effect === "block" ? "blocked-before" : "killed-before-effect";
  return verdictKinds.indexOf(verdict.kind) <= verdictKinds.indexOf(floor);
}

function unenforceable(reason: string): Verdict {
  return { kind: "unenforceable", reason };
}
