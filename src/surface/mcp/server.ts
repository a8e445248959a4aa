// The tools and resources as an MCP server; the SDK speaks the protocol, in its revisions of 2026 and
// before. Imported only where it is used: it is large.

import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { version } from "../../../package.json";
import { UnclearQuestion } from "../../runtime/asked.ts";
import { PolicyFileError } from "../policy-file.ts";
import { type Backend, noDaemon, problemText, type Said } from "./backend.ts";
import { type Arguments, tools } from "./tools.ts";

const instructions =
  "actplane enforces a policy over you and every process you start, in the kernel. When something fails with EPERM or is killed, `poll_feedback` says whether the policy did it, why, and what would pass. Ask `why` before trying what may be refused. You can add rules, never loosen them.";

export function mcpServer(backend: Backend): McpServer {
  const server = new McpServer({ name: "actplane", version }, { instructions });
  for (const { name, title, description, input, isReadOnly, call } of tools) {
    server.registerTool(
      name,
      {
        title,
        description,
        inputSchema: fromJsonSchema<Arguments>(input as Parameters<typeof fromJsonSchema>[0]),
        annotations: { readOnlyHint: isReadOnly, destructiveHint: false, openWorldHint: false },
      },
      async (given: Arguments) => resultOf(await clearly(() => call(given, backend))),
    );
  }
  server.registerResource(
    "policy",
    "actplane:///policy",
    {
      title: "The policy you are under",
      description: "The texts that hold in your domain, and what this host does about each clause.",
      mimeType: "text/plain",
    },
    async (uri) => ({ contents: [{ uri: uri.href, text: await policyText(backend) }] }),
  );
  server.registerResource(
    "feedback",
    "actplane:///feedback",
    {
      title: "What was refused",
      description: "Feedback records that were not acknowledged yet, as JSON.",
      mimeType: "application/json",
    },
    async (uri) => ({
      contents: [
        { uri: uri.href, mimeType: "application/json", text: await feedbackText(backend) },
      ],
    }),
  );
  return server;
}

/** What the asker did wrong is an answer, and no fault of ours. */
async function clearly(work: () => Promise<Said>): Promise<Said> {
  try {
    return await work();
  } catch (error) {
    const isTheirs = error instanceof UnclearQuestion || error instanceof PolicyFileError;
    if (!isTheirs) throw error;
    return { text: error.message, isError: true };
  }
}

function resultOf({ text, data, isError }: Said) {
  return {
    content: [{ type: "text" as const, text }],
    ...(data === undefined ? {} : { structuredContent: data }),
    ...(isError === true ? { isError } : {}),
  };
}

async function policyText({ ask, explain }: Backend): Promise<string> {
  const reply = await ask("GET", "/v1/domains/self/policies");
  if (reply === null || reply.status === 404) {
    const nearest = await clearly(async () => ({ text: await explain(null) }));
    return `${noDaemon} The nearest policy file:\n${nearest.text}`;
  }
  if (reply.status !== 200) return problemText(reply.body);
  const { policies, verdicts } = reply.body as {
    policies: readonly { name: string; text?: string }[];
    verdicts: readonly { kind: string; rule: string; text: string }[];
  };
  return [
    ...policies.map(({ name, text }) => `# ${name}\n${text ?? ""}`),
    "# what this host does about each clause",
    ...verdicts.map(({ kind, rule, text }) => `# ${kind}  ${rule}: ${text}`),
  ].join("\n");
}

async function feedbackText({ ask }: Backend): Promise<string> {
  const reply = await ask("GET", "/v1/domains/self/feedback");
  return JSON.stringify(reply?.status === 200 ? reply.body : { records: [], note: noDaemon });
}
