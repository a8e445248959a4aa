// One command governed from its first instruction to the end of its process tree: the order of steps
// that leaves no moment in which a process runs and its rules do not.
//
//     guardian and launcher start, kernel half loads   (side by side)
//     launcher admitted, guardian holds the links
//     launcher released: it becomes the command
//     events flow until the command ends
//     processes left behind stay governed: the guardian stays with them

import { assert } from "../base/assert.ts";
import type { Source } from "../base/source.ts";
import type { Compiled } from "../ir/ir.ts";
import { Guardian } from "../kernel/guardian.ts";
import { attendTerminal } from "../kernel/jobcontrol.ts";
import type { Counters, Kernel, KernelEvent, KernelOptions, Tier } from "../kernel/kernel.ts";
import { exitCodeOf, type LaunchOptions, startLauncher } from "../kernel/launch.ts";
import type { Clock } from "./clock.ts";
import type { FeedbackRecord } from "./feedback.ts";
import { Session } from "./session.ts";

export interface GovernOptions {
  readonly compiled: Compiled;
  readonly source: Source;
  readonly domain: string;
  readonly clock: Clock;
  readonly tier: Tier | null;
  readonly ringBytes: number;
  readonly launch: LaunchOptions;
  readonly openKernel: (options: KernelOptions) => Promise<Kernel>;
  /** The kernel half is loaded; the command has not started. False: do not start it. */
  readonly onReady: (kernel: Kernel) => boolean;
  readonly onEvent: (event: KernelEvent) => void;
  readonly onFeedback: (record: FeedbackRecord) => void;
}

export interface GovernResult {
  /** As a shell would show it; null: `onReady` said no. */
  readonly exitCode: number | null;
  readonly tier: Tier;
  readonly counters: Counters;
  readonly hits: readonly number[];
  /** Processes that outlive the command and stay governed. */
  readonly leftBehind: number;
}

/** Throws KernelUnavailable where no tier works; the launcher and the guardian are then gone. */
export async function govern(options: GovernOptions): Promise<GovernResult> {
  const session = new Session(options);
  const guardian = Guardian.start();
  let kernel: Kernel | null = null;
  try {
    kernel = await options.openKernel({
      compiled: options.compiled,
      tier: options.tier,
      ringBytes: options.ringBytes,
      onEvent: (event) => {
        session.observe(event);
        options.onEvent(event);
      },
    });
    const exitCode = options.onReady(kernel) ? await run(kernel, guardian, options.launch) : null;
    kernel.drain();
    const result = resultOf(kernel, exitCode);
    if (result.leftBehind > 0) guardian.stay();
    return result;
  } finally {
    guardian.leave();
    await kernel?.close();
  }
}

/** The exit code of the command. */
async function run(kernel: Kernel, guardian: Guardian, options: LaunchOptions): Promise<number> {
  // The launcher is forked after the kernel half is there, which tells its number as the kernel
  // counts: in a container it is not the one we see.
  const launch = await startLauncher(options);
  try {
    const tgid = kernel.lastChild();
    assert(tgid > 0, "the kernel half saw the launcher start");
    kernel.admit(tgid);
    await guardian.guard({ linkIds: kernel.linkIds, membersMapId: kernel.procsMapId });
  } catch (failure) {
    launch.cancel();
    throw failure;
  }
  const ignoreTerminal = attendTerminal(launch.pid);
  launch.release();
  const end = await launch.ended;
  ignoreTerminal();
  return exitCodeOf(end);
}

function resultOf(kernel: Kernel, exitCode: number | null): GovernResult {
  return {
    exitCode,
    tier: kernel.tier,
    counters: kernel.counters(),
    hits: kernel.hits(),
    leftBehind: kernel.members().length,
  };
}
