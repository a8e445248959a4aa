// The command line: which verbs there are and their options. A verb's work is in commands/<verb>.ts and
// is imported when the verb is used, so that `actplane run` does not pay for what `check` needs.
//
// To add a verb: a function below that declares it and hands its options to the imported work, and a
// line in `verbs`. The work yields the exit code. The daemon's verbs are in daemon-verbs.ts.

import { Argument, Command, CommanderError, Option } from "commander";
import { ringBytesUsual } from "../kernel/kernel.ts";
import { daemonVerbs } from "./daemon-verbs.ts";
import type { Host } from "./host.ts";
import type { Io } from "./io.ts";
import { once, ringBytes, several, wholeNumber } from "./option-values.ts";
import type { Finish, Register } from "./register.ts";
import { printable } from "./text/printable.ts";
import { version } from "./version.ts";

/** Wrong options or arguments. `run` and `exec` cannot use 1: that is what the command may end with. */
const usageExitOf = (verb: string | undefined) => (verb === "run" || verb === "exec" ? 125 : 1);

/** Runs `actplane ARGV` and yields its exit code. */
export async function cli(argv: readonly string[], io: Io, host: Host): Promise<number> {
  let code = 0;
  const finish: Finish = (given) => {
    code = given;
  };
  const program = new Command("actplane")
    .description(
      "Declare what AI agents may do on Linux; the kernel enforces it over their whole process tree.",
    )
    .version(version, "--version", "print the version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.split("\n").map(printable).join("\n")),
    })
    .exitOverride();
  // All the other verbs are for the help and for suggestions: to declare them would be a twentieth of a start.
  const asked = argv[0] === "run" ? [registerRun] : verbs;
  for (const register of asked) register(program, io, finish, host);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : usageExitOf(argv[0]);
  }
  return code;
}

const registerCheck: Register = (program, io, finish, host) => {
  program
    .command("check")
    .description("find the faults of a policy; needs no privileges")
    .argument(
      "[file]",
      "policy document or text, `-` for standard input; default: the nearest actplane.yaml upwards",
    )
    .option("--rule <text>", "check this policy text instead of a file")
    .option("--domain <name>", "check one domain of the document")
    .option("--host", "also say what this host does about each clause, on standard output")
    .addOption(
      new Option("--fail-level <level>", "the weakest finding that makes the check fail")
        .choices(["error", "warning", "hint"])
        .default("error"),
    )
    .option("--json", "print the findings as JSON on standard output")
    .addHelpText(
      "after",
      "\nExit codes: 0 clean, 1 usage, 2 findings at --fail-level, or refused on this host (--host), 3 errors.",
    )
    .action(async (file: string | undefined, options) => {
      const { check } = await import("./commands/check.ts");
      finish(await check(io, host, { ...options, file }));
    });
};

const registerCompile: Register = (program, io, finish, host) => {
  program
    .command("compile")
    .description("compile a policy to the tables of the kernel half; needs no privileges")
    .argument(
      "[file]",
      "policy document or text, `-` for standard input; default: the nearest actplane.yaml upwards",
    )
    .option("--rule <text>", "compile this policy text instead of a file")
    .option("--domain <name>", "a domain of the document; default: its default domain")
    .option("--explain", "say what each clause became, which automata decide it and what it costs")
    .option("--dump", "print the image, state by state")
    .option("--json", "print sizes, clauses and findings as JSON on standard output")
    .option("-o, --output <file>", "write the image into this file")
    .addHelpText("after", "\nExit codes: 0 compiled, 1 usage, 3 errors.")
    .action(async (file: string | undefined, options) => {
      const { compile } = await import("./commands/compile.ts");
      finish(await compile(io, host, { ...options, file }));
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

/** A value of an option that may be repeated. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

const registerRun: Register = (program, io, finish, host) => {
  const verb = program
    .command("run")
    .description("run a command and all it starts under a policy")
    .usage("[options] -- command [arguments]")
    .argument("[command...]", "the command and its arguments, after `--`");
  policyOptions(verb)
    .option("--user <name>", "run the command as this user; default: who called sudo", once)
    .option(
      "--approve <name>",
      "approve this from the start, as an operator; may be repeated",
      collect,
    )
    .option("--degraded", "start although this host carries out some clauses weaker than written")
    .addOption(
      new Option("--tier <tier>", "use this way into the kernel only").choices([
        "lsm",
        "modify-return",
        "tracepoint",
      ]),
    )
    .option("--events <file>", "append every event to this file, a JSON object a line", once)
    .option("--json", "tell matches and the summary as JSON lines on standard error")
    .option("--quiet", "say nothing where no rule matches")
    .addOption(
      new Option(
        "--annotate-stderr",
        "say one line a refusal and no more, for a model that reads the command's standard error",
      ).conflicts("json"),
    )
    .addOption(
      new Option("--ring-bytes <n>", "size of the event ring, a power of two")
        .default(ringBytesUsual)
        .argParser(ringBytes)
        .hideHelp(),
    )
    .passThroughOptions()
    .showHelpAfterError(
      "usage: actplane run [options] -- command [arguments]; `actplane run --help` lists the options",
    )
    .addHelpText(
      "after",
      "\nExit code: the command's; 125 not started, 126 cannot be executed, 127 not found.",
    )
    .action(async (command: string[], options) => {
      const { run } = await import("./commands/run.ts");
      finish(await run(io, host, { ...options, command }));
    });
};

const registerDoctor: Register = (program, io, finish, host) => {
  program
    .command("doctor")
    .description("find out what this host can enforce, by trying, and what would make it more")
    .option("--json", "print the findings as JSON")
    .addHelpText(
      "after",
      "\nExit codes: 0 everything is refused before it happens, 1 degraded, 2 nothing.",
    )
    .action(async (options) => {
      const { doctor } = await import("./commands/doctor.ts");
      finish(await doctor(io, host, options));
    });
};

const registerWhy: Register = (program, io, finish, host) => {
  const verb = program
    .command("why")
    .description("say what a policy would do about an operation, and why; needs no privileges")
    .usage("[options] operation words...")
    .argument(
      "[operation...]",
      "`exec git push`, `read .env`, `connect 10.0.0.1:443`, `rename a b`, `signal sleep`",
    )
    .option("--label <name>", "the process carries this label; may be repeated", several)
    .option("--gate <condition>", "this gate is open; may be repeated", several)
    .option("--json", "print the answer as JSON")
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nExit codes: 0 it would go ahead, 1 usage, 2 it would be refused or killed, 3 errors in the policy.",
    );
  policyOptions(verb).action(async (operation: string[], options) => {
    const { why } = await import("./commands/why.ts");
    finish(await why(io, host, { ...options, operation }));
  });
};

const registerSimulate: Register = (program, io, finish, host) => {
  const verb = program
    .command("simulate")
    .description("say what a policy would have done about each operation of a trace")
    .argument("<trace>", "JSON lines, such as `run --events` writes; `-` for standard input")
    .option("--json", "print a JSON line an operation")
    .addHelpText(
      "after",
      "\nExit codes: 0 all would go ahead, 1 usage, 2 something would be refused or killed, 3 errors in the policy.",
    );
  policyOptions(verb).action(async (trace: string, options) => {
    const { simulate } = await import("./commands/why.ts");
    finish(await simulate(io, host, { ...options, trace }));
  });
};

const registerHooks: Register = (program, io, finish) => {
  const hooks = program
    .command("hooks")
    .description("tell agent harnesses what was refused, in their own hooks");
  const verb = (name: string, description: string) =>
    hooks
      .command(name)
      .description(description)
      .option("--claude", "Claude Code")
      .option("--codex", "Codex")
      .option("--gemini", "Gemini CLI")
      .option("--openhands", "OpenHands");
  const scoped = (name: "install" | "uninstall" | "print", description: string) =>
    verb(name, description)
      .option("--user", "in the settings of the user; default: of the project in this folder")
      .action(async (options) => {
        const work = await import("./commands/hooks.ts");
        finish(await work[name](io, options));
      });
  scoped("install", "register actplane in the harness's settings; everything else in them stays");
  scoped("uninstall", "take it out again");
  scoped("print", "print what install would write into an empty file");
  verb("answer", "called by the harness: answer the hook on standard input").action(
    async (options) => {
      const { answer } = await import("./commands/hooks-answer.ts");
      finish(await answer(io, options));
    },
  );
};

const registerMcp: Register = (program, io, finish, host) => {
  program
    .command("mcp")
    .description("serve an agent the Model Context Protocol on standard input and output")
    .action(async () => {
      const { mcp } = await import("./commands/mcp.ts");
      finish(await mcp(io, host));
    });
};

const registerExplain: Register = (program, io, finish, host) => {
  program
    .command("explain")
    .description("tell the whole story of a refusal: from where the data came, and over whom")
    .argument("[file]", "a file of `run --events` or of `run --json`")
    .option("--last", "of your last run")
    .option("--user <name>", "with --last: of this user's last run", once)
    .addOption(
      new Option("--seq <n>", "the match of this number; default: the last").argParser(wholeNumber),
    )
    .addOption(
      new Option("--format <format>", "words and a picture, the picture, or one to draw")
        .choices(["text", "ascii", "dot", "svg"])
        .default("text"),
    )
    .option("--json", "print the feedback record instead")
    .addHelpText("after", "\nExit codes: 0 shown, 1 usage or no file, 2 no such match.")
    .action(async (file: string | undefined, options) => {
      const { explain } = await import("./commands/explain.ts");
      finish(await explain(io, host, { ...options, file }));
    });
};

const registerCompletions: Register = (program, io, finish) => {
  program
    .command("completions")
    .description("print a script that completes verbs and options in a shell")
    .addArgument(new Argument("<shell>", "which").choices(["bash", "zsh", "fish"]))
    .action(async (shell) => {
      const { completions } = await import("./commands/completions.ts");
      finish(completions(io, program, shell));
    });
};

/** Which policy it is about. */
function policyOptions(verb: Command): Command {
  return verb
    .addOption(
      new Option(
        "--policy <file>",
        "policy document or text; default: the nearest actplane.yaml upwards",
      ).argParser(once),
    )
    .addOption(
      new Option("--rule <text>", "policy text instead of a file")
        .argParser(once)
        .conflicts("policy"),
    )
    .option("--domain <name>", "a domain of the document; default: its default domain", once);
}

/** In the order of the help. */
const verbs: readonly Register[] = [
  registerRun,
  registerDoctor,
  registerCheck,
  registerCompile,
  registerWhy,
  registerSimulate,
  registerExplain,
  ...daemonVerbs,
  registerHooks,
  registerMcp,
  registerFmt,
  registerCompletions,
];
