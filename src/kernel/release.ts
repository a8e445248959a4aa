// Which kernel it is, by its number.

export type Release = readonly [major: number, minor: number];

/** `release` is as uname(1) writes it. */
export function isOlder(release: string, than: Release): boolean {
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return major < than[0] || (major === than[0] && minor < than[1]);
}
