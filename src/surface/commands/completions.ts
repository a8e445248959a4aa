// `actplane completions bash|zsh|fish`: a script for the shell, made of the verbs and options that there are.

import type { Command } from "commander";
import type { Io } from "../io.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Verb {
  readonly name: string;
  readonly description: string;
  /** With their dashes. */
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  readonly verbs: readonly Verb[];
}

export function completions(io: Io, program: Command, shell: Shell): number {
  io.stdout.write(completionScript(program, shell));
  return 0;
}

export function completionScript(program: Command, shell: Shell): string {
  const verbs = program.commands.filter((each) => !isHidden(each)).map(verbOf);
  switch (shell) {
    case "bash":
      return bashScript(verbs);
    case "zsh":
      return `#compdef actplane\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(verbs)}`;
    case "fish":
      return fishScript(verbs);
  }
}

function isHidden(command: Command): boolean {
  return (command as unknown as { _hidden?: boolean })._hidden === true;
}

function verbOf(command: Command): Verb {
  return {
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.filter(({ hidden }) => !hidden),
      { long: "--help", description: "" },
    ].flatMap(({ long, description }) => (long == null ? [] : [{ flag: long, description }])),
    verbs: command.commands.map(verbOf),
  };
}

/** Behind `--` comes a command of the user's, and behind a verb often a file: both are the shell's to complete. */
function bashScript(verbs: readonly Verb[]): string {
  const wordsOf = (verb: Verb) =>
    [...verb.verbs.map(({ name }) => name), ...verb.options.map(({ flag }) => flag)].join(" ");
  const cases = verbs.flatMap((verb) => [
    `    ${verb.name}) words="${wordsOf(verb)}" ;;`,
    ...verb.verbs.map((sub) => `    "${verb.name} ${sub.name}") words="${wordsOf(sub)}" ;;`),
  ]);
  return `_actplane() {
  local word="\${COMP_WORDS[COMP_CWORD]}" verb="\${COMP_WORDS[1]}" sub="\${COMP_WORDS[1]} \${COMP_WORDS[2]}" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ "\${COMP_WORDS[i]}" == -- ]]; then
      COMPREPLY=($(compgen -A command -A file -- "$word"))
      return
    fi
  done
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${verbs.map(({ name }) => name).join(" ")} --help --version" -- "$word"))
    return
  fi
  case "$verb" in
${cases.filter((line) => !line.startsWith('    "')).join("\n")}
  esac
  if ((COMP_CWORD > 2)); then
    case "$sub" in
${cases.filter((line) => line.startsWith('    "')).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ "$word" != -* ]]; then COMPREPLY+=($(compgen -A file -- "$word")); fi
}
complete -o filenames -F _actplane actplane
`;
}

function fishScript(verbs: readonly Verb[]): string {
  const lines = [
    "complete -c actplane -n __fish_use_subcommand -l version -d 'print the version'",
    ...verbs.flatMap((verb) => [
      `complete -c actplane -f -n __fish_use_subcommand -a ${verb.name} -d ${quoted(verb.description)}`,
      ...verb.verbs.map(
        (sub) =>
          `complete -c actplane -f -n '__fish_seen_subcommand_from ${verb.name}' -a ${sub.name} -d ${quoted(sub.description)}`,
      ),
      ...[...verb.options, ...verb.verbs.flatMap(({ options }) => options)].map(
        ({ flag, description }) =>
          `complete -c actplane -n '__fish_seen_subcommand_from ${verb.name}' -l ${flag.slice(2)} -d ${quoted(description)}`,
      ),
    ]),
  ];
  return `${[...new Set(lines)].join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
