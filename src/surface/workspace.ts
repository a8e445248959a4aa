// The names in a workspace, for hints about patterns that match none of them. Bounded in number and
// time, and never outside the workspace: symbolic links are named, not followed.

import { readdirSync } from "node:fs";
import { join } from "node:path";

const entriesMax = 50_000;
const timeMsMax = 300;
/** Large, and named by no policy that means its own files. */
const skipped: ReadonlySet<string> = new Set([
  ".git",
  "node_modules",
  "target",
  ".venv",
  "__pycache__",
]);

export interface Workspace {
  /** Relative, folders included, without `/` in front. */
  readonly paths: readonly string[];
  /** False where the walk was cut: then nothing can be said about what is missing. */
  readonly isWhole: boolean;
}

export function walkWorkspace(folder: string): Workspace {
  const paths: string[] = [];
  const deadline = performance.now() + timeMsMax;
  const folders = [""];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of entriesOf(join(folder, at))) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      paths.push(path);
      if (entry.isDirectory()) {
        if (skipped.has(entry.name)) paths.push(`${path}/x`);
        else folders.push(path);
      }
    }
    if (paths.length > entriesMax || performance.now() > deadline) return { paths, isWhole: false };
  }
  return { paths, isWhole: true };
}

/** A folder that cannot be read has no names that we know of. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
