// The folder of a bpffs in which an engine outlives its process:
//
//   /sys/fs/bpf/actplane         only root may enter; who has the engine open holds a lock on it
//   /sys/fs/bpf/actplane/v1      there as a whole or not at all
//     maps/NAME                  `.bss` as `bss`: a bpffs knows no dots
//     links/PROGRAM              as long as one is there, its program runs

import { ptr } from "bun:ffi";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { cString } from "../../base/bytes.ts";
import { EngineTaken } from "../kernel.ts";
import { pinFd, pinnedFd } from "../libbpf/ids.ts";
import { BpfMap } from "../libbpf/map.ts";
import { checked, libc } from "../libc.ts";

const bpffs = "/sys/fs/bpf";

export interface Pinnable {
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** Descriptors of links by their programs' names. */
  readonly links: ReadonlyMap<string, number>;
}

export class Pins {
  readonly #lockFd: number;

  private constructor(
    private readonly folder: string,
    lockFd: number,
  ) {
    this.#lockFd = lockFd;
  }

  /** Throws EngineTaken while another process holds it. */
  static lock(folder: string): Pins {
    if (folder.includes(".")) throw new EngineTaken("names below a bpffs have no dots");
    mountBpffs(folder);
    const parent = dirname(folder);
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    const fd = openSync(parent, "r");
    const [LOCK_EX, LOCK_NB] = [2, 4];
    if (libc.flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      closeSync(fd);
      throw new EngineTaken(`another process has the engine of ${folder} open`);
    }
    const pins = new Pins(folder, fd);
    // Left behind by one that died while it was pinning, before anybody was governed by it, or while it was removing.
    removeFolder(pins.#draft);
    return pins;
  }

  get #draft(): string {
    return `${this.folder}-new`;
  }

  get isThere(): boolean {
    return namesIn(dirname(this.folder)).includes(basename(this.folder));
  }

  write({ maps, links }: Pinnable): void {
    for (const part of ["", "maps", "links"])
      mkdirSync(join(this.#draft, part), { recursive: true, mode: 0o700 });
    for (const [name, map] of maps) map.pin(join(this.#draft, "maps", fileName(name)));
    for (const [name, fd] of links) pinFd(fd, join(this.#draft, "links", name));
    renameSync(this.#draft, this.folder);
  }

  /** Null where it is not pinned. */
  map(name: string): BpfMap | null {
    const file = fileName(name);
    if (!namesIn(join(this.folder, "maps")).includes(file)) return null;
    return BpfMap.pinned(join(this.folder, "maps", file));
  }

  linkFds(): Map<string, number> {
    const folder = join(this.folder, "links");
    return new Map(namesIn(folder).map((name) => [name, pinnedFd(join(folder, name))]));
  }

  /** Ends the programs that nobody else holds. Who dies while doing it leaves a draft, which the next one removes. */
  remove(): void {
    removeFolder(this.#draft);
    if (!this.isThere) return;
    renameSync(this.folder, this.#draft);
    removeFolder(this.#draft);
  }

  /** Of an engine that was removed the folder above goes too. */
  unlock(): void {
    if (!this.isThere) removeIfEmpty(dirname(this.folder));
    closeSync(this.#lockFd);
  }
}

function fileName(map: string): string {
  return map.replace(/^\./, "").replaceAll(".", "_");
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Links first, so that no program runs over maps that are going away. */
function removeFolder(folder: string): void {
  for (const part of ["links", "maps"]) {
    for (const name of namesIn(join(folder, part))) rmSync(join(folder, part, name));
    removeIfEmpty(join(folder, part));
  }
  removeIfEmpty(folder);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not there, or somebody put something into it.
  }
}

/** Where nothing is mounted for it, as in many containers, a bpffs that only root may enter. */
function mountBpffs(folder: string): void {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([, point, type]) => (type === "bpf" && point !== undefined ? [point] : []));
  if (points.some((point) => folder.startsWith(`${point}/`))) return;
  if (!folder.startsWith(`${bpffs}/`))
    throw new EngineTaken(`it is not below a bpffs, such as ${bpffs}`);
  const [source, target, type, options] = ["bpf", bpffs, "bpf", "mode=0700"].map(cString);
  if (source === undefined || target === undefined || type === undefined || options === undefined)
    return;
  checked(`mount ${bpffs}`, libc.mount(ptr(source), ptr(target), ptr(type), 0n, ptr(options)));
}
