// What is said to whoever changes a policy about files that have several names already (src/kernel/second-names.ts):
// where rules do not hold by each of them.
//
// With a file stays what was said of its name first, for the whole session. So a file that was shown under one policy
// is held by what a later one adds by the name that this is about, and not by its others.

import type { Compiled } from "../ir/ir.ts";
import type { Engine } from "../kernel/kernel.ts";
import type { DomainState, SessionState } from "./registry.ts";

/** By device and inode: the image under which the file was shown first. */
type FirstImages = Map<string, Uint32Array>;

export class SecondNames {
  /** Null: an earlier daemon knew. */
  readonly #sessions = new WeakMap<SessionState, FirstImages | null>();

  /** Of a session that goes on: what was shown before is not known. */
  adopt(session: SessionState): void {
    this.#sessions.set(session, null);
  }

  /** Shows what `compiled` is about, which the domain has by now. Sentences about what does not hold as one might think. */
  async show(engine: Engine, { number, session }: DomainState, compiled: Compiled) {
    const { isComplete, isHeeded, files } = await engine.showFiles(number, compiled);
    if (!isHeeded) return files.length > 0 ? [unheededText(files.length)] : [];
    const before = this.#sessions.get(session);
    const first: FirstImages = before ?? new Map();
    if (before !== null) this.#sessions.set(session, first);
    const { image } = compiled;
    const kept = files.filter((file) => before === null || !isEqual(first.get(file), image));
    for (const file of files) if (!first.has(file)) first.set(file, image);
    return [
      ...(isComplete ? [] : [filesLeft]),
      ...(kept.length > 0 ? [keptText(kept.length)] : []),
    ];
  }
}

function isEqual(shown: Uint32Array | undefined, image: Uint32Array): boolean {
  return shown === undefined || shown === image || Buffer.compare(bytes(shown), bytes(image)) === 0;
}

function bytes({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const filesLeft =
  "there are more files than are looked at: one that has several names already may be known by one of them only";

function keptText(count: number): string {
  return `${filesText(count)} may go by what rules said before: rules that are new here hold by the names they are about, and perhaps not by the others`;
}

function unheededText(count: number): string {
  return `${filesText(count)} may be used by any: in the tracepoint tier of this kernel rules hold by the names they are about, and not by the others`;
}

function filesText(count: number): string {
  return count === 1 ? "1 file has several names and" : `${count} files have several names and`;
}
