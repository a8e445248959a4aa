// Which mount a file system's paths are told by.

import { expect, test } from "bun:test";
import { mountPlaces } from "../../src/kernel/mounts.ts";

const mountinfo = [
  "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw",
  "23 22 0:21 / /mnt/a\\040b\\134c rw - tmpfs none rw",
  "24 22 254:1 / /second rw - ext4 /dev/vda1 rw",
  "25 22 254:2 /below /bound rw - ext4 /dev/vda2 rw",
  "",
].join("\n");

test("of each file system the first mount of all of it, its escapes undone", () => {
  const places = mountPlaces(mountinfo).map(({ device, id, prefix }) => ({
    device,
    id,
    prefix: Buffer.from(prefix).toString(),
  }));
  expect(places).toEqual([
    { device: 254 * 2 ** 20 + 1, id: 22, prefix: "" },
    { device: 21, id: 23, prefix: "/mnt/a b\\c" },
  ]);
});
