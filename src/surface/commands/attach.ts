// `actplane attach PID`: a process that runs becomes a member of a domain, or of a new one, with everything it
// started. What cannot be known about its past is said.

import { homedir } from "node:os";
import { DaemonAnswers, type DaemonChoice, undoneTold } from "../daemon.ts";
import { givenText } from "../given-text.ts";
import type { Io } from "../io.ts";
import { howToGives } from "../policy-file.ts";
import { counted } from "../text/counted.ts";
import { printable } from "../text/printable.ts";

export interface AttachArguments extends DaemonChoice {
  readonly pid: number;
  /** An existing domain; default: a new one under the policy. */
  readonly domain?: string;
  readonly policy?: string;
  readonly rule?: string;
  readonly name?: string;
  readonly degraded?: boolean;
  readonly json?: boolean;
}

interface Unknown {
  readonly kind: string;
  readonly what: string | null;
  readonly text: string;
}

interface Attached {
  readonly members: readonly number[];
  readonly unknown: readonly Unknown[];
  readonly more: number;
}

interface Made {
  readonly domain: { readonly id: string };
  readonly process: Attached;
  readonly notes: readonly string[];
}

export function attach(io: Io, given: AttachArguments): Promise<number> {
  return undoneTold(io, async () => {
    const daemon = new DaemonAnswers(io, given);
    const { domain, process } = await (given.domain === undefined
      ? attachAnew(io, daemon, given)
      : attachTo(daemon, given.domain, given.pid));
    if (given.json === true) {
      io.stdout.write(`${JSON.stringify({ schema_version: 1, domain, ...process }, null, 2)}\n`);
      return 0;
    }
    const members = counted(process.members.length, "process", "processes");
    io.stdout.write(`${domain} governs ${members}, process ${given.pid} among them\n`);
    io.stdout.write("what cannot be known:\n");
    for (const { what, text } of process.unknown)
      io.stdout.write(`  ${printable(what === null ? text : `${what}: ${text}`)}\n`);
    if (process.more > 0) io.stdout.write(`  and ${process.more} more\n`);
    return 0;
  });
}

async function attachTo(daemon: DaemonAnswers, domain: string, pid: number) {
  const path = `/v1/domains/${encodeURIComponent(domain)}/processes`;
  return { domain, process: await daemon.ask<Attached>("POST", path, { pid }) };
}

async function attachAnew(io: Io, daemon: DaemonAnswers, given: AttachArguments) {
  const { name, text, folder } = await givenText(io, given.policy, given.rule, howToGives.option);
  const answer = await daemon.ask<Made>("POST", "/v1/domains", {
    name: given.name ?? `pid-${given.pid}`,
    policy: { name, text },
    workspace: folder,
    home: io.env.HOME ?? homedir(),
    pid: given.pid,
    degraded: given.degraded === true,
  });
  for (const note of answer.notes) io.stderr.write(`actplane: note: ${printable(note)}\n`);
  return { domain: answer.domain.id, process: answer.process };
}
