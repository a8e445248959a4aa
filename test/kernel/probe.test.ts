// What this machine offers: probing needs root, and what comes of it depends on the kernel.

import { describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { hostFacts } from "../../src/kernel/host-facts.ts";
import { tiers } from "../../src/kernel/kernel.ts";
import { probeTier } from "../../src/kernel/probe.ts";
import { freshProbe, knownProbe, rememberedProbe } from "../../src/kernel/probe-memory.ts";

const asRoot = test.skipIf(process.geteuid?.() !== 0);
const path = "/run/actplane/probes.json";

test("the facts of this host are read, whoever asks", () => {
  const facts = hostFacts();
  expect(facts.release).toMatch(/^\d+\.\d+/);
  expect(facts.hasBtf).toBe(
    statSync("/sys/kernel/btf/vmlinux", { throwIfNoEntry: false }) !== undefined,
  );
  if (facts.lsms !== null) expect(facts.lsms).not.toContain("");
});

describe("probes", () => {
  for (const tier of tiers)
    asRoot(`of the ${tier} tier answer in a few words, and the same again`, () => {
      const probe = probeTier(tier);
      expect(probe.works).toBe(probe.answer === "works");
      expect(probe.answer.length).toBeLessThan(100);
      expect(probeTier(tier)).toEqual(probe);
    });
  asRoot("leave the kernel as it was: sockets can still be made", () => {
    probeTier("lsm");
    const server = Bun.listen({
      unix: `/tmp/actplane-probe-${process.pid}.sock`,
      socket: { data() {} },
    });
    server.stop(true);
  });
});

describe("what was probed is remembered", () => {
  asRoot("until the next boot, where all can read it", () => {
    const probe = freshProbe("tracepoint");
    expect(knownProbe("tracepoint")).toEqual(probe);
    expect(rememberedProbe("tracepoint")).toEqual(probe);
    const memory = JSON.parse(readFileSync(path, "utf8"));
    expect(memory.boot).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });
});
