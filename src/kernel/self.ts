// How this program starts itself again, as the launcher or the guardian.

import { join } from "node:path";

/** Whether this is the executable, and not the sources under Bun as in the tests. */
export const compiled = import.meta.url.startsWith("file:///$bunfs/");

/** The command line that enters main.ts with `verb`. */
export function selfCommand(verb: string): string[] {
  // Not process.execPath: the file there may have been replaced since we started.
  if (compiled) return ["/proc/self/exe", verb];
  return [process.execPath, join(import.meta.dir, "../main.ts"), verb];
}

/**
 * The environment of a re-execution: nothing. Bun reads BUN_OPTIONS, BUN_BE_BUN and more from it, and the caller's
 * environment belongs to a user who may be less than we are.
 */
export const selfEnvironment: Record<string, string> = {};
