// A run whose tool hears nothing for a while: what comes first, the flood or its reader, is then not for the machine to say.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./held.ts";
import { runTool, type ToolRun } from "./tool.ts";

/** A script for bash in which the tool is stopped while `flood` runs. */
export function unheard(flood: string): string {
  return `echo > begun; until [[ -e go ]]; do :; done; ${flood}; echo > over`;
}

/** `actplane WORDS` in `cwd`, where one program runs a script of `unheard`. */
export function runDeaf(words: readonly string[], cwd: string): Promise<ToolRun> {
  const isThere = (name: string) => () => existsSync(join(cwd, name));
  return runTool(words, {
    cwd,
    meanwhile: async (tool) => {
      await until("the flood", isThere("begun"));
      process.kill(tool, "SIGSTOP");
      await until("the tool to stop", () =>
        /\) T /.test(readFileSync(`/proc/${tool}/stat`, "utf8")),
      );
      writeFileSync(join(cwd, "go"), "");
      await until("the end of the flood", isThere("over"));
      process.kill(tool, "SIGCONT");
    },
  });
}
