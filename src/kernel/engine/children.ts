// What a process has started and what that has started, as /proc tells it now.

import { readdirSync, readFileSync } from "node:fs";

/** Without `tgid` itself. Those whose parent has ended are nobody's children any more. */
export function descendantsOf(tgid: number): number[] {
  const found: number[] = [];
  const pending = [tgid];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const children = childrenOf(next).filter((child) => !found.includes(child));
    found.push(...children);
    pending.push(...children);
  }
  return found;
}

function childrenOf(tgid: number): number[] {
  return filesIn(`/proc/${tgid}/task`).flatMap((thread) => {
    const text = textOf(`/proc/${tgid}/task/${thread}/children`);
    return text.split(" ").filter(Boolean).map(Number);
  });
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It has ended.
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
