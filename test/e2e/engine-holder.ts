// A daemon in small: opens the engine pinned at argv[2], puts the process argv[3] into a domain of the image that
// argv[4] holds (in the tier argv[5]), says so, and stays until it is killed.

import { readFileSync } from "node:fs";
import type { Tier } from "../../src/kernel/kernel.ts";
import { openEngine } from "../../src/kernel/live.ts";

const [pins = "", tgid = "", imageFile = "", tier = ""] = process.argv.slice(2);
const bytes = readFileSync(imageFile);
const image = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const engine = await openEngine({
  tier: tier as Tier,
  ringBytes: 1 << 18,
  programs: "all",
  pins,
  onEvent: () => {},
});
const session = engine.newSession();
const { generation } = await engine.setDomain(7, session, image);
engine.admit(Number(tgid), 7);
process.stdout.write(`${JSON.stringify({ session, generation, adopted: engine.adopted })}\n`);
setInterval(() => {}, 1000);
