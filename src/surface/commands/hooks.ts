// `actplane hooks install`, `uninstall` and `print`: registers us in the settings of agent harnesses. What they then
// call is hooks-answer.ts, which has to be fast.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { compiled } from "../../kernel/self.ts";
import { sudoUser } from "../../kernel/user.ts";
import { type Harness, harnessNames, type Scope } from "../hooks/harness.ts";
import { chosen, type HarnessFlags } from "../hooks/harnesses.ts";
import { hookCommand, UnreadableSettings, withHooks, withoutHooks } from "../hooks/settings.ts";
import type { Io } from "../io.ts";
import { replaceFile } from "../replace-file.ts";
import { reasonNotToWrite } from "../text/failure.ts";
import { printable } from "../text/printable.ts";

export interface HooksArguments extends HarnessFlags {
  readonly user?: boolean;
}

const exits = { done: 0, usage: 1, failed: 2 } as const;

export async function install(io: Io, given: HooksArguments): Promise<number> {
  const change: Edit = (text, harness) => withHooks(text, harness, ownCommand(harness));
  return edit(io, given, change, true);
}

export async function uninstall(io: Io, given: HooksArguments): Promise<number> {
  return edit(io, given, withoutHooks);
}

/** What `install` would leave in a file that holds nothing else. */
export function print(io: Io, given: HooksArguments): number {
  return forEach(io, given, (harness) => {
    io.stderr.write(`actplane hooks: ${harness.title}, ${fileOf(io, harness, scopeOf(given))}\n`);
    io.stdout.write(withHooks("", harness, ownCommand(harness)) ?? "");
    return true;
  });
}

// ---- settings files ----

type Edit = (text: string, harness: Harness) => string | null;

function edit(io: Io, given: HooksArguments, change: Edit, afterwards = false): number {
  becomeCaller(io);
  return forEach(io, given, (harness) => {
    const file = fileOf(io, harness, scopeOf(given));
    const say = (text: string) => io.stderr.write(`actplane hooks: ${printable(file)} ${text}\n`);
    try {
      const before = existsSync(file) ? readFileSync(file, "utf8") : "";
      const after = change(before, harness);
      if (after === null) {
        say("is so already");
        return true;
      }
      if (!replaceFile(file, after, before))
        throw new UnreadableSettings("somebody else changed it meanwhile");
      say("was changed");
      if (afterwards && harness.afterwards !== null) io.stderr.write(`  ${harness.afterwards}\n`);
      return true;
    } catch (error) {
      if (error instanceof UnreadableSettings) say(`was left alone: ${error.message}`);
      else say(`could not be changed: ${reasonNotToWrite(error)}`);
      return false;
    }
  });
}

/** Under sudo the files are those of who called it, and so are the rights with which they are opened. */
function becomeCaller(io: Io): void {
  const caller = process.geteuid?.() === 0 ? sudoUser(io.env) : null;
  if (caller === null) return;
  process.setgroups?.([caller.gid]);
  process.setegid?.(caller.gid);
  process.seteuid?.(caller.uid);
}

function fileOf(io: Io, harness: Harness, scope: Scope): string {
  const home = sudoUser(io.env)?.home ?? io.env.HOME ?? homedir();
  return join(scope === "user" ? home : io.cwd, harness.settings[scope]);
}

function scopeOf({ user }: HooksArguments): Scope {
  return user === true ? "user" : "project";
}

function ownCommand(harness: Harness): string {
  return hookCommand(compiled ? process.execPath : "actplane", harness);
}

/** Every chosen harness, even where one before it failed. */
function forEach(io: Io, given: HarnessFlags, act: (harness: Harness) => boolean): number {
  const all = chosen(given);
  if (all.length === 0) {
    const flags = harnessNames.map((name) => `--${name}`).join(", ");
    io.stderr.write(`actplane hooks: name a harness: ${flags}\n`);
    return exits.usage;
  }
  return all.map(act).every((isDone) => isDone) ? exits.done : exits.failed;
}
