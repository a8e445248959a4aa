// What lies below a folder, for events that move a folder and so everything in it: which gates go stale by
// some name that begins where a state of the automaton stands.

import type { Dfa } from "./determinise.ts";

/** Two words by state: the gates that are accepted by a path which goes on from there, `gatesOf` an outcome. */
export function gatesBelow(dfa: Dfa, gatesOf: (outcome: number) => bigint): Uint32Array {
  const own = dfa.outcomes.map((_, outcome) => gatesOf(outcome));
  const below = new Uint32Array(dfa.states * 2);
  if (own.every((gates) => gates === 0n)) return below;
  const words = own.map((gates) => [Number(gates & 0xffffffffn), Number(gates >> 32n)] as const);
  // States are numbered from the start outwards, so that most of it is known after one pass from the end.
  for (let changed = true; changed; ) {
    changed = false;
    for (let state = dfa.states - 1; state > 0; state--) {
      let [low, high] = [below[state * 2] as number, below[state * 2 + 1] as number];
      const add = (next: number): void => {
        const [ownLow, ownHigh] = words[dfa.outcome[next] as number] as readonly [number, number];
        low |= ownLow | (below[next * 2] as number);
        high |= ownHigh | (below[next * 2 + 1] as number);
      };
      add(dfa.otherwise[state] as number);
      for (let i = dfa.rowStart[state] as number; i < (dfa.rowStart[state + 1] as number); i++)
        add(dfa.rowNext[i] as number);
      if (low >>> 0 === below[state * 2] && high >>> 0 === below[state * 2 + 1]) continue;
      below[state * 2] = low;
      below[state * 2 + 1] = high;
      changed = true;
    }
  }
  return below;
}
