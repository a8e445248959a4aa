// Where the cgroup version 2 tree is mounted: hybrid machines have it beside version 1.

import { readFileSync } from "node:fs";

/** Mount point of cgroup2, or null where none is mounted. */
export function cgroupRoot(): string | null {
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [mount, fileSystem] = line.split(" - ");
    if (fileSystem?.startsWith("cgroup2 ")) return mount?.split(" ")[4] ?? null;
  }
  return null;
}
