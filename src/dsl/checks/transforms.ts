// `declassify SECRET by exec any`: every program would be a gate, and the label would hold nowhere.

import type { Diagnostic } from "../../base/diagnostic.ts";
import { coversExec } from "../cover.ts";
import type { CheckContext } from "./context.ts";

export function checkTransforms({ policy, source }: CheckContext): Diagnostic[] {
  return policy.transforms.flatMap(({ kind, label, gate }): Diagnostic[] => {
    if (!coversExec(gate, { span: gate.span, program: null, args: [] })) return [];
    const effect = kind === "declassify" ? "no program ever carries" : "every program carries";
    return [
      {
        severity: "warning",
        code: "C061",
        message: `every program is a gate, so ${effect} \`${label.text}\``,
        source,
        span: gate.span,
        help: "name the program that is trusted to do it",
      },
    ];
  });
}
