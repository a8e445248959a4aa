// One command governed from its first instruction to the end of its process tree: the order of steps
// that leaves no moment in which a process runs and its rules do not.
//
//     guardian and launcher start, kernel half loads   (side by side, but for a pid namespace)
//     launcher admitted, guardian holds the links
//     launcher released: it becomes the command
//     events flow until the command ends
//     processes left behind stay governed: the guardian stays with them

import { assert } from "../base/assert.ts";
import type { Source } from "../base/source.ts";
import type { Compiled } from "../ir/ir.ts";
import { Guardian } from "../kernel/guardian.ts";
import { attendTerminal } from "../kernel/jobcontrol.ts";
import type { Counters, Kernel, KernelEvent, OpenKernel, Tier } from "../kernel/kernel.ts";
import { exitCodeOf, type Launch, type LaunchOptions, startLauncher } from "../kernel/launch.ts";
import { seesKernelPids } from "../kernel/pid-namespace.ts";
import type { Clock } from "./clock.ts";
import type { FeedbackRecord } from "./feedback.ts";
import { Keeper } from "./keeper.ts";
import { Session } from "./session.ts";

export interface GovernOptions {
  readonly compiled: Compiled;
  readonly source: Source;
  readonly domain: string;
  readonly clock: Clock;
  readonly tier: Tier | null;
  readonly ringBytes: number;
  readonly launch: LaunchOptions;
  readonly openKernel: OpenKernel;
  /** The kernel half is loaded; the command has not started. False: do not start it. */
  readonly onReady: (kernel: Kernel) => boolean;
  readonly onEvent: (event: KernelEvent, tier: Tier) => void;
  readonly onFeedback: (record: FeedbackRecord) => void;
  /** Somebody ended the guardian; another one is on its way. */
  readonly onGuardianLost: () => void;
  readonly onFilesLeft: () => void;
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

/**
 * What is started before anything is known of the policy, because it takes its time on another processor.
 * Null where our pids are not the kernel's: there both are forked after the kernel half is loaded, which
 * then tells their numbers.
 */
export type Start = { readonly guardian: Guardian; readonly launch: Promise<Launch> } | null;

export function startEarly(options: LaunchOptions): Start {
  if (!seesKernelPids()) return null;
  try {
    return { guardian: Guardian.start(), launch: startLauncher(options) };
  } catch {
    // Who may not start it may not load programs either, as within another run: that is what will be told.
    return null;
  }
}

/** Takes it back: nothing is to be governed. */
export async function cancelStart(start: Start): Promise<void> {
  start?.guardian.leave();
  (await launchOf(start))?.cancel();
}

/** Null where there is none, also because it was refused: something else went wrong before, which is what to tell. */
async function launchOf(start: Start): Promise<Launch | null> {
  return (await start?.launch.catch(() => null)) ?? null;
}

/** Throws KernelUnavailable where no tier works; the launcher and the guardian are then gone. */
export async function govern(start: Start, options: GovernOptions): Promise<GovernResult> {
  let guardian = start?.guardian ?? null;
  let launch: Launch | null = null;
  let kernel: Kernel | null = null;
  let session: Session | null = null;
  let keeper: Keeper | null = null;
  try {
    kernel = await options.openKernel({
      compiled: options.compiled,
      tier: options.tier,
      ringBytes: options.ringBytes,
      onFilesLeft: options.onFilesLeft,
      onEvent: (event) => {
        assert(session !== null, "no events come before a process is admitted");
        session.observe(event);
        options.onEvent(event, session.tier);
      },
    });
    session = new Session({ ...options, tier: kernel.tier });
    guardian ??= Guardian.start();
    keeper = new Keeper(kernel, options.onGuardianLost);
    const held = keeper.hold(guardian, start === null ? kernel.lastChild() : guardian.pid);
    // What there is to say is said while the guardian takes the links.
    const [isWanted] = await Promise.all([options.onReady(kernel), held]);
    launch = await (start?.launch ?? startLauncher(options.launch));
    const tgid = start === null ? kernel.lastChild() : launch.pid;
    if (!isWanted) launch.cancel();
    const exitCode = isWanted ? await run(kernel, launch, tgid) : null;
    kernel.drain();
    const result = resultOf(kernel, exitCode);
    await keeper.end(result.leftBehind > 0 ? "stay" : "leave");
    return result;
  } catch (failure) {
    (launch ?? (await launchOf(start)))?.cancel();
    throw failure;
  } finally {
    await keeper?.end("leave");
    if (keeper === null) {
      guardian?.leave();
      await kernel?.close();
    }
  }
}

/** The exit code of the command. `tgid` is the launcher's number as the kernel counts. */
async function run(kernel: Kernel, launch: Launch, tgid: number): Promise<number> {
  assert(tgid > 0, "the kernel half saw the launcher start");
  kernel.admit(tgid);
  const ignoreTerminal = attendTerminal(launch.pid);
  launch.release({ confined: kernel.tier === "tracepoint" });
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
