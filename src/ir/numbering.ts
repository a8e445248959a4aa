// The numbers that a session gives to labels, gates and clauses. They are written into the state of
// processes, files and gates, so they are never given twice: every policy of the session is compiled with
// what is numbered already and adds to it at the end.
//
//   const parent = compile(policy, { ...places, numbering: noNumbers });
//   const child = compile(larger, { ...places, numbering: parent.value.numbering });
//
// What stands in both has one number, by its meaning: a label by its name, a gate by its event and
// terms, a clause by its rule's name and what it says. Plain data, to be kept as JSON.

export interface NumberedLabel {
  /** The author's name; of a lineage condition its meaning. No two labels share it. */
  readonly key: string;
  readonly name: string;
  readonly hidden: boolean;
}

export interface NumberedGate {
  readonly key: string;
  /** What `struct gate_record` says, which every image of the session says of all gates. */
  readonly exits: number | null;
  readonly withinMs: number | null;
}

/** INVARIANT: an index is the number; an extended numbering begins with the one it extends. */
export interface Numbering {
  readonly labels: readonly NumberedLabel[];
  readonly gates: readonly NumberedGate[];
  /** Keys. */
  readonly clauses: readonly string[];
}

export const noNumbers: Numbering = { labels: [], gates: [], clauses: [] };

/** Numbers of one kind while a policy is compiled. */
export class Numbers<T extends { readonly key: string }> {
  readonly all: T[];
  readonly #numbers: Map<string, number>;

  constructor(known: readonly T[]) {
    this.all = [...known];
    this.#numbers = new Map(known.map(({ key }, number) => [key, number]));
  }

  /** The number of what has that key, `one` if it is new. */
  of(one: T): number {
    const known = this.#numbers.get(one.key);
    if (known !== undefined) return known;
    this.#numbers.set(one.key, this.all.length);
    this.all.push(one);
    return this.all.length - 1;
  }
}
