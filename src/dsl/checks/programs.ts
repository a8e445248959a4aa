// `exec "git push"`: one name with a space in it, where a program and its argument were meant.

import type { Diagnostic } from "../../base/diagnostic.ts";
import { quote } from "../print.ts";
import { execPatternsOf } from "../walk.ts";
import type { CheckContext } from "./context.ts";

export function checkPrograms({ written, source }: CheckContext): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const { program } of execPatternsOf(written)) {
    if (program === null || program.set !== undefined) continue;
    const words = program.text.trim().split(/\s+/);
    if (words.length < 2) continue;
    const shown = words.slice(0, 6).map(quote).join(" ");
    diagnostics.push({
      severity: "hint",
      code: "C050",
      message: `no argument is part of a program's name: this matches a file called \`${program.text}\``,
      source,
      span: program.span,
      help: `did you mean \`${shown}\`?`,
    });
  }
  return diagnostics;
}
