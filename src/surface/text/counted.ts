// Numbers of things in words.

/** `1 clause`, `10,000 clauses`. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
