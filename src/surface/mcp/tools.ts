// The tools of `actplane mcp`, for an agent that wants to know its policy, to tighten it, and to hear
// what was refused. Each is a name, a schema and a function of its arguments; the protocol is server.ts.

import type { Asked } from "../../runtime/asked.ts";
import type { FeedbackRecord } from "../../runtime/feedback.ts";
import type { WhyAnswer } from "../../runtime/why.ts";
import type { Reply } from "../daemon-client.ts";
import { acknowledge, askFeedback, waitingIn } from "../feedback-client.ts";
import { modelText } from "../text/model.ts";
import { renderWhy } from "../text/why.ts";
import { type Backend, noDaemon, problemText, type Said } from "./backend.ts";

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** JSON Schema; arguments have been held against it. */
  readonly input: { readonly type: "object"; readonly [key: string]: unknown };
  readonly isReadOnly: boolean;
  readonly call: (given: Arguments, backend: Backend) => Promise<Said>;
}

export type Arguments = Readonly<Record<string, unknown>>;

const waitSecondsMax = 60;
/** For a policy to be compiled and put in force on a machine that is busy: a daemon that is slow is not one that is not there. */
const compilingMs = 30_000;

const optionalText = {
  type: "object",
  properties: {
    text: {
      type: "string",
      description: "Policy text or a document as YAML; without it the policy file that is nearest.",
    },
  },
  additionalProperties: false,
} as const;

const textOf = (given: Arguments): string | null => (given.text as string | undefined) ?? null;

export const tools: readonly Tool[] = [
  {
    name: "check",
    title: "Check a policy",
    description: "Finds every fault of a policy, each with its place and what to do about it.",
    input: optionalText,
    isReadOnly: true,
    call: async (given, backend) => ({ text: await backend.check(textOf(given)) }),
  },
  {
    name: "explain",
    title: "Explain a policy",
    description:
      "Says what each clause of a policy becomes and what is not carried out as written.",
    input: optionalText,
    isReadOnly: true,
    call: async (given, backend) => ({ text: await backend.explain(textOf(given)) }),
  },
  {
    name: "why",
    title: "Ask before doing",
    description:
      "The verdict of an operation that nobody has done yet: whether the policy would refuse it, by which clause, and what would make it pass. Ask before trying what may be refused.",
    input: {
      type: "object",
      properties: {
        operation: {
          type: "array",
          items: { type: "string" },
          minItems: 1,
          description:
            'As words: ["exec", "git", "push"], ["read", ".env"], ["write", "src/a.ts"], ["connect", "10.0.0.1:443"], ["rename", "a", "b"].',
        },
        labels: {
          type: "array",
          items: { type: "string" },
          description: "Labels that the process would carry, as feedback names them.",
        },
        gates: {
          type: "array",
          items: { type: "string" },
          description: "Gates that would be open.",
        },
      },
      required: ["operation"],
      additionalProperties: false,
    },
    isReadOnly: true,
    call: why,
  },
  {
    name: "add_policy",
    title: "Tighten the policy",
    description:
      "Adds rules to the policy of the domain you are in. Rules can only tighten: what would loosen is refused with the reason. Nobody but the operator takes them away again. With dry_run nothing changes.",
    input: {
      type: "object",
      properties: {
        text: { type: "string", description: "Policy text with the rules to add." },
        name: { type: "string", description: "What the text is called." },
        dry_run: { type: "boolean" },
      },
      required: ["text"],
      additionalProperties: false,
    },
    isReadOnly: false,
    call: addPolicy,
  },
  {
    name: "poll_feedback",
    title: "Hear what was refused",
    description:
      "What the policy refused, killed or noticed since it was acknowledged last, with the reason and what to do instead. Call it when something failed with `Operation not permitted` or was killed.",
    input: {
      type: "object",
      properties: {
        wait_seconds: {
          type: "integer",
          minimum: 0,
          maximum: waitSecondsMax,
          description: "Wait so long for the next record where there is none.",
        },
        after: { type: "integer", minimum: 0, description: "Records after this number." },
      },
      additionalProperties: false,
    },
    isReadOnly: true,
    call: pollFeedback,
  },
  {
    name: "ack",
    title: "Acknowledge feedback",
    description: "Says that feedback up to this number was read; it is not told again.",
    input: {
      type: "object",
      properties: { seq: { type: "integer", minimum: 0 } },
      required: ["seq"],
      additionalProperties: false,
    },
    isReadOnly: false,
    call: ack,
  },
];

async function why(given: Arguments, backend: Backend): Promise<Said> {
  const { asked, notes } = backend.question(given.operation as string[]);
  const situation = {
    labels: (given.labels as string[] | undefined) ?? [],
    gates: (given.gates as string[] | undefined) ?? [],
  };
  const body = { domain: "self", operation: onTheWire(asked), ...situation };
  const reply = await backend.ask("POST", "/v1/why", body, compilingMs);
  // 404: we are in no domain of that daemon.
  if (reply !== null && reply.status !== 200 && reply.status !== 404) return refused(reply);
  const isOwn = reply !== null && reply.status === 200;
  const answer = isOwn ? (reply.body as WhyAnswer) : await backend.whyHere(asked, situation);
  if (answer === null)
    return { text: `${noDaemon} There is no policy file either.`, isError: true };
  const from = isOwn ? "" : `${noDaemon} This is from the nearest policy file.\n`;
  const lines = notes.map((note) => `note: ${note}\n`).join("");
  return { text: `${from}${lines}${renderWhy(answer)}`, data: { ...answer } };
}

/** The API writes its names with `_`. */
function onTheWire(asked: Asked): object {
  if (!("isNew" in asked)) return asked;
  const { isNew, ...operation } = asked;
  return { ...operation, is_new: isNew };
}

async function addPolicy(given: Arguments, { ask }: Backend): Promise<Said> {
  const reply = await ask("POST", "/v1/domains/self/policies", given, compilingMs);
  if (reply === null || reply.status >= 300) return refused(reply);
  const body = reply.body as {
    verdicts?: readonly { kind: string; rule: string; text: string }[];
    notes?: readonly string[];
  };
  const verdicts = (body.verdicts ?? []).map(
    ({ kind, rule, text }) => `  ${kind}  ${rule}: ${text}`,
  );
  const notes = (body.notes ?? []).map((note) => `note: ${note}`);
  const done = given.dry_run === true ? "It would be added:" : "Added; it holds from now on:";
  return {
    text: [done, ...verdicts, ...notes].join("\n"),
    data: reply.body as Record<string, unknown>,
  };
}

async function pollFeedback(given: Arguments, { ask }: Backend): Promise<Said> {
  const after = (given.after as number | undefined) ?? null;
  const wait = (given.wait_seconds as number | undefined) ?? 0;
  const reply = await askFeedback(ask, after, wait);
  const waiting = waitingIn(reply);
  if (waiting === null) return refused(reply);
  const { records, lost } = waiting;
  const last = records.at(-1)?.seq ?? null;
  const text = modelText(records as readonly FeedbackRecord[], lost);
  if (text === "") return { text: "Nothing was refused since.", data: { records: [], lost } };
  const more = last === null ? "" : `\nAcknowledge with \`ack\`, seq ${last}.`;
  return { text: `${text}${more}`, data: { records, lost } };
}

async function ack(given: Arguments, { ask }: Backend): Promise<Said> {
  const seq = given.seq as number;
  const reply = await acknowledge(ask, seq);
  if (reply === null || reply.status >= 300) return refused(reply);
  return { text: `Acknowledged up to ${seq}.` };
}

function refused(reply: Reply | null): Said {
  const isUnknown = reply === null || reply.status === 404;
  return { text: isUnknown ? noDaemon : problemText(reply.body), isError: true };
}
