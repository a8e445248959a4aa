// States from which nothing can be accepted any more are the dead state: the walk ends there. Subsets
// do not see them, because what an exception or a shadowed target accepts is nothing only in the end.

import type { Dfa } from "./determinise.ts";

/** `dfa` without states that lead to no outcome of `lives`. The others keep their order. */
export function prune(dfa: Dfa, lives: (outcome: number) => boolean): Dfa {
  const alive = aliveStates(dfa, lives);
  const renumbered = new Uint32Array(dfa.states);
  let states = 1;
  for (let state = 1; state < dfa.states; state++)
    if (alive[state] === 1) renumbered[state] = states++;
  if (states === dfa.states) return dfa;

  const otherwise = new Uint32Array(states);
  const outcome = new Uint32Array(states);
  const rowStart = new Uint32Array(states + 1);
  const rowClass = new Uint8Array(dfa.rowClass.length);
  const rowNext = new Uint32Array(dfa.rowNext.length);
  let cells = 0;
  for (let state = 1; state < dfa.states; state++) {
    const number = renumbered[state] as number;
    if (number === 0) continue;
    otherwise[number] = renumbered[dfa.otherwise[state] as number] as number;
    outcome[number] = dfa.outcome[state] as number;
    for (
      let cell = dfa.rowStart[state] as number;
      cell < (dfa.rowStart[state + 1] as number);
      cell++
    ) {
      const next = renumbered[dfa.rowNext[cell] as number] as number;
      if (next === otherwise[number]) continue;
      rowClass[cells] = dfa.rowClass[cell] as number;
      rowNext[cells++] = next;
    }
    rowStart[number + 1] = cells;
  }
  return {
    ...dfa,
    states,
    starts: dfa.starts.map((state) => renumbered[state] as number),
    otherwise,
    outcome,
    rowStart,
    rowClass: rowClass.slice(0, cells),
    rowNext: rowNext.slice(0, cells),
  };
}

/** 1 for every state that accepts something or leads to one that does: backwards from these. */
function aliveStates(dfa: Dfa, lives: (outcome: number) => boolean): Uint8Array {
  const { before, beforeStart } = predecessors(dfa);
  const lively = dfa.outcomes.map((_, outcome) => lives(outcome));
  const alive = new Uint8Array(dfa.states);
  const pending: number[] = [];
  const mark = (state: number) => {
    if (alive[state] === 1) return;
    alive[state] = 1;
    pending.push(state);
  };
  for (let state = 1; state < dfa.states; state++)
    if (lively[dfa.outcome[state] as number]) mark(state);
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const end = beforeStart[state + 1] as number;
    for (let i = beforeStart[state] as number; i < end; i++) mark(before[i] as number);
  }
  return alive;
}

/** Who leads to a state: of state s in `before` from `beforeStart[s]` up to `beforeStart[s + 1]`. */
function predecessors(dfa: Dfa): { before: Uint32Array; beforeStart: Uint32Array } {
  const beforeStart = new Uint32Array(dfa.states + 1);
  forEachEdge(dfa, (_, to) => {
    beforeStart[to + 1] = (beforeStart[to + 1] as number) + 1;
  });
  for (let state = 0; state < dfa.states; state++) {
    beforeStart[state + 1] = (beforeStart[state + 1] as number) + (beforeStart[state] as number);
  }
  const filled = beforeStart.slice();
  const before = new Uint32Array(beforeStart[dfa.states] as number);
  forEachEdge(dfa, (from, to) => {
    const at = filled[to] as number;
    before[at] = from;
    filled[to] = at + 1;
  });
  return { before, beforeStart };
}

function forEachEdge(dfa: Dfa, visit: (from: number, to: number) => void): void {
  for (let state = 1; state < dfa.states; state++) {
    visit(state, dfa.otherwise[state] as number);
    const end = dfa.rowStart[state + 1] as number;
    for (let cell = dfa.rowStart[state] as number; cell < end; cell++)
      visit(state, dfa.rowNext[cell] as number);
  }
}
