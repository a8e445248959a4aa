// An operation that somebody asks about, as JSON can say it, and the event it would be. Names are
// taken as they are: the caller has followed symbolic links and searched the PATH, or did not care to.

import { endpointOperations, fileOperations, processOperations } from "../dsl/ast.ts";
import { parseEndpoint } from "../dsl/endpoint.ts";
import type { FileRef, Peer, TraceEvent } from "../ir/trace.ts";

export type Asked =
  | {
      readonly op: "exec";
      /** argv[0] first. */
      readonly argv: readonly string[];
      /** The file that is executed, absolute; default: argv[0], below /usr/bin where it has no slash. */
      readonly program?: string | undefined;
      /** The path as it was passed to execve; default: the program. */
      readonly invoked?: string | undefined;
      /** Set where the program is a script: what its first line names. */
      readonly interpreter?: string | undefined;
      /** What stands behind it there. */
      readonly option?: string | undefined;
    }
  | {
      readonly op: (typeof fileOperations)[number];
      readonly path: string;
      /** The new name, of rename and link. */
      readonly to?: string | undefined;
      /** Of open and write: the file is not there yet. */
      readonly isNew?: boolean | undefined;
    }
  | {
      readonly op: (typeof endpointOperations)[number];
      /** `10.0.0.1:443`, `udp://[::1]:53`, `unix:/run/x.sock`, `unix:@name`; without a protocol TCP. */
      readonly address: string;
    }
  | {
      readonly op: (typeof processOperations)[number];
      /** What the process runs that it would be done to. */
      readonly program: string;
    };

export const askedOperations = [
  "exec",
  ...fileOperations,
  ...endpointOperations,
  ...processOperations,
] as const;

/** Why an operation cannot be judged, in the asker's words. */
export class UnclearQuestion extends Error {}

/** The event that `process` would cause. `objectOf` says which object a path is. */
export function eventOf(
  asked: Asked,
  process: number,
  objectOf: (path: string) => number,
): TraceEvent {
  const file = (path: string): FileRef => ({ path: absolute(path), object: objectOf(path) });
  switch (asked.op) {
    case "exec":
      return execEvent(asked, process, file);
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return { type: asked.op, process, peer: peerOf(asked.address, file) };
    case "signal":
    case "ptrace":
      return { type: asked.op, process, program: file(programOf(asked.program)) };
    case "open":
    case "read":
    case "write": {
      const create = asked.op !== "read" && asked.isNew === true;
      const write = asked.op === "write";
      const open = { read: asked.op === "read", write, create, truncate: false };
      return { type: "open", process, file: file(asked.path), ...open };
    }
    case "rename":
    case "link": {
      if (asked.to === undefined) throw new UnclearQuestion(`\`${asked.op}\` needs a second path`);
      const to = absolute(asked.to);
      const from = file(asked.path);
      return asked.op === "link"
        ? { type: "link", process, from, to }
        : { type: "rename", process, from, to, replaces: null };
    }
    case "create":
      return { type: "make", process, path: absolute(asked.path) };
    case "unlink":
      return { type: "unlink", process, file: file(asked.path), last: true };
    case "truncate":
    case "metadata":
      return { type: asked.op, process, file: file(asked.path) };
    case "mount":
      return { type: "touch", process, path: absolute(asked.path), operations: ["mount"] };
  }
}

function execEvent(
  asked: Asked & { op: "exec" },
  process: number,
  file: (path: string) => FileRef,
): TraceEvent {
  const [name] = asked.argv;
  const program = asked.program ?? (name === undefined ? undefined : programOf(name));
  if (program === undefined) throw new UnclearQuestion("`exec` needs a program");
  const invoked = asked.invoked ?? program;
  const argv = asked.argv.length === 0 ? [invoked] : asked.argv;
  if (asked.interpreter === undefined) {
    return {
      type: "exec",
      process,
      program: file(program),
      script: null,
      invoked,
      argv,
      steered: null,
    };
  }
  return {
    type: "exec",
    process,
    program: file(asked.interpreter),
    script: file(program),
    invoked,
    argv,
    steered: null,
    ...(asked.option === undefined ? {} : { option: asked.option }),
  };
}

/** A program that is named without its folder. */
function programOf(name: string): string {
  return name.includes("/") ? name : `/usr/bin/${name}`;
}

function absolute(path: string): string {
  if (!path.startsWith("/")) throw new UnclearQuestion(`\`${path}\` is not an absolute path`);
  return path;
}

function peerOf(text: string, file: (path: string) => FileRef): Peer {
  const { endpoint, problems } = parseEndpoint(text);
  const [problem] = problems;
  if (problem !== undefined) throw new UnclearQuestion(problem.message);
  switch (endpoint.kind) {
    case "unix":
      return endpoint.abstract
        ? { kind: "abstract", name: endpoint.pattern }
        : { kind: "unix", file: file(endpoint.pattern) };
    case "address": {
      const { address, prefixBits, ports, protocol } = endpoint;
      if (prefixBits !== 128)
        throw new UnclearQuestion(`\`${text}\` is a network; name one address`);
      if (ports === null || ports.low !== ports.high)
        throw new UnclearQuestion(`\`${text}\` has no port; write \`${text}:443\``);
      return { kind: "inet", protocol: protocol ?? "tcp", address, port: ports.low };
    }
    case "host":
      throw new UnclearQuestion(`\`${text}\` is a name; ask about an address`);
    case "any":
      throw new UnclearQuestion(`\`${text}\` is every address; name one`);
  }
}

/** The operation as people read it. */
export function askedText(asked: Asked): string {
  switch (asked.op) {
    case "exec":
      return [asked.program ?? programOf(asked.argv[0] ?? ""), ...asked.argv.slice(1)].join(" ");
    case "connect":
    case "bind":
    case "send":
    case "recv":
      return `${asked.op} ${asked.address}`;
    case "signal":
    case "ptrace":
      return `${asked.op} ${asked.program}`;
    default:
      return asked.to === undefined
        ? `${asked.op} ${asked.path}`
        : `${asked.op} ${asked.path} to ${asked.to}`;
  }
}
