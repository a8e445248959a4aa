// Makes a launched command behave in its terminal as if we were not there.
//
// The command shares our process group, so keys reach it from the terminal itself: Ctrl-C and Ctrl-Z mean the command, and
// we let them pass. What is sent to us alone (a service manager's SIGTERM) is handed on. When the command stops, so do we,
// for that is what the shell waits for; when the shell continues us, the command continues too.

import { ptr } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { ownedBytes, viewOf } from "../base/bytes.ts";
import { ignoredSignals } from "./inheritance.ts";
import { libc, restoreSignal, SIG_DFL, setSignal } from "./libc.ts";

type Handler = [signal: NodeJS.Signals, handle: () => void];

/** Until the returned function is called, signals are treated as said above for the command `pid`, our child. */
export function attendTerminal(pid: number): () => void {
  const fromTerminal: NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
  const terminal = hasTerminal();
  const forward = (signal: NodeJS.Signals): Handler => [
    signal,
    () => {
      send(pid, signal);
      send(pid, "SIGCONT"); // a stopped command could not heed it
    },
  ];
  const letPass = (signal: NodeJS.Signals): Handler => [signal, () => {}];
  // What nohup made us ignore stays ignored, here as in the command.
  const ignored = new Set(ignoredSignals());
  const handlers: Handler[] = [
    forward("SIGTERM"),
    forward("SIGHUP"),
    // Without a terminal these come from `kill`, which means the command and reached only us.
    ...fromTerminal.map(terminal ? letPass : forward),
  ];
  if (terminal) {
    handlers.push(letPass("SIGTSTP"));
    handlers.push(["SIGCHLD", () => stopWith(pid)]);
    handlers.push(["SIGCONT", () => continueOther(pid)]);
  }
  const installed = handlers.filter(([signal]) => !ignored.has(constants.signals[signal]));
  for (const [signal, handle] of installed) process.on(signal, handle);
  return () => {
    for (const [signal, handle] of installed) process.off(signal, handle);
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r+"));
    return true;
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  libc.kill(pid, constants.signals[signal]); // an error says that it has just ended
}

/** Stops us by the signal that stopped the command, if one did. */
function stopWith(pid: number): void {
  const signal = stopSignalOf(pid);
  if (signal === 0) return;
  // SIGSTOP cannot be handled; the others are ours to let through for a moment.
  const stoppable = signal !== constants.signals.SIGSTOP;
  const ours = stoppable ? setSignal(signal, SIG_DFL) : null;
  libc.kill(process.pid, signal);
  // Here again after SIGCONT.
  if (ours !== null) restoreSignal(signal, ours);
}

/** The signal that stopped our child since we last asked, or 0. */
function stopSignalOf(pid: number): number {
  const [P_PID, WNOHANG, WSTOPPED] = [1, 1, 2];
  const siginfo = ownedBytes(128);
  libc.waitid(P_PID, pid, ptr(siginfo), WNOHANG | WSTOPPED);
  const view = viewOf(siginfo);
  const [pidOffset, statusOffset] = [16, 24];
  return view.getInt32(pidOffset, true) === pid ? view.getInt32(statusOffset, true) : 0;
}

/** The shell continues our group; a command with a group of its own, as a shell makes it, is not in there. */
function continueOther(pid: number): void {
  if (libc.getpgid(pid) !== libc.getpgid(0)) send(pid, "SIGCONT");
}
