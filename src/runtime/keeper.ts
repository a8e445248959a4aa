// Sees to it that a guardian holds the rules for as long as the command runs: one that is ended by
// somebody (a governed root process can do that in the tracepoint tier) is replaced, and that is told.

import { Guardian } from "../kernel/guardian.ts";
import type { Kernel } from "../kernel/kernel.ts";

export class Keeper {
  #guardian: Guardian | null = null;
  #done = false;

  constructor(
    private readonly kernel: Kernel,
    private readonly onReplaced: () => void,
  ) {}

  /** Resolves when `guardian` holds the links. `tgid` is its number as the kernel counts. */
  async hold(guardian: Guardian, tgid: number): Promise<void> {
    this.#guardian = guardian;
    this.kernel.protect(tgid);
    await guardian.guard({ linkIds: this.kernel.linkIds, membersMapId: this.kernel.procsMapId });
    void guardian.ended.then(() => this.#replace());
  }

  /**
   * The command has ended and we let go: the guardian then goes too, or with `stay` when the last governed process has. Who
   * is the last to hold the rules waits for the kernel to take them down, and nobody waits for the guardian.
   */
  async end(how: "leave" | "stay"): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    try {
      await this.kernel.close();
    } finally {
      if (how === "leave") this.#guardian?.leave();
      else this.#guardian?.stay();
    }
  }

  async #replace(): Promise<void> {
    if (this.#done) return;
    this.onReplaced();
    const guardian = Guardian.start();
    await this.hold(guardian, this.kernel.lastChild());
  }
}
