// What was found out about this kernel, kept until the machine is booted anew. Written by root only, on a file system that
// a boot empties; a record says of which boot it is, should that file system be of another kind.

import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

const folder = "/run/actplane";

/** Where a record of that name lies; it need not be there. */
export function memoryPath(name: string): string {
  return `${folder}/${name}`;
}

/** The path of what is kept by that name; null: there is nothing, or somebody but root could have written it. */
export function keptPath(name: string): string | null {
  const path = memoryPath(name);
  const stat = statSync(path, { throwIfNoEntry: false });
  const writableByOthers = 0o022;
  const isOurs = stat?.isFile() === true && stat.uid === 0 && (stat.mode & writableByOthers) === 0;
  return isOurs ? path : null;
}

/** Keeps `content`, readable by all, whole or not at all. False: it cannot be kept here. */
export function remember(name: string, content: string | Uint8Array): boolean {
  try {
    // Whatever the umask: there is nothing in it that anybody must not read.
    if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o755);
    const draft = memoryPath(`${name}.${process.pid}`);
    writeFileSync(draft, content);
    chmodSync(draft, 0o644);
    renameSync(draft, memoryPath(name));
    return true;
  } catch {
    return false;
  }
}

export function forget(name: string): void {
  rmSync(memoryPath(name), { force: true });
}

export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
