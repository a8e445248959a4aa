// The words of `actplane why` as an operation: the PATH searched, symbolic links followed, a script's
// first line read, as the kernel would find them for whoever asks.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { didYouMean } from "../dsl/vocabulary.ts";
import { type Asked, askedOperations, UnclearQuestion } from "../runtime/asked.ts";
import type { Io } from "./io.ts";
import { printable } from "./text/printable.ts";

export interface Question {
  readonly asked: Asked;
  /** What was assumed, each a sentence. */
  readonly notes: readonly string[];
}

/** Throws UnclearQuestion. */
export function askedFrom(words: readonly string[], io: Pick<Io, "cwd" | "env">): Question {
  const [op, first, second, ...more] = words;
  if (op === undefined || !isOperation(op)) {
    const unknown =
      op === undefined ? "no operation was named" : `there is no operation \`${printable(op)}\``;
    const near = op === undefined ? undefined : didYouMean(op, askedOperations);
    throw new UnclearQuestion(
      `${unknown}; ${near ?? `it is one of ${askedOperations.join(", ")}`}`,
    );
  }
  if (first === undefined) throw new UnclearQuestion(`\`${op}\` needs ${needs(op)}`);
  if (op === "exec") return execQuestion(words.slice(1), io);
  const takesTwo = op === "rename" || op === "link";
  if (more.length > 0 || (!takesTwo && second !== undefined))
    throw new UnclearQuestion(`\`${op}\` takes ${needs(op)}, and more was given`);
  switch (op) {
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return { asked: { op, address: first }, notes: [] };
    case "signal":
    case "ptrace": {
      const { file, notes } = findProgram(first, io);
      return { asked: { op, program: resolved(file) }, notes };
    }
    default: {
      const path = placeOf(resolve(io.cwd, first), op);
      const to = second === undefined ? undefined : placeOf(resolve(io.cwd, second), "rename");
      return { asked: { op, path, to, isNew: !existsSync(path) }, notes: [] };
    }
  }
}

function isOperation(word: string): word is (typeof askedOperations)[number] {
  return (askedOperations as readonly string[]).includes(word);
}

function needs(op: string): string {
  if (op === "exec") return "a program and its arguments";
  if (op === "signal" || op === "ptrace") return "a program";
  if (op === "rename" || op === "link") return "two paths";
  return ["connect", "bind", "send", "recv"].includes(op) ? "an address" : "a path";
}

// ---- programs ----

function execQuestion(words: readonly string[], io: Pick<Io, "cwd" | "env">): Question {
  const [name = "", ...rest] = words;
  const { file, notes } = findProgram(name, io);
  const program = resolved(file);
  const argv = [name, ...rest];
  // A relative path is passed to execve as it is; one that was searched for, as it was found.
  const invoked = name.includes("/") ? name : file;
  const first = firstLine(program);
  if (first === null) return { asked: { op: "exec", argv, program, invoked }, notes };
  const interpreter = resolved(first.interpreter);
  return {
    asked: { op: "exec", argv, program, invoked, interpreter, option: first.option },
    notes,
  };
}

function findProgram(
  name: string,
  { cwd, env }: Pick<Io, "cwd" | "env">,
): { readonly file: string; readonly notes: readonly string[] } {
  const places = name.includes("/")
    ? [resolve(cwd, name)]
    : (env.PATH ?? "/usr/bin:/bin").split(":").map((folder) => join(resolve(cwd, folder), name));
  const found = places.find(isProgram);
  if (found !== undefined) return { file: found, notes: [] };
  const file = name.includes("/") ? resolve(cwd, name) : `/usr/bin/${name}`;
  return {
    file,
    notes: [`there is no program \`${printable(name)}\` here; judged as ${printable(file)}`],
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** As the kernel reads `#!`: one optional argument, the rest of the line. */
function firstLine(
  path: string,
): { readonly interpreter: string; readonly option: string | undefined } | null {
  const lineBytesMax = 255;
  const bytes = new Uint8Array(lineBytesMax);
  let length: number;
  try {
    const file = openSync(path, "r");
    length = readSync(file, bytes);
    closeSync(file);
  } catch {
    return null;
  }
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  const line = /^#![ \t]*(\S+)[ \t]*([^\n]*?)[ \t]*(?:\n|$)/.exec(text);
  if (line === null) return null;
  const [, interpreter = "", option = ""] = line;
  return { interpreter, option: option === "" ? undefined : option };
}

// ---- paths ----

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Operations on a name do not follow a link in its last place; a new name has only a folder yet. */
function placeOf(path: string, op: string): string {
  const isName = op === "unlink" || op === "rename" || op === "link" || op === "create";
  if (!isName && existsSync(path)) return resolved(path);
  const folder = resolved(dirname(path));
  return path === "/" ? path : join(folder, basename(path));
}
