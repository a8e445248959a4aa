// `actplane mcp`: the Model Context Protocol on standard input and output, for the agent that started
// it. Checking and asking why work without a daemon, from the nearest policy file.

import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { whyOf } from "../../runtime/why.ts";
import { askedFrom } from "../ask.ts";
import { askedPolicy } from "../asked-policy.ts";
import { daemonAt, socketOf } from "../daemon-client.ts";
import type { Host } from "../host.ts";
import type { Io } from "../io.ts";
import type { Backend } from "../mcp/backend.ts";
import { mcpServer } from "../mcp/server.ts";
import { PolicyFileError } from "../policy-file.ts";
import { check } from "./check.ts";
import { compile } from "./compile.ts";

/** Runs until standard input ends. */
export async function mcp(io: Io, host: Host): Promise<number> {
  const ended = Promise.withResolvers<void>();
  const backend = localBackend(io, host);
  const served = serveStdio(() => mcpServer(backend), {
    onerror: (error) => io.stderr.write(`actplane mcp: ${error.message}\n`),
  });
  process.stdin.once("end", ended.resolve);
  process.stdin.once("close", ended.resolve);
  await ended.promise;
  await served.close();
  return 0;
}

export function localBackend(io: Io, host: Host): Backend {
  return {
    ask: daemonAt(socketOf(io.env)),
    question: (words) => askedFrom(words, io),
    check: (text) =>
      spoken(io, (quiet) => check(quiet, host, { ...choice(text), failLevel: "error" })),
    explain: (text) =>
      spoken(io, (quiet) => compile(quiet, host, { ...choice(text), explain: true })),
    whyHere: async (asked, situation) => {
      const policy = await askedPolicy(io, host, {}).catch((error) => {
        if (error instanceof PolicyFileError) return null;
        throw error;
      });
      if (policy === null) return null;
      if (policy.refused !== null)
        throw new PolicyFileError("the nearest policy file has errors; `check` lists them");
      return whyOf(policy, asked, situation);
    },
  };
}

/** `undefined` is the nearest file. */
function choice(text: string | null) {
  return { file: undefined, ...(text === null ? {} : { rule: text }) };
}

/** What a command says, standard output and error together. */
async function spoken(io: Io, command: (quiet: Io) => Promise<number>): Promise<string> {
  let said = "";
  const keep = { write: (text: string) => (said += text) };
  await command({ ...io, stdout: keep, stderr: keep, env: { ...io.env, NO_COLOR: "1" } });
  return said === "" ? "no faults\n" : said;
}
