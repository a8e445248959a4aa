// `actplane hooks answer`: called by a harness, at every tool call. Whatever goes wrong is no reason to disturb it.

import { daemonAt, socketOf } from "../daemon-client.ts";
import { acknowledge, askFeedback, waitingIn } from "../feedback-client.ts";
import { answerHook, hookInput } from "../hooks/answer.ts";
import { chosen, type HarnessFlags } from "../hooks/harnesses.ts";
import type { Io } from "../io.ts";

const exits = { done: 0, usage: 1 } as const;

export async function answer(io: Io, given: HarnessFlags): Promise<number> {
  const [harness] = chosen(given);
  if (harness === undefined) return exits.usage;
  const input = hookInput(parsed(await io.readStdin()));
  if (input === null) return exits.done;
  const ask = daemonAt(socketOf(io.env));
  const waiting = waitingIn(await askFeedback(ask));
  const answered = waiting === null ? null : answerHook(harness, input, waiting);
  if (answered === null) return exits.done;
  io.stdout.write(`${JSON.stringify(answered.body)}\n`);
  await acknowledge(ask, answered.seq);
  return exits.done;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
