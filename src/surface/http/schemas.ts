// Every body and query of the API as a schema: what is read is checked against it, and openapi.json is made of it.

import * as v from "valibot";
import { askedOperations } from "../../runtime/asked.ts";
import { explainFormats } from "../drawings.ts";

const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}$/),
  v.description("letters, digits and `_.:@-`, at most 128"),
);
const path = v.pipe(v.string(), v.startsWith("/"), v.maxLength(4096));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const pid = v.pipe(v.number(), v.integer(), v.minValue(1));
const text = v.pipe(v.string(), v.maxLength(8 * 1024 * 1024));

/** Of a query: text that means a number. */
const countText = (max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number), v.maxValue(max));
const flagText = v.pipe(
  v.picklist(["1", "true", "0", "false"]),
  v.transform((value) => value === "1" || value === "true"),
);

// ---- requests ----

const policyText = {
  text: v.pipe(text, v.description("policy text, or a document as YAML or JSON")),
  name: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128)), "policy"),
  domain: v.optional(v.pipe(name, v.description("which domain of a catalogue document"))),
};

/** A policy inside of a body: the text alone, or with what is to be known of it. */
const policy = v.union([
  v.pipe(
    text,
    v.transform((value) => v.parse(v.object(policyText), { text: value })),
  ),
  v.object(policyText),
]);

export const newDomain = v.object({
  name,
  parent: v.optional(v.pipe(name, v.description("the domain to inherit from"))),
  policy: v.optional(policy),
  disable: v.optional(
    v.pipe(v.array(name), v.maxLength(256), v.description("inherited `default` bindings")),
  ),
  workspace: v.optional(v.pipe(path, v.description("base of relative patterns; default `/`"))),
  home: v.optional(
    v.pipe(path, v.description("what `~` means; default that of `user`, else /root")),
  ),
  degraded: v.optional(v.boolean(), false),
  dry_run: v.optional(v.boolean(), false),
  pid: v.optional(v.pipe(pid, v.description("a process to attach"))),
  argv: v.optional(
    v.pipe(
      v.array(v.string()),
      v.minLength(1),
      v.description("a command to launch: operators only"),
    ),
  ),
  cwd: v.optional(path),
  env: v.optional(v.record(v.string(), v.string())),
  user: v.optional(v.pipe(v.string(), v.description("whom to run `argv` as; default root"))),
  output: v.optional(v.pipe(path, v.description("a file that takes what `argv` writes"))),
});

export const newText = v.object({
  ...policyText,
  dry_run: v.optional(v.boolean(), false),
  degraded: v.optional(v.boolean(), false),
});

export const newProcess = v.object({ pid });

export const launch = v.object({
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
  cwd: v.optional(path),
  env: v.optional(v.record(v.string(), v.string())),
  user: v.optional(v.string()),
  output: v.optional(path),
});

export const ack = v.object({ seq: count });

export const approval = v.object({
  domain: v.pipe(name, v.description("any domain of the session")),
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(256)),
  open: v.optional(v.boolean(), true),
  reason: v.optional(v.pipe(v.string(), v.maxLength(1024))),
});

export const check = v.object(policyText);

const operation = v.object({
  op: v.picklist(askedOperations),
  argv: v.optional(v.array(v.string())),
  program: v.optional(v.string()),
  invoked: v.optional(v.string()),
  interpreter: v.optional(v.string()),
  option: v.optional(v.string()),
  path: v.optional(v.string()),
  to: v.optional(v.string()),
  is_new: v.optional(v.boolean()),
  address: v.optional(v.string()),
});

const asked = {
  domain: v.optional(v.pipe(name, v.description("whose policy; else give `policy`"))),
  policy: v.optional(policy),
  workspace: v.optional(path),
  home: v.optional(path),
};

export const why = v.object({
  ...asked,
  operation,
  labels: v.optional(v.array(v.string()), []),
  gates: v.optional(v.array(v.string()), []),
});

export const simulation = v.object({
  ...asked,
  trace: v.pipe(text, v.description("JSON lines, as `actplane run --events` writes them")),
});

export const stop = v.object({
  all: v.optional(v.boolean(), false),
  kill: v.optional(v.boolean(), false),
});

export const feedbackQuery = v.object({
  after: v.optional(countText(Number.MAX_SAFE_INTEGER)),
  wait: v.optional(countText(300), "0"),
  limit: v.optional(countText(1000), "100"),
});

export const explainQuery = v.object({
  format: v.optional(v.picklist(explainFormats), "text"),
});

export const eventsQuery = v.object({
  domain: v.optional(name),
  after: v.optional(countText(Number.MAX_SAFE_INTEGER)),
  wait: v.optional(countText(300), "0"),
  limit: v.optional(countText(1000), "100"),
});

export const provenanceQuery = v.object({ domain: name, pid: v.optional(countText(2 ** 31)) });

export const endQuery = v.object({ kill: v.optional(flagText, "0") });

// ---- answers ----

const nullable = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);
const strings = v.array(v.string());

export const place = v.object({ line: count, column: count, offset: count });

export const diagnostic = v.object({
  severity: v.picklist(["error", "warning", "hint"]),
  code: v.string(),
  message: v.string(),
  file: v.string(),
  start: place,
  end: place,
  help: nullable(v.string()),
  related: v.array(v.object({ message: v.string(), file: v.string(), start: place, end: place })),
});

export const problem = v.object({
  type: v.string(),
  code: v.pipe(v.string(), v.description("stable; docs/http.md lists them")),
  title: v.string(),
  status: count,
  detail: v.string(),
  diagnostics: v.optional(v.array(diagnostic)),
});

export const verdict = v.object({
  rule: v.string(),
  clause: count,
  text: v.string(),
  effect: v.picklist(["notify", "block", "kill"]),
  kind: v.string(),
  reason: nullable(v.string()),
});

export const textView = v.object({
  id: count,
  name: v.string(),
  added: v.string(),
  added_by: v.string(),
  rules: strings,
  text: v.optional(v.string()),
});

export const domainView = v.object({
  schema_version: v.literal(1),
  id: v.string(),
  name: v.string(),
  parent: nullable(v.string()),
  children: strings,
  session: count,
  workspace: v.string(),
  home: v.string(),
  degraded: v.boolean(),
  disabled: strings,
  revision: count,
  generation: count,
  made: v.string(),
  made_by: v.string(),
  clauses: count,
  processes: v.array(v.object({ pid: count, exe: v.string(), argv: strings })),
  policies: v.array(textView),
  feedback: v.object({ last: count, acked: count, dropped: count }),
});

export const domainsView = v.object({ schema_version: v.literal(1), domains: v.array(domainView) });

export const unknown = v.object({
  kind: v.picklist(["history", "descriptor", "mapping"]),
  what: nullable(v.string()),
  text: v.string(),
});

export const processView = v.object({
  pid: count,
  members: v.array(count),
  unknown: v.array(unknown),
  more: count,
});

export const madeView = v.object({
  schema_version: v.literal(1),
  domain: nullable(domainView),
  token: nullable(v.pipe(v.string(), v.description("for TCP; told once"))),
  verdicts: v.array(verdict),
  diagnostics: v.array(diagnostic),
  notes: strings,
  process: nullable(processView),
});

export const changedView = v.object({
  schema_version: v.literal(1),
  id: v.string(),
  policy: nullable(count),
  revision: count,
  generation: count,
  verdicts: v.array(verdict),
  diagnostics: v.array(diagnostic),
  notes: strings,
});

export const policiesView = v.object({
  schema_version: v.literal(1),
  id: v.string(),
  revision: count,
  policies: v.array(textView),
  verdicts: v.array(verdict),
});

export const feedbackView = v.object({
  schema_version: v.literal(1),
  records: v.array(v.looseObject({ seq: count, domain: v.string(), verdict: v.string() })),
  next: v.pipe(count, v.description("`after` of the next request")),
  acked: count,
  missed: v.pipe(count, v.description("records after `after` that were dropped")),
  dropped: v.pipe(count, v.description("records dropped before they were acknowledged, ever")),
  lost: v.pipe(count, v.description("events of all domains that the kernel or the disk lost")),
});

export const ackView = v.object({
  schema_version: v.literal(1),
  last: count,
  acked: count,
  dropped: count,
});

export const checkView = v.object({
  schema_version: v.literal(1),
  ok: v.boolean(),
  tier: v.string(),
  diagnostics: v.array(diagnostic),
  verdicts: v.array(verdict),
  notes: strings,
});

export const answerView = v.looseObject({ schema_version: v.literal(1) });

export const approvalView = v.object({
  schema_version: v.literal(1),
  name: v.string(),
  open: v.boolean(),
  gates: v.array(count),
});

export const eventsView = v.object({
  schema_version: v.literal(1),
  events: v.array(v.looseObject({ id: count, domain: v.string(), type: v.string() })),
  next: count,
});

export const auditView = v.object({
  schema_version: v.literal(1),
  entries: v.array(
    v.object({
      id: count,
      time: v.string(),
      caller: v.string(),
      action: v.string(),
      domain: nullable(v.string()),
      detail: v.looseObject({}),
    }),
  ),
  next: count,
});

export const healthView = v.object({
  status: v.string(),
  losses: v.optional(
    v.pipe(
      v.record(v.string(), count),
      v.description("counters of what was lost or judged strictly, those that are not zero"),
    ),
  ),
});
export const versionView = v.object({
  schema_version: v.literal(1),
  version: v.string(),
  tier: v.string(),
});
