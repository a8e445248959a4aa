// A secret that is passed on: what the tests of records, texts and pictures tell.

import { addressBytes, encoded, Story } from "../runtime/story.ts";

const policy = `source AGENT = exec "claude"
source SECRET = file "**/.env"
rule no-exfiltration:
  block connect "*" if AGENT and SECRET
  because "secrets stay here"`;

const labels = ["AGENT", "SECRET"];
const file = (inode: number) =>
  ({ kind: "file", inode: BigInt(inode), device: 1, generation: 0 }) as const;
const pipe = { kind: "pipe", inode: 4711n, device: 15, generation: 0 } as const;

/** Claude starts bash, which starts bash. */
export function agentAt(text: string, tier: ConstructorParameters<typeof Story>[1] = "lsm"): Story {
  const story = new Story(text, tier);
  story.exec(100, "/usr/bin/claude", ["claude"], { labels: ["AGENT"] });
  story.fork(100, 101, { labels: ["AGENT"] });
  story.exec(101, "/bin/bash", ["bash", "-c", "git push"], { labels: ["AGENT"] });
  story.fork(101, 102, { labels: ["AGENT"] });
  return story;
}

/** Over a pipe and `links` files, a process each; the last wants to send it away. */
export function passedOn(links: number, nameOf = (i: number) => `/work/out-${i}`): Story {
  const story = agentAt(policy);
  story.fork(101, 103, { labels: ["AGENT"] });
  story.exec(103, "/bin/cat", ["cat"], { labels: ["AGENT"] });
  story.tell(103, "label", { ops: 4, labels, first: encoded("/work/.env"), object: file(1) });
  story.tell(103, "object", { ops: 8, labels: ["SECRET"], object: pipe });
  story.exit(103);
  story.fork(101, 104, { labels: ["AGENT"] });
  story.exec(104, "/usr/bin/tee", ["tee"], { labels: ["AGENT"] });
  story.tell(104, "label", { ops: 4, labels, object: pipe });
  for (let i = 0; i < links; i++) {
    const place = { object: file(2 + i), first: encoded(nameOf(i)) };
    story.tell(104 + i, "object", { ops: 8, labels: ["SECRET"], ...place });
    story.fork(101, 105 + i, { labels: ["AGENT"] });
    story.tell(105 + i, "label", { ops: 4, labels, ...place });
  }
  const last = 104 + links;
  story.exec(last, "/bin/curl", ["curl"], { labels });
  story.match(last, "connect", addressBytes("tcp", "10.0.0.1", 443), { labels });
  return story;
}
