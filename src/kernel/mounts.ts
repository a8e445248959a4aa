// Where file systems are mounted for the supervisor: the reference by which a file's canonical path is
// told, whatever a governed process mounts, binds or unshares for itself.

import { readFileSync } from "node:fs";

export interface MountPlace {
  /** As the kernel keeps it: major number in the upper 12 bits, minor in the lower 20. */
  readonly device: number;
  /** The kernel's number of the mount. */
  readonly id: number;
  /** The mount point's bytes, without a slash at the end; empty for the root. */
  readonly prefix: Uint8Array;
}

/** The first mount of the whole of each file system. */
export function mountPlaces(
  mountinfo = readFileSync("/proc/self/mountinfo", "latin1"),
): MountPlace[] {
  const places = new Map<number, MountPlace>();
  for (const line of mountinfo.split("\n")) {
    const [id, , numbers, root, point] = line.split(" ");
    if (root !== "/" || numbers === undefined || point === undefined) continue;
    const [major = 0, minor = 0] = numbers.split(":").map(Number);
    const device = major * 2 ** 20 + minor;
    if (places.has(device)) continue;
    places.set(device, { device, id: Number(id), prefix: bytesOf(point === "/" ? "" : point) });
  }
  return [...places.values()];
}

/** mountinfo writes blanks, tabs, newlines and backslashes as octal escapes. */
function bytesOf(escaped: string): Uint8Array {
  const text = escaped.includes("\\") ? unescaped(escaped) : escaped;
  return Buffer.from(text, "latin1");
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
