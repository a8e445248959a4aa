// Addresses: IPv4, IPv6 and IPv4 in IPv6, streams and datagrams, ports and ranges.
//
// Every server answers, and notes who spoke to it: `heard` is the proof from outside.

import { release } from "node:os";
import { addressBlock, allowed, type Case, earlyKill, leaked, noted, type Suite } from "../case.ts";

const policy = `
rule no-four:
  block connect "127.0.0.1:{tcp.block}"
rule no-six:
  block connect "[::1]:{tcp6.block}"
rule no-datagrams:
  block connect "127.0.0.1:{udp.block}"
rule no-datagrams-six:
  block connect "[::1]:{udp6.block}"
rule no-range:
  block connect "127.0.2.0/24"
rule no-prefix:
  block connect "127.3."
rule kill-four:
  kill connect "127.0.0.1:{tcp.kill}"
rule note-four:
  notify connect "127.0.0.1:{tcp.note}"
rule only-tcp:
  block connect "tcp://127.0.4.0/24"
rule only-v6-range:
  block connect "fd00::/8" unless target "[::1]:{tcp6.block}"
rule no-bind:
  block bind "127.0.5.0/24"
`;

const talks = { effect: (_: string, heard: (name: string) => boolean) => heard("{name}") };
const four = { ...talks, rule: "no-four", expected: addressBlock } as const;

/** Where a call sends and connects in one. */
function withData(
  words: string,
  script: string,
  protocol = 0,
  needs: () => string | null = () => null,
): readonly Case[] {
  const run = (port: string) => [
    "/usr/bin/python3",
    "-ISc",
    `import _socket\ns = _socket.socket(2, 1, ${protocol})\na = ('127.0.0.1', ${port})\n${script}\ns.recv(9)`,
  ];
  return [
    { ...four, name: `connect ${words}`, run: run("{tcp.block}"), needs },
    {
      ...talks,
      name: `connect ${words} to another port`,
      expected: allowed,
      run: run("{tcp.free}"),
      needs,
    },
  ];
}

/** Null: this kernel sends over several paths with the packet that connects. */
function firstPacketOverPaths(): string | null {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 2) ? null : "kernels before 6.2 refuse it";
}

const cases: readonly Case[] = [
  { ...four, name: "connect", run: ["{act}", "tcp", "127.0.0.1", "{tcp.block}", "{name}"] },
  {
    ...four,
    name: "connect from a daemon",
    run: ["{act}", "setsid", "tcp", "127.0.0.1", "{tcp.block}", "{name}"],
    code: 0,
  },
  {
    ...four,
    name: "connect by a thread",
    run: ["{act}", "thread", "tcp", "127.0.0.1", "{tcp.block}", "{name}"],
  },
  {
    ...four,
    name: "connect to the IPv4 address in IPv6",
    run: ["{act}", "tcp", "::ffff:127.0.0.1", "{tcp.block}", "{name}"],
  },
  {
    ...four,
    name: "connect by bash",
    run: [
      "bash",
      "-c",
      "exec 3<>/dev/tcp/127.0.0.1/{tcp.block} && echo {name} >&3 && read -r line <&3",
    ],
  },
  {
    ...four,
    name: "connect by curl",
    run: ["curl", "-s", "-m", "20", "-H", "X: {name}", "http://127.0.0.1:{tcp.block}/"],
  },
  {
    ...four,
    name: "connect by python3",
    run: [
      "/usr/bin/python3",
      "-ISc",
      "import _socket\ns = _socket.socket(2, 1)\ns.connect(('127.0.0.1', {tcp.block}))\ns.send(b'{name}')\ns.recv(9)",
    ],
  },
  ...withData("with data, by sendto", "s.sendto(b'{name}', 0x20000000, a)"),
  ...withData("with data, by sendmsg", "s.sendmsg([b'{name}'], [], 0x20000000, a)"),
  ...withData(
    "that the first write makes",
    "s.setsockopt(6, 30, 1)\ns.connect(a)\ns.send(b'{name}')",
  ),
  ...withData("over several paths", "s.connect(a)\ns.send(b'{name}')", 262),
  ...withData(
    "over several paths with data",
    "s.sendto(b'{name}', 0x20000000, a)",
    262,
    firstPacketOverPaths,
  ),
  {
    ...talks,
    name: "connect to another port",
    expected: allowed,
    run: ["{act}", "tcp", "127.0.0.1", "{tcp.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect over IPv6",
    rule: "no-six",
    expected: addressBlock,
    run: ["{act}", "tcp", "::1", "{tcp6.block}", "{name}"],
  },
  {
    ...talks,
    name: "connect over IPv6 to another port",
    expected: allowed,
    run: ["{act}", "tcp", "::1", "{tcp6.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect into an address range",
    rule: "no-range",
    expected: addressBlock,
    run: ["{act}", "tcp", "127.0.2.77", "{tcp.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect beside an address range",
    expected: allowed,
    run: ["{act}", "tcp", "127.0.1.255", "{tcp.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect into a dotted prefix",
    rule: "no-prefix",
    expected: addressBlock,
    run: ["{act}", "tcp", "127.3.4.5", "{tcp.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect where only TCP is refused, by TCP",
    rule: "only-tcp",
    expected: addressBlock,
    run: ["{act}", "tcp", "127.0.4.1", "{tcp.free}", "{name}"],
  },
  {
    ...talks,
    name: "connect where only TCP is refused, by UDP",
    expected: allowed,
    run: ["{act}", "udp-sendto", "127.0.4.1", "{udp.free}", "{name}"],
  },
  {
    ...talks,
    name: "a kill on connect",
    rule: "kill-four",
    expected: earlyKill,
    run: ["{act}", "tcp", "127.0.0.1", "{tcp.kill}", "{name}"],
  },
  {
    ...talks,
    name: "a notify on connect",
    rule: "note-four",
    expected: noted,
    run: ["{act}", "tcp", "127.0.0.1", "{tcp.note}", "{name}"],
  },
  {
    ...talks,
    name: "a datagram to an address",
    rule: "no-datagrams",
    expected: addressBlock,
    run: ["{act}", "udp-sendto", "127.0.0.1", "{udp.block}", "{name}"],
  },
  {
    ...talks,
    name: "several datagrams at once",
    rule: "no-datagrams",
    expected: addressBlock,
    run: ["{act}", "udp-sendmsg", "127.0.0.1", "{udp.block}", "{name}"],
  },
  {
    ...talks,
    name: "a connected datagram socket",
    rule: "no-datagrams",
    expected: addressBlock,
    run: ["{act}", "udp-connect", "127.0.0.1", "{udp.block}", "{name}"],
  },
  {
    ...talks,
    name: "a datagram to the IPv4 address in IPv6",
    rule: "no-datagrams",
    expected: addressBlock,
    run: ["{act}", "udp-sendto", "::ffff:127.0.0.1", "{udp.block}", "{name}"],
  },
  {
    ...talks,
    name: "a datagram over IPv6",
    rule: "no-datagrams-six",
    expected: addressBlock,
    run: ["{act}", "udp-sendto", "::1", "{udp6.block}", "{name}"],
  },
  {
    ...talks,
    name: "a datagram to another port",
    expected: allowed,
    run: ["{act}", "udp-sendto", "127.0.0.1", "{udp.free}", "{name}"],
  },
  {
    name: "bind",
    rule: "no-bind",
    expected: addressBlock,
    run: ["{act}", "tcp-bind", "127.0.5.1", "0"],
    effect: leaked,
  },
  {
    name: "bind of a datagram socket",
    rule: "no-bind",
    expected: addressBlock,
    run: ["{act}", "udp-bind", "127.0.5.1", "0"],
    effect: leaked,
  },
  {
    name: "bind elsewhere",
    expected: allowed,
    run: ["{act}", "tcp-bind", "127.0.6.1", "0"],
    effect: leaked,
  },
];

const leaks: readonly Case[] = [
  {
    ...talks,
    name: "connect with a secret",
    rule: "no-leak",
    expected: addressBlock,
    files: ["secret.env"],
    run: ["bash", "-c", "read -r line < secret.env; exec {act} tcp 127.0.0.1 {tcp.leak} {name}"],
  },
  {
    ...talks,
    name: "connect without a secret",
    expected: allowed,
    run: ["{act}", "tcp", "127.0.0.1", "{tcp.leak}", "{name}"],
  },
];

export const network: Suite = { policy, cases: [...cases, ...leaks] };
