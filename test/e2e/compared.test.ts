// The question whether files say the same, while another thread exchanges what it is about: the descriptors are looked up
// when the call begins and at its end, and where they differ nobody can tell which file was read.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpus } from "node:os";
import { join } from "node:path";
import { sharesBlocks } from "./cases/flows.ts";
import { clean, patience, probes, runTool, scratchFolder, toldBy, tool, whyNot } from "./tool.ts";

setDefaultTimeout(150_000 * patience);
const alone = cpus().length < 2 ? "nothing happens during a call with one processor" : null;
const lacking = whyNot() ?? sharesBlocks("btrfs") ?? alone;
if (lacking !== null) console.error(`e2e: skipped: ${lacking}`);
const governed = test.skipIf(lacking !== null);
const promised = process.env.ACTPLANE_E2E_TIER;
const flags = ["--json", "--degraded", ...(promised === undefined ? [] : ["--tier", promised])];

const labels = 'source SECRET = file "**/secret.env"\nrule r: block exec "never" if SECRET';
const noLabels = 'rule r: block exec "never"';

let folder = "";
beforeAll(() => {
  folder = scratchFolder();
});
afterAll(() => clean(folder));

/** test/probes/compare.c under that policy, in a file system of its own where files can be compared. */
async function compare(policy: string, ...how: readonly string[]) {
  const script = `rm -rf image place && truncate -s 320M image && mkfs.btrfs -q image >&2 && mkdir place &&
    mount -o loop image place && rm image && cd place &&
    for name in own one other secret.env; do echo "$name" > "$name"; done && exec "$@" own one other`;
  // Labels that lie with files are what a comparison is looked up for: there is one.
  const governed = ["bash", "-c", '(cat secret.env >> other); exec "$@"', "bash"];
  const words = ["run", ...flags, "--rule", policy, "--", ...governed, join(probes, "compare")];
  const mounted = ["-m", "bash", "-c", script, "bash", tool, ...words, ...how];
  const run = await runTool(mounted, { command: ["unshare"], cwd: folder, timeoutMs: 100_000 });
  const [asked = 0, exchanged = 0] = run.stdout.trim().split(" ").map(Number);
  const { strictPath, strictState } = toldBy(run.stderr).counters;
  return { code: run.code, asked, exchanged, strictPath, strictState };
}

governed("files that stay where they are are compared under rules about labels", async () => {
  const { asked, ...rest } = await compare(labels);
  expect(asked).toBe(1000);
  expect(rest).toEqual({ code: 0, exchanged: 0, strictPath: 0, strictState: 0 });
});

governed("who exchanges them meanwhile is killed for it, once, and it is counted", async () => {
  const free = await compare(noLabels, "exchanged");
  expect(free).toMatchObject({ code: 0, exchanged: 1000, strictPath: 0, strictState: 0 });

  const held = await compare(labels, "exchanged");
  expect(held).toEqual({ code: 137, asked: 0, exchanged: 0, strictPath: 1, strictState: 0 });
});
