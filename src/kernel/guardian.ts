// A second small process that keeps the rules in force when this one is killed.
//
//   const guardian = Guardian.start();                     // at once, so that it is up when it is needed
//   await guardian.guard({ linkIds, membersMapId });       // before the command is released
//   ...
//   guardian.leave();                                      // or stay(), when processes are left behind
//
// BPF links live as long as somebody holds them. The guardian (packaging/attendants) holds them too, and lets go when it is
// told to, or when the last governed process is gone. It notices our end, kill -9 included, by the end of a pipe.

import { closeSync } from "node:fs";
import { attendantCommand, attendantEnvironment, attendantFds, wordsOf } from "./attendant.ts";
import { pipe, readByte, SystemError, writeAll } from "./libc.ts";
import { leaveToRuntime } from "./reaper.ts";

export interface Guarded {
  linkIds: readonly number[];
  /** The hash map of governed processes, keyed by u32 tgid. */
  membersMapId: number;
}

/** The first word of an order; links follow, to hold. */
const order = { guard: 1, leave: 2, stay: 3 } as const;

export class Guardian {
  readonly #ordersFd: number;
  readonly #answersFd: number;
  #ended = false;

  private constructor(
    /** Governed processes must not be able to signal or trace it, as they must not us. */
    readonly pid: number,
    /** Resolves when its process has ended, for whatever reason. */
    readonly ended: Promise<unknown>,
    ordersFd: number,
    answersFd: number,
  ) {
    this.#ordersFd = ordersFd;
    this.#answersFd = answersFd;
  }

  static start(): Guardian {
    const orders = pipe();
    const answers = pipe();
    const child = Bun.spawn({
      ...attendantCommand("__guardian", attendantFds.first),
      cwd: "/",
      env: attendantEnvironment,
      detached: true, // a session of its own: no key of our terminal reaches it
      stdio: ["ignore", "ignore", "inherit", orders.readFd, answers.writeFd],
    });
    child.unref();
    leaveToRuntime(child.pid);
    closeSync(orders.readFd);
    closeSync(answers.writeFd);
    return new Guardian(child.pid, child.exited, orders.writeFd, answers.readFd);
  }

  /** Resolves when it holds the links. Once. */
  async guard({ linkIds, membersMapId }: Guarded): Promise<void> {
    this.#tell(order.guard, membersMapId, linkIds.length, ...linkIds);
    const held = await readByte(this.#answersFd);
    closeSync(this.#answersFd);
    if (!held) throw new Error(`the guardian (pid ${this.pid}) ended before it held the links`);
  }

  /** The rules are no longer needed. */
  leave(): void {
    this.#end("leave");
  }

  /** We end, but governed processes are left and stay governed. */
  stay(): void {
    this.#end("stay");
  }

  #end(end: "leave" | "stay"): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#tell(order[end]);
    } catch (failure) {
      // Gone already: there is nobody to tell.
      if (!(failure instanceof SystemError) || failure.code !== "EPIPE") throw failure;
    }
    closeSync(this.#ordersFd);
  }

  #tell(...words: readonly number[]): void {
    writeAll(this.#ordersFd, wordsOf(...words));
  }
}
