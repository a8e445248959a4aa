// The contract of a check: a policy in, findings out.

import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Source } from "../../base/source.ts";
import type { Policy } from "../ast.ts";

/** What every check is given. */
export interface CheckContext {
  /** As written. */
  readonly written: Policy;
  /** With the sets in place. */
  readonly policy: Policy;
  readonly source: Source;
  /** What the policy adds to: its labels and sets are known, its rules are not judged. */
  readonly inherited: Policy;
}

export type Check = (context: CheckContext) => Diagnostic[];
