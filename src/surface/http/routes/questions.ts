// Questions that change nothing: what is wrong with a text, what a domain or a text would do about an operation,
// or about many.

import { Hono } from "hono";
import type { InferOutput } from "valibot";
import { type Diagnostic, hasErrors } from "../../../base/diagnostic.ts";
import { emptyPolicy } from "../../../dsl/merge.ts";
import { noNumbers } from "../../../ir/numbering.ts";
import { type Asked, UnclearQuestion } from "../../../runtime/asked.ts";
import { Buckets } from "../../../runtime/buckets.ts";
import type { Caller } from "../../../runtime/caller.ts";
import { requireOwn } from "../../../runtime/caller.ts";
import { composePolicy } from "../../../runtime/compose.ts";
import { readPolicyText, sourceOfRule } from "../../../runtime/policy-text.ts";
import { Refusal } from "../../../runtime/refusal.ts";
import { simulate } from "../../../runtime/simulate.ts";
import { type AskedPolicy, whyOf } from "../../../runtime/why.ts";
import { diagnosticsJson } from "../../text/diagnostic.ts";
import { answers, takes } from "../describe.ts";
import type { Environment, Served } from "../environment.ts";
import * as schemas from "../schemas.ts";
import { verdictsJson } from "../views.ts";
import { idOf } from "./domains.ts";

type PolicyBody = InferOutput<typeof schemas.check>;
type AskedBody = Pick<InferOutput<typeof schemas.why>, "domain" | "policy" | "workspace" | "home">;

/** A text is compiled where all else waits: strangers ask about small ones, and not all the time. */
const strangerLengthMax = 64 * 1024;
const memberLengthMax = 256 * 1024;

export function questionRoutes({ daemon }: Served) {
  const routes = new Hono<Environment>();
  const { control } = daemon;
  const rates = new Buckets({ perSecond: 20, burst: 40 });

  const admit = (caller: Caller, lengths: readonly (string | undefined)[]) => {
    if (caller.kind === "operator") return;
    const who = caller.kind === "member" ? caller.domain : `uid ${caller.uid}`;
    if (!rates.take(who)) throw new Refusal("too-many", "20 questions a second are answered");
    const length = lengths.reduce((sum, text) => sum + (text?.length ?? 0), 0);
    const max = caller.kind === "member" ? memberLengthMax : strangerLengthMax;
    if (length > max)
      throw new Refusal("policy-too-large", `a question has at most ${max} characters`);
  };

  routes.post(
    "/check",
    answers("The faults of a policy", "questions", 200, schemas.checkView),
    takes("json", schemas.check),
    (context) => {
      const body = context.req.valid("json");
      admit(context.get("caller"), [body.text]);
      const { compiled, diagnostics } = compileBody(body, {});
      return context.json({
        schema_version: 1 as const,
        ok: !hasErrors(diagnostics),
        tier: daemon.engine.tier,
        diagnostics: [...diagnosticsJson(diagnostics).diagnostics],
        verdicts: verdictsJson(control.verdictsOf(compiled)),
        notes: [...(compiled?.notes ?? [])],
      });
    },
  );

  routes.post(
    "/why",
    answers("What would become of an operation", "questions", 200, schemas.answerView),
    takes("json", schemas.why),
    (context) => {
      const body = context.req.valid("json");
      const caller = context.get("caller");
      admit(caller, [body.policy?.text]);
      const { is_new, ...operation } = body.operation;
      return context.json(
        clearly(() =>
          whyOf(policyFor(caller, body), { ...operation, isNew: is_new } as Asked, {
            labels: body.labels,
            gates: body.gates,
          }),
        ),
      );
    },
  );

  routes.post(
    "/simulate",
    answers("What would have become of a trace", "questions", 200, schemas.answerView),
    takes("json", schemas.simulation),
    async (context) => {
      const body = context.req.valid("json");
      const caller = context.get("caller");
      admit(caller, [body.policy?.text, body.trace]);
      const { parseTrace } = await import("../../../runtime/trace-line.ts");
      const steps = clearly(() => simulate(policyFor(caller, body), parseTrace(body.trace)));
      return context.json({ schema_version: 1 as const, steps });
    },
  );

  /** A domain's policy is for those who may read it; a text anybody may bring. */
  const policyFor = (caller: Caller, body: AskedBody): AskedPolicy => {
    const { tier } = daemon.engine;
    if (body.policy === undefined) {
      const id = idOf(body.domain ?? "self", caller, daemon);
      requireOwn(caller, id, "ask about its policy");
      return { compiled: control.compiledOf(id), source: sourceOfRule, tier };
    }
    if (body.domain !== undefined)
      throw new Refusal("bad-request", "a question is about a `domain` or a `policy`, not both");
    const { compiled, diagnostics } = compileBody(body.policy, body);
    if (compiled === null) throw new Refusal("policy-faulty", "the policy has errors", diagnostics);
    return { compiled, source: sourceOfRule, tier };
  };

  return routes;
}

function compileBody(
  { name, text, domain }: PolicyBody,
  places: { readonly workspace?: string | undefined; readonly home?: string | undefined },
) {
  const source = { name, text };
  const read = readPolicyText(source, domain, emptyPolicy);
  if (hasErrors(read.diagnostics)) return { compiled: null, diagnostics: read.diagnostics };
  const { parts, settings } = read.value;
  const { value, diagnostics: found } = composePolicy(
    parts,
    { workspace: places.workspace ?? "/", home: places.home ?? "/root" },
    settings.commands,
    noNumbers,
    source,
  );
  const diagnostics: readonly Diagnostic[] = [...read.diagnostics, ...found];
  return { compiled: hasErrors(found) ? null : value, diagnostics };
}

function clearly<T extends object>(work: () => T): T {
  try {
    return work();
  } catch (failure) {
    if (!(failure instanceof UnclearQuestion) && !(failure instanceof TypeError)) throw failure;
    throw new Refusal("bad-request", failure.message);
  }
}
