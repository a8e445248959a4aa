// Traces as people write and read them: one command a line, and the small world of files that
// turns a command into an event with identities. What was refused does not change the world.
//
//     1 fork 2
//     2 exec /usr/bin/git push origin        argv[0] is the path
//     2 exec /usr/bin/vi=/usr/bin/vim.basic  invoked by one name, resolved to another
//     2 exec /w/run.sh!/bin/sh               a script and its interpreter
//     2 exec-as git-push /usr/bin/git -q     argv[0] is another word
//     2 exec-loader /usr/bin/git             with LD_PRELOAD; exec-interpreter: with PYTHONPATH
//     2 open rwct /w/a.ts                    read, write, create, truncate
//     2 rename /w/a.ts /w/b.ts               also link, unlink, make, rmdir, truncate, metadata
//     2 touch rename,create /w/a.ts          operations on a name
//     2 connect tcp 10.0.0.1 443            also bind, send, recv
//     2 signal /usr/bin/sleep                also ptrace: by the program that it is done to
//     2 exit 0                               or: exit signal 9
//     wait 5000
//     approve release                        by an operator; disapprove takes it back

import type { OperationName } from "../../src/ir/abi.ts";
import type { FileRef, Peer, Removed, TraceEvent } from "../../src/ir/trace.ts";

/** A line of words: quoted ones may hold spaces. */
export type Command = readonly string[];

export function parseCommand(line: string): Command {
  const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? String(JSON.parse(word)) : word));
}

export function printCommand(command: Command): string {
  return command.map((word) => (/^[^\s"]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

export class World {
  readonly #objects = new Map<string, number>();
  readonly #alive = new Set([1]);
  #made = 0;

  /** A process that is not there does nothing, and a process that is there is not made again. */
  isPossible(event: TraceEvent): boolean {
    if (event.type === "wait") return true;
    if (event.type === "fork" && this.#alive.has(event.child)) return false;
    return this.#alive.has(event.process);
  }

  /** What `command` would be as an event, if it happened now. */
  event(command: Command): TraceEvent {
    if (command[0] === "wait") return { type: "wait", ms: Number(command[1]) };
    const process = Number(command[0]);
    const type = command[1];
    const words = command.slice(2);
    const [first = "", second = "", third = ""] = words;
    switch (type) {
      case "fork":
        return { type, process, child: Number(first) };
      case "exec":
      case "exec-loader":
      case "exec-interpreter": {
        const steered = type === "exec" ? null : type === "exec-loader" ? "loader" : "interpreter";
        const program = this.#program(first);
        return { type: "exec", process, ...program, argv: this.#argv(words), steered };
      }
      case "exec-as": {
        const argv = [first, ...words.slice(2)];
        return { type: "exec", process, ...this.#program(second), argv, steered: null };
      }
      case "exit":
        return {
          type,
          process,
          end: first === "signal" ? { signal: Number(second) } : { code: Number(first) },
        };
      case "open": {
        const create = first.includes("c") && !this.#objects.has(second);
        const [read, write, truncate] = [
          first.includes("r"),
          first.includes("w"),
          first.includes("t"),
        ];
        return { type, process, file: this.#file(second), read, write, create, truncate };
      }
      case "unlink":
        return { type, process, file: this.#file(first), last: this.#isLast(first) };
      case "rename":
        return {
          type,
          process,
          from: this.#file(first),
          to: second,
          replaces: this.#replaced(first, second),
        };
      case "link":
        return { type, process, from: this.#file(first), to: second };
      case "make":
      case "rmdir":
        return { type, process, path: first };
      case "truncate":
      case "metadata":
        return { type, process, file: this.#file(first) };
      case "touch":
        return { type, process, path: second, operations: first.split(",") as OperationName[] };
      case "signal":
      case "ptrace":
        return { type, process, program: this.#file(first) };
      case "connect":
      case "bind":
      case "send":
      case "recv":
        return { type, process, peer: this.#peer(first, second, third) };
    }
    throw new Error(`no such command: ${printCommand(command)}`);
  }

  /** The event was carried out. */
  happened(event: TraceEvent): void {
    switch (event.type) {
      case "fork":
        this.#alive.add(event.child);
        break;
      case "exit":
        this.#alive.delete(event.process);
        break;
      case "open":
      case "truncate":
      case "metadata":
        this.#objects.set(event.file.path, event.file.object);
        break;
      case "unlink":
        this.#objects.delete(event.file.path);
        break;
      case "rename":
        this.#objects.delete(event.from.path);
        this.#objects.set(event.to, event.from.object);
        break;
      case "link":
        this.#objects.set(event.from.path, event.from.object);
        this.#objects.set(event.to, event.from.object);
        break;
    }
  }

  killed(process: number): void {
    this.#alive.delete(process);
  }

  /** A path never named before is a file that was always there, unless the command creates it. */
  #file(path: string): FileRef {
    return { path, object: this.#objects.get(path) ?? ++this.#made };
  }

  #settled(path: string): FileRef {
    const file = this.#file(path);
    this.#objects.set(path, file.object);
    return file;
  }

  #isLast(path: string): boolean {
    const object = this.#objects.get(path);
    return (
      object === undefined ||
      [...this.#objects.values()].filter((other) => other === object).length === 1
    );
  }

  #replaced(from: string, to: string): Removed | null {
    const object = this.#objects.get(to);
    if (object === undefined || from === to) return null;
    return { object, last: this.#isLast(to) };
  }

  #program(words: string): { program: FileRef; script: FileRef | null; invoked: string } {
    const [names = "", interpreter] = words.split("!");
    const [invoked = "", resolved = invoked] = names.split("=");
    const file = this.#settled(resolved);
    if (interpreter === undefined) return { program: file, script: null, invoked };
    return { program: this.#settled(interpreter), script: file, invoked };
  }

  #argv(words: readonly string[]): readonly string[] {
    return [(words[0] ?? "").split(/[=!]/)[0] ?? "", ...words.slice(1)];
  }

  #peer(protocol: string, address: string, port: string): Peer {
    if (protocol === "unix" && address.startsWith("@"))
      return { kind: "abstract", name: address.slice(1) };
    if (protocol === "unix") return { kind: "unix", file: this.#settled(address) };
    if (protocol !== "tcp" && protocol !== "udp") throw new Error(`no such protocol: ${protocol}`);
    return { kind: "inet", protocol, address: addressBytes(address), port: Number(port) };
  }
}

/** 16 bytes of `10.0.0.1` (mapped) or `2001:db8::1`. */
export function addressBytes(text: string): readonly number[] {
  if (text.includes(".")) {
    const low = text
      .slice(text.lastIndexOf(":") + 1)
      .split(".")
      .map(Number);
    return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...low];
  }
  const [head = "", tail] = text.split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
