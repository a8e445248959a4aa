// How a kernel preempts, from what it says of itself.

import { expect, test } from "bun:test";
import {
  interruptsPrograms,
  type Preemption,
  type PreemptionSources,
  preemptionOf,
} from "../../src/kernel/preemption.ts";

const dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-12)";

function check(
  what: string,
  said: Partial<Omit<PreemptionSources, "config">> & { config?: string },
  expected: Preemption | null,
): void {
  test(what, () => {
    const { config, ...rest } = said;
    const options = config === undefined ? null : new Map([[config, "y"]]);
    const sources = { choices: null, version: dynamic, commandLine: "quiet", ...rest };
    expect(preemptionOf({ ...sources, config: () => options })).toBe(expected);
  });
}

check(
  "the choice in force, whatever it was booted with",
  {
    choices: "none voluntary (full) lazy\n",
    commandLine: "preempt=none",
  },
  "full",
);
check("no choice in force is none of them", { choices: "none voluntary full\n" }, null);
check(
  "a kernel that is booted with a choice",
  { commandLine: "quiet preempt=full panic=-1" },
  "full",
);
check("a parameter that ends in the same word", { commandLine: "not.preempt=full" }, null);
check("the choice it was built with", { config: "CONFIG_PREEMPT_VOLUNTARY" }, "voluntary");
check("the lazy one", { config: "CONFIG_PREEMPT_LAZY" }, "lazy");
check("the full one", { config: "CONFIG_PREEMPT" }, "full");
check("a build with choices that tells nothing", {}, null);
check("a build without choices", { version: "#1 SMP PREEMPT Tue" }, "full");
check("a real-time build", { version: "#1 SMP PREEMPT_RT Debian" }, "full");
check("a lazy build", { version: "#1 SMP PREEMPT_LAZY Debian" }, "lazy");
check("a build that does not preempt", { version: "#1 SMP Debian 6.1.1" }, "voluntary");

test("a kernel that does not say how it preempts may interrupt a program", () => {
  const all: (Preemption | null)[] = ["none", "voluntary", "full", "lazy", null];
  expect(all.map(interruptsPrograms)).toEqual([false, false, true, true, true]);
});
