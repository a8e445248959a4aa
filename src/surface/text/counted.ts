// Numbers of things in words.

/** `1 clause`, `10,000 clauses`. */
export function counted(count: number, one: string, many: string): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** `10,000`, of a whole number. For toLocaleString the engine reads its tables of languages first: 2 ms of every start. */
export function grouped(count: number): string {
  const digits = String(count);
  return digits.length < 4 ? digits : digits.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}
