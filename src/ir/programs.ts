// Exec patterns as what the tables hold: a language of program paths, and atoms for the arguments.
// A pattern with choices (`{npm,yarn}`) is several programs, because each may read its arguments its
// own way; such variants are alternatives.

import type { ExecPattern, Pattern, Target } from "../dsl/ast.ts";
import type { Glob } from "../dsl/glob.ts";
import { quote } from "../dsl/print.ts";
import { anchorProgram, anyGlob, literalName, type Places } from "./anchor.ts";
import type { ArgumentAtom } from "./args.ts";
import type { Command } from "./commands.ts";
import { globKey, type Languages } from "./languages.ts";
import { withSpellings } from "./spellings.ts";

export interface ProgramVariant {
  /** Of program paths. */
  readonly language: number;
  /** Whose arguments are read from this command's start. */
  readonly command: Command | null;
  /** Sorted, distinct. */
  readonly args: readonly number[];
}

export class Programs {
  readonly #languages: Languages;
  readonly #places: Places;
  readonly #commands = new Map<string, Command>();
  readonly #atoms = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly argumentAtoms: ArgumentAtom[] = [];

  constructor(languages: Languages, places: Places, commands: readonly Command[]) {
    this.#languages = languages;
    this.#places = places;
    for (const command of commands)
      for (const name of command.names) this.#commands.set(name, command);
  }

  /** By atom. */
  get atomTexts(): readonly string[] {
    return this.#texts;
  }

  lower(exec: ExecPattern): ProgramVariant[] {
    const globs = exec.program === null ? [anyGlob] : anchorProgram(exec.program, this.#places);
    const subcommand = exec.args.findIndex((pattern) => !isOption(pattern.glob));
    const byCommand = new Map<Command | null, Glob[]>();
    for (const glob of globs) {
      const command = subcommand === -1 ? null : this.#commandOf(glob);
      byCommand.set(command, [...(byCommand.get(command) ?? []), glob]);
    }
    return [...byCommand].map(([command, own]) => ({
      language: this.#languages.intern(own),
      command,
      args: this.#argumentAtoms(exec.args, command, subcommand),
    }));
  }

  /** The language of a `target` of an exec clause, and the atom that says it matches. */
  targetAtom(target: Target): {
    readonly language: number;
    readonly atom: number;
    readonly isNew: boolean;
  } {
    const globs = target.patterns?.flatMap((pattern) => anchorProgram(pattern, this.#places)) ?? [
      anyGlob,
    ];
    const language = this.#languages.intern(globs);
    const text = target.patterns?.map((pattern) => quote(pattern.text)).join(", ") ?? "any";
    return { language, ...this.#intern(`target ${language}`, `target ${text}`) };
  }

  #commandOf(glob: Glob): Command | null {
    const name = literalName(glob);
    return name === null ? null : (this.#commands.get(name) ?? null);
  }

  #argumentAtoms(
    patterns: readonly Pattern[],
    command: Command | null,
    subcommand: number,
  ): number[] {
    const atoms = patterns.map((pattern, i) =>
      this.#argumentAtom(pattern, i === subcommand ? command : null),
    );
    return [...new Set(atoms)].sort((a, b) => a - b);
  }

  #argumentAtom(pattern: Pattern, command: Command | null): number {
    const owner = command === null ? "" : `${command.names[0]} `;
    const { atom, isNew } = this.#intern(
      `argument ${owner}${globKey(pattern.glob)}`,
      `${owner}${quote(pattern.text)}`,
    );
    const glob = command === null ? pattern.glob : withSpellings(pattern.glob, command);
    if (isNew) this.argumentAtoms.push({ atom, glob, command });
    return atom;
  }

  #intern(key: string, text: string): { atom: number; isNew: boolean } {
    const known = this.#atoms.get(key);
    if (known !== undefined) return { atom: known, isNew: false };
    const atom = this.#texts.length;
    this.#atoms.set(key, atom);
    this.#texts.push(text);
    return { atom, isNew: true };
  }
}

/** Whether every argument that matches begins with `-`, as far as the notation shows. */
function isOption(glob: Glob): boolean {
  const first = glob[0];
  if (first?.kind === "alternatives") return first.branches.every(isOption);
  return first?.kind === "byte" && first.byte === 0x2d;
}
