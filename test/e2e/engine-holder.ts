// A daemon in small: opens the engine pinned at argv[2] in the tier argv[3]. Where nothing was pinned it puts the
// process argv[4] into a domain of the image in the file argv[5]. Says so, and goes on to swap the domain's policy among
// the images in argv[5] and behind until it is killed.

import { readFileSync } from "node:fs";
import type { Tier } from "../../src/kernel/kernel.ts";
import { openEngine } from "../../src/kernel/live.ts";

const [pins = "", tier = "", tgid = "", ...imageFiles] = process.argv.slice(2);
const images = imageFiles.map((file) => {
  const bytes = readFileSync(file);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
});
const engine = await openEngine({
  tier: tier as Tier,
  ringBytes: 1 << 18,
  programs: "all",
  pins,
  onEvent: () => {},
});
const [adopted] = engine.adopted;
const session = adopted?.session ?? engine.newSession();
if (adopted === undefined) {
  await engine.setDomain(7, session, images[0] as Uint32Array);
  engine.admit(Number(tgid), 7);
}
process.stdout.write(`${JSON.stringify({ session, adopted: engine.adopted })}\n`);
for (;;) for (const image of images) await engine.setDomain(7, session, image);
