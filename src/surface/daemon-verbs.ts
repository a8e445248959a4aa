// The verbs of the daemon: it itself, and those over its API. As in cli.ts, a verb's work is imported when it is used.

import { type Command, Option } from "commander";
import { count, once, port, ringBytes } from "./option-values.ts";
import type { Register } from "./register.ts";

const registerServe: Register = (program, io, finish, host) => {
  program
    .command("serve")
    .description("answer agents and operators over HTTP: domains, policies, feedback")
    .option(
      "--socket <path>",
      "where to listen; default ACTPLANE_SOCKET, or /run/actplane/actplane.sock",
    )
    .option("--tcp <port>", "also on this port of 127.0.0.1, where tokens name callers", port)
    .option("--state <folder>", "where domains, feedback and audit are kept", "/var/lib/actplane")
    .addOption(pinsOption())
    .addOption(
      new Option("--tier <tier>", "use this way into the kernel only").choices([
        "lsm",
        "modify-return",
        "tracepoint",
      ]),
    )
    .addOption(
      new Option("--ring-bytes <n>", "size of the event ring, a power of two")
        .default(1 << 24)
        .argParser(ringBytes)
        .hideHelp(),
    )
    .addHelpText(
      "after",
      "\nRules go on when it ends: `actplane stop --all` ends them. docs/http.md describes the API.",
    )
    .action(async (options) => {
      const { serve } = await import("./commands/serve.ts");
      finish(await serve(io, host, options));
    });
};

const registerPs: Register = (program, io, finish) => {
  daemonVerb(program, "ps", "list domains and what runs in them")
    .option("--json", "print them as JSON")
    .action(async (options) => {
      const { ps } = await import("./commands/ps.ts");
      finish(await ps(io, options));
    });
};

const registerEvents: Register = (program, io, finish) => {
  daemonVerb(program, "events", "print what governed processes did")
    .option("--domain <id>", "of this domain; default: all, or one's own")
    .option("--follow", "go on as events come")
    .option("--json", "print a JSON line an event")
    .action(async (options) => {
      const { events } = await import("./commands/events.ts");
      finish(await events(io, options));
    });
};

const registerFeedback: Register = (program, io, finish) => {
  daemonVerb(program, "feedback", "print what a domain's agent is told about refusals")
    .option("--domain <id>", "of this domain", "self")
    .option("--after <seq>", "records after this one; default: those not acknowledged", count)
    .option("--follow", "go on as they come")
    .option("--ack", "acknowledge what was printed")
    .option("--json", "print a JSON line a record")
    .action(async (options) => {
      const { feedback } = await import("./commands/feedback.ts");
      finish(await feedback(io, options));
    });
};

const registerPolicy: Register = (program, io, finish) => {
  const policy = program.command("policy").description("the policy texts of a domain");
  const work = () => import("./commands/policy.ts");
  const verb = (name: string, description: string) =>
    daemonVerb(policy, name, description)
      .option("--domain <id>", "of this domain", "self")
      .option("--json", "print the answer as JSON");
  const withText = (name: string, description: string) =>
    verb(name, description)
      .argument("[file]", "policy document or text, `-` for standard input")
      .option("--rule <text>", "policy text instead of a file")
      .option("--name <name>", "what the text is called; default: its file's name");
  verb("list", "list the texts").action(async (options) =>
    finish(await (await work()).policyList(io, options)),
  );
  withText("add", "add a text: it can only tighten")
    .option("--dry-run", "say what would be answered and change nothing")
    .option("--degraded", "accept clauses that this host carries out weaker than written")
    .action(async (file: string | undefined, options) =>
      finish(await (await work()).policyAdd(io, { ...options, file })),
    );
  verb("show", "print the texts and what this host does about each clause").action(
    async (options) => finish(await (await work()).policyShow(io, options)),
  );
  withText("diff", "say how the rules of a file differ from those of the domain").action(
    async (file: string | undefined, options) =>
      finish(await (await work()).policyDiff(io, { ...options, file })),
  );
};

const registerApprove: Register = (program, io, finish) => {
  daemonVerb(program, "approve", "give the word that `unless approved NAME` waits for")
    .argument("<name>", "as the rule has it")
    .requiredOption("--domain <id>", "a domain of the session")
    .option("--withdraw", "take the word back")
    .option("--reason <text>", "for the audit")
    .action(async (name: string, options) => {
      const { approve } = await import("./commands/approve.ts");
      finish(await approve(io, { ...options, name }));
    });
};

const registerAttach: Register = (program, io, finish) => {
  daemonVerb(program, "attach", "govern a process that runs, and what it started")
    .argument("<pid>", "its number", count)
    .option("--domain <id>", "by this domain; default: by a new one")
    .option(
      "--policy <file>",
      "of the new domain; default: the nearest actplane.yaml upwards",
      once,
    )
    .option("--rule <text>", "policy text instead of a file", once)
    .option("--name <name>", "of the new domain")
    .option("--degraded", "accept clauses that this host carries out weaker than written")
    .option("--json", "print the answer as JSON")
    .action(async (pid: number, options) => {
      const { attach } = await import("./commands/attach.ts");
      finish(await attach(io, { ...options, pid }));
    });
};

const registerExec: Register = (program, io, finish) => {
  daemonVerb(program, "exec", "run a command as a member of a domain")
    .usage("[options] -- command [arguments]")
    .argument("[command...]", "the command and its arguments, after `--`")
    .requiredOption("--domain <id>", "of this domain")
    .option("--user <name>", "run the command as this user; default: who called sudo", once)
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nExit code: the command's; 125 not started, 126 cannot be executed, 127 not found." +
        "\nWhat was refused is told by `actplane feedback --domain ID`.",
    )
    .action(async (command: string[], options) => {
      const { exec } = await import("./commands/exec.ts");
      finish(await exec(io, { ...options, command }));
    });
};

const registerStop: Register = (program, io, finish, host) => {
  daemonVerb(program, "stop", "end the daemon; the rules go on")
    .option("--all", "end the rules as well and leave nothing in the kernel")
    .option("--kill", "with --all: kill what is governed first")
    .addOption(pinsOption())
    .action(async (options) => {
      const { stop } = await import("./commands/stop.ts");
      finish(await stop(io, host, options));
    });
};

/** A verb over the daemon's API. */
function daemonVerb(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--socket <path>", "where the daemon listens");
}

function pinsOption(): Option {
  return new Option("--pins <folder>", "below a bpffs, where the rules are kept").default(
    "/sys/fs/bpf/actplane/v1",
  );
}

/** In the order of the help. */
export const daemonVerbs: readonly Register[] = [
  registerServe,
  registerPs,
  registerEvents,
  registerFeedback,
  registerPolicy,
  registerApprove,
  registerAttach,
  registerExec,
  registerStop,
];
