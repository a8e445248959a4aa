// The command line: which verbs there are and their options. A verb's work is in commands/<verb>.ts and
// is imported when the verb is used, so that `actplane run` does not pay for what `check` needs.
//
// To add a verb: a function below that declares it and hands its options to the imported work, and a
// line in `cli`. The work yields the exit code.

import { Command, CommanderError, Option } from "commander";
import type { Io } from "./io.ts";

/** Yields the exit code. */
export type Finish = (code: number) => void;

export type Register = (program: Command, io: Io, finish: Finish) => void;

/** Wrong options or arguments, and files that cannot be read. */
const usageExit = 1;

/** Runs `actplane ARGV` and yields its exit code. */
export async function cli(argv: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const finish: Finish = (given) => {
    code = given;
  };
  const program = new Command("actplane")
    .description(
      "Declare what AI agents may do on Linux; the kernel enforces it over their whole process tree.",
    )
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .exitOverride();
  for (const register of verbs) register(program, io, finish);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : usageExit;
  }
  return code;
}

const registerCheck: Register = (program, io, finish) => {
  program
    .command("check")
    .description("find the faults of a policy; needs no privileges")
    .argument(
      "[file]",
      "policy document or text, `-` for standard input; default: the nearest actplane.yaml upwards",
    )
    .option("--rule <text>", "check this policy text instead of a file")
    .option("--domain <name>", "check one domain of the document")
    .addOption(
      new Option("--fail-level <level>", "the weakest finding that makes the check fail")
        .choices(["error", "warning", "hint"])
        .default("error"),
    )
    .option("--json", "print the findings as JSON on standard output")
    .addHelpText("after", "\nExit codes: 0 clean, 1 usage, 2 findings at --fail-level, 3 errors.")
    .action(async (file: string | undefined, options) => {
      const { check } = await import("./commands/check.ts");
      finish(await check(io, { ...options, file }));
    });
};

const registerFmt: Register = (program, io, finish) => {
  program
    .command("fmt")
    .description("lay policy text out in the canonical form")
    .argument(
      "[file]",
      "policy document or text, `-` for standard input; default: the nearest actplane.yaml upwards",
    )
    .option("--check", "change nothing; fail where the file is not in the canonical form")
    .option("--write", "write the result into the file instead of printing it")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 usage, 2 not in the canonical form (--check), 3 errors.",
    )
    .action(async (file: string | undefined, options) => {
      const { fmt } = await import("./commands/fmt.ts");
      finish(await fmt(io, { ...options, file }));
    });
};

/** In the order of the help. */
const verbs: readonly Register[] = [registerCheck, registerFmt];
