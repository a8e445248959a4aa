// Running a DFA as it comes from determinise.ts, before it is packed.

import type { Dfa } from "../../src/ir/determinise.ts";
import type { Group } from "../../src/ir/groups.ts";

export function nextState(dfa: Dfa, state: number, byte: number): number {
  const number = dfa.classes.classOf[byte] as number;
  const end = dfa.rowStart[state + 1] as number;
  for (let cell = dfa.rowStart[state] as number; cell < end; cell++) {
    if (dfa.rowClass[cell] === number) return dfa.rowNext[cell] as number;
  }
  return dfa.otherwise[state] as number;
}

export function stateAfter(dfa: Dfa, bytes: Uint8Array, start = 0): number {
  let state = dfa.starts[start] as number;
  for (const byte of bytes) state = nextState(dfa, state, byte);
  return state;
}

/** The payloads of the units that a group accepts a name for. */
export function acceptedBy<Payload>(group: Group<Payload>, bytes: Uint8Array): Payload[] {
  const state = stateAfter(group.dfa, bytes);
  return [...(group.accepted[group.dfa.outcome[state] as number] ?? [])];
}
