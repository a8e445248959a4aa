// The built-in protections in words: what refused, why, and what to do instead.

import type { Builtin } from "../kernel/kernel.ts";

export interface BuiltinText {
  /** As a rule's name: what matched. */
  readonly name: string;
  /** As a clause: what is refused. */
  readonly clause: string;
  /** The word for the operation. */
  readonly op: string;
  readonly because: string;
  readonly fix: string | null;
}

export const builtinTexts: Readonly<Record<Builtin, BuiltinText>> = {
  bpf: {
    name: "built-in protection",
    clause: "governed processes do not use bpf(2)",
    op: "bpf",
    because: "BPF programs and maps are what enforces the policy",
    fix: "do it outside of the governed session",
  },
  signal: {
    name: "built-in protection",
    clause: "governed processes do not signal the supervisor",
    op: "signal",
    because: "ending the supervisor would end the rules",
    fix: null,
  },
  trace: {
    name: "built-in protection",
    clause: "governed processes do not trace the supervisor",
    op: "ptrace",
    because: "tracing the supervisor would give control of the rules",
    fix: null,
  },
  nameless: {
    name: "built-in protection",
    clause: "programs without a name on a file system are not run",
    op: "exec",
    because:
      "rules name programs by their file, and this one has none (a memfd, or a deleted file)",
    fix: "write the program to a file and run that",
  },
  earned: {
    name: "built-in protection",
    clause: "nobody traces a program that may do what its tracer may not",
    op: "ptrace",
    because:
      "whoever writes to the memory of a test run, or of a program that cleans or vouches for data, would act as it",
    fix: "start the program under its debugger; it then opens no gate and cleans nothing",
  },
  pins: {
    name: "built-in protection",
    clause: "governed processes do not touch a BPF file system",
    op: "open",
    because: "what enforces the policy is pinned there",
    fix: "do it outside of the governed session",
  },
  arguments: {
    name: "built-in protection",
    clause: "programs run with the arguments that were judged",
    op: "exec",
    because: "the arguments were others when the rules judged them",
    fix: null,
  },
};
