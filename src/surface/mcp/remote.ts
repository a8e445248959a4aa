// What the tools are made of where nothing but the API may be touched: names are taken as they are, and
// there is no file that would be nearest.

import { type Asked, askedOperations, UnclearQuestion } from "../../runtime/asked.ts";
import type { AskDaemon } from "../daemon-client.ts";
import { type Backend, noDaemon, problemText } from "./backend.ts";

export function remoteBackend(ask: AskDaemon): Backend {
  return {
    ask,
    question: (words) => ({ asked: plainQuestion(words), notes: [] }),
    check: async (text) => verdictText(ask, await ownOr(ask, text)),
    explain: async (text) => verdictText(ask, await ownOr(ask, text)),
    whyHere: async () => null,
  };
}

/** The text to look at: the one that is given, or what holds in the caller's domain. */
async function ownOr(ask: AskDaemon, text: string | null): Promise<string> {
  if (text !== null) return text;
  const reply = await ask("GET", "/v1/domains/self/policies");
  if (reply?.status !== 200) throw new UnclearQuestion(reply ? problemText(reply.body) : noDaemon);
  const { policies } = reply.body as { policies: readonly { text?: string }[] };
  return policies.map((each) => each.text ?? "").join("\n");
}

async function verdictText(ask: AskDaemon, text: string): Promise<string> {
  const reply = await ask("POST", "/v1/check", { text });
  if (reply?.status !== 200) throw new UnclearQuestion(reply ? problemText(reply.body) : noDaemon);
  const { diagnostics, verdicts, notes } = reply.body as {
    diagnostics: readonly {
      severity: string;
      code: string;
      message: string;
      help: string | null;
      start: { line: number; column: number };
    }[];
    verdicts: readonly { kind: string; rule: string; text: string; reason: string | null }[];
    notes: readonly string[];
  };
  const lines = [
    ...diagnostics.map(
      ({ severity, code, message, help, start }) =>
        `${severity}[${code}] ${start.line}:${start.column} ${message}${help === null ? "" : `; ${help}`}`,
    ),
    ...verdicts.map(
      ({ kind, rule, text: clause, reason }) =>
        `${kind}  ${rule}: ${clause}${reason === null ? "" : ` (${reason})`}`,
    ),
    ...notes.map((note) => `note: ${note}`),
  ];
  return lines.length === 0 ? "no faults, and no rules\n" : `${lines.join("\n")}\n`;
}

/** Paths and programs are absolute here, but for a program that is named without its folder. */
function plainQuestion(words: readonly string[]): Asked {
  const [op, first = "", second] = words;
  const known = askedOperations.find((each) => each === op);
  if (known === undefined || first === "")
    throw new UnclearQuestion(
      `an operation is a word and what it is done to; it is one of ${askedOperations.join(", ")}`,
    );
  switch (known) {
    case "exec":
      return { op: known, argv: words.slice(1) };
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return { op: known, address: first };
    case "signal":
    case "ptrace":
      return { op: known, program: first };
    default:
      return { op: known, path: first, to: second };
  }
}
