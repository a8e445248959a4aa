// A trace: what happened, one plain value an event, as the kernel half would see it.
// A file is a path and an identity; a hard link or a rename keeps the identity.
// What an event means is decided from the image by judge.ts, and in the tests from the tree by
// test/model/semantics.ts.

import type { OperationName } from "./abi.ts";

export interface FileRef {
  /** Canonical and absolute: what the kernel resolved. */
  readonly path: string;
  /** Which object it is, whatever it is called. */
  readonly object: number;
}

/** The other side of a connection. */
export type Peer =
  | {
      readonly kind: "inet";
      readonly protocol: "tcp" | "udp";
      /** 16 bytes; IPv4 as ::ffff:a.b.c.d. */
      readonly address: readonly number[];
      readonly port: number;
    }
  | { readonly kind: "unix"; readonly file: FileRef }
  | { readonly kind: "abstract"; readonly name: string };

interface By {
  readonly process: number;
}

export interface ExecEvent extends By {
  readonly type: "exec";
  /** The file whose image runs in the end: of a script, its interpreter. */
  readonly program: FileRef;
  readonly script: FileRef | null;
  /** The path as the program passed it. */
  readonly invoked: string;
  /** What stands behind the interpreter in the script's first line. */
  readonly option?: string;
  readonly argv: readonly string[];
  /** Who ran it could put other code in: into every program (`loader`), into interpreters only. */
  readonly steered: "loader" | "interpreter" | null;
}

export interface OpenEvent extends By {
  readonly type: "open";
  readonly file: FileRef;
  readonly read: boolean;
  readonly write: boolean;
  /** The file did not exist before. */
  readonly create: boolean;
  readonly truncate: boolean;
}

export interface RenameEvent extends By {
  readonly type: "rename";
  readonly from: FileRef;
  readonly to: string;
  readonly replaces: Removed | null;
}

export interface Removed {
  readonly object: number;
  /** No other name is left: the object and its labels go. */
  readonly last: boolean;
}

export type TraceEvent =
  | (By & { readonly type: "fork"; readonly child: number })
  | ExecEvent
  | (By & {
      readonly type: "exit";
      readonly end: { readonly code: number } | { readonly signal: number };
    })
  | OpenEvent
  | (By & { readonly type: "unlink"; readonly file: FileRef; readonly last: boolean })
  | RenameEvent
  | (By & { readonly type: "link"; readonly from: FileRef; readonly to: string })
  /** mkdir, symlink, mknod. */
  | (By & { readonly type: "make"; readonly path: string })
  | (By & { readonly type: "rmdir"; readonly path: string })
  | (By & { readonly type: "truncate"; readonly file: FileRef })
  | (By & { readonly type: "metadata"; readonly file: FileRef })
  | (By & { readonly type: "connect" | "bind" | "send" | "recv"; readonly peer: Peer })
  /** By the program of the process that would get it. */
  | (By & { readonly type: "signal" | "ptrace"; readonly program: FileRef })
  /** Operations on a name of which no more is known: half of a rename that was refused. */
  | (By & {
      readonly type: "touch";
      readonly path: string;
      readonly operations: readonly OperationName[];
    })
  | { readonly type: "wait"; readonly ms: number };

/** A program file of an exec, the names it goes by there and the arguments it is given. */
export interface ExecStep {
  readonly file: FileRef;
  readonly names: readonly string[];
  readonly argv: readonly string[];
}

/** A script is executed first, under the name it was invoked by; its interpreter then gets it as an argument. */
export function execSteps(event: ExecEvent): readonly ExecStep[] {
  const first = event.script ?? event.program;
  const steps: ExecStep[] = [
    { file: first, names: [...new Set([first.path, event.invoked])], argv: event.argv },
  ];
  if (event.script !== null) {
    const option = event.option === undefined ? [] : [event.option];
    const argv = [event.program.path, ...option, event.invoked, ...event.argv.slice(1)];
    steps.push({ file: event.program, names: [event.program.path], argv });
  }
  return steps;
}

/** A path that an event touches, and the operations it does there. */
export interface FileTouch {
  readonly path: string;
  readonly operations: readonly OperationName[];
}

export function fileTouches(event: TraceEvent): readonly FileTouch[] {
  switch (event.type) {
    case "open":
      return [{ path: event.file.path, operations: openOperations(event) }];
    case "unlink":
      return [{ path: event.file.path, operations: ["unlink"] }];
    case "rename":
      return [
        { path: event.from.path, operations: ["rename"] },
        {
          path: event.to,
          operations: ["rename", "create", ...(event.replaces ? (["unlink"] as const) : [])],
        },
      ];
    case "link":
      return [
        { path: event.from.path, operations: ["link"] },
        { path: event.to, operations: ["link", "create"] },
      ];
    case "make":
      return [{ path: event.path, operations: ["create"] }];
    case "rmdir":
      return [{ path: event.path, operations: ["unlink"] }];
    case "truncate":
    case "metadata":
      return [{ path: event.file.path, operations: [event.type] }];
    case "touch":
      return [event];
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return event.peer.kind === "unix"
        ? [{ path: event.peer.file.path, operations: [event.type] }]
        : [];
    default:
      return [];
  }
}

function openOperations(event: OpenEvent): readonly OperationName[] {
  const operations: OperationName[] = ["open"];
  if (event.read) operations.push("read");
  if (event.write) operations.push("write");
  if (event.create) operations.push("create");
  if (event.truncate) operations.push("truncate");
  return operations;
}
