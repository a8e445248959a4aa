// Random policies of a given size from a fixed seed, for benches and tests of the compiler.

export type PathShape = "folders" | "files" | "floating" | "stars" | "mixed" | "competing";

export interface PathRules {
  readonly text: string;
  readonly patterns: readonly string[];
}

/** Numbers in [0, 1): the same ones for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_";

function words(random: () => number): (count: number) => string {
  const word = () =>
    Array.from(
      { length: 4 + Math.floor(random() * 8) },
      () => letters[Math.floor(random() * letters.length)],
    ).join("");
  return (count) => Array.from({ length: count }, word).join("/");
}

/** `count` rules with a path of `shape` each. */
export function pathRules(shape: PathShape, count: number): PathRules {
  const path = words(randomNumbers(count));
  const shapes: Readonly<Record<PathShape, (i: number) => string>> = {
    folders: () => `/${path(6)}/**`,
    files: () => `/${path(7)}`,
    floating: () => `**/${path(3)}`,
    stars: () => `/${path(1)}/*/${path(1)}/*.${path(1)}`,
    competing: () => `**/${path(1)}/**`,
    mixed: (i) =>
      [`**/${path(1)}.pem`, `/${path(5)}/**`, `src/${path(3)}`, `**/${path(2)}`][i % 4] as string,
  };
  const patterns = Array.from({ length: count }, (_, i) => shapes[shape](i));
  const rules = patterns.map(
    (pattern, i) => `rule r${i}: block write ${JSON.stringify(pattern)} if A because "x"`,
  );
  return { patterns, text: ['source A = exec "agent"', ...rules].join("\n") };
}

export function execRules(count: number): string {
  const name = words(randomNumbers(count));
  const rules = Array.from(
    { length: count },
    (_, i) => `rule r${i}: block exec "${name(1)}" "${name(1)}" because "x"`,
  );
  return rules.join("\n");
}

export function endpointRules(count: number): string {
  const random = randomNumbers(count);
  const below = (limit: number) => Math.floor(random() * limit);
  const rules = Array.from(
    { length: count },
    (_, i) =>
      `rule r${i}: block connect "10.${below(256)}.${below(256)}.0/24:${1 + below(60_000)}" because "x"`,
  );
  return rules.join("\n");
}

/** Paths that some rule matches, and paths close to one. */
export function samplePaths({ patterns }: PathRules, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const pattern = patterns[Math.floor((i * patterns.length) / count)] as string;
    const path = pattern.replace("**/", "/any/").replaceAll("**", "x/y").replaceAll("*", "z");
    return i % 3 === 0 ? `${path}-` : path;
  });
}
