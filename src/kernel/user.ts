// Users as the machine knows them (passwd, LDAP, whatever nsswitch.conf says), and the one who called us through sudo.

import { CString, type Pointer, ptr, read } from "bun:ffi";
import { readFileSync } from "node:fs";
import { cString, ownedBytes, viewOf } from "../base/bytes.ts";
import { libc, pointerFromC } from "./libc.ts";

/** What a process is run as. */
export interface Identity {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: readonly number[];
}

export interface User extends Identity {
  name: string;
  home: string;
  shell: string;
}

/** The user called `name`, or with that number. */
export function findUser(name: string): User | null {
  if (/^\d+$/.test(name)) return userOfUid(Number(name));
  const nameBytes = cString(name);
  return userAt(pointerFromC(libc.getpwnam(ptr(nameBytes))));
}

/** The last number stands for none. */
const uidMax = 0xffff_fffe;

function userOfUid(uid: number): User | null {
  return uid > uidMax ? null : userAt(pointerFromC(libc.getpwuid(uid)));
}

/** Who called `sudo actplane`: null when we are not root, or root by another way. */
export function sudoUser(environment: Environment): User | null {
  const uid = numberIn(environment.SUDO_UID);
  if (process.getuid?.() !== 0 || uid === null || uid === 0) return null;
  return userOfUid(uid) ?? userWithoutName(uid, environment);
}

/** As in a container that does not know its caller: a number that nobody has is not root's either. */
function userWithoutName(uid: number, environment: Environment): User {
  const gid = numberIn(environment.SUDO_GID) ?? uid;
  const name = environment.SUDO_USER ?? `${uid}`;
  return { name, uid, gid, groups: [gid], home: "/", shell: "/bin/sh" };
}

function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= uidMax ? Number(text) : null;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment that `user`, who called us through sudo, had before: sudo resets PATH and drops what a program such as
 * an agent's harness needs (API keys, SSH_AUTH_SOCK). Variables that somebody added on the way stay.
 */
export function environmentBeforeSudo(
  environment: Environment,
  user: User,
): Record<string, string> {
  const original = environmentOfSudo();
  if (original === null) return environmentFor(environment, user);
  return { ...original, ...variables(environment, (name) => !setBySudo(name)) };
}

/** `environment` made that of `user`, as `su` does it. */
export function environmentFor(environment: Environment, user: User): Record<string, string> {
  return {
    ...variables(environment, (name) => !name.startsWith("SUDO_")),
    ...identityVariables(user),
  };
}

function variables(
  environment: Environment,
  keep: (name: string) => boolean,
): Record<string, string> {
  const entries = Object.entries(environment);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined && keep(entry[0])),
  );
}

function identityVariables(user: User): Record<string, string> {
  return { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell };
}

function setBySudo(name: string): boolean {
  return /^(?:SUDO_.*|HOME|LOGNAME|MAIL|PATH|SHELL|USER)$/.test(name);
}

/**
 * What the nearest sudo above us was started with. With a terminal of its own, sudo is there twice, both times with the
 * same environment. The content is the user's word and goes only to what runs as that user.
 */
function environmentOfSudo(): Record<string, string> | null {
  let pid = process.ppid;
  for (let depth = 0; depth < 4 && pid > 1; depth++) {
    const status = readText(`/proc/${pid}/status`);
    if (/^Name:\tsudo$/m.test(status)) return parseEnvironment(readText(`/proc/${pid}/environ`));
    pid = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return null;
}

function parseEnvironment(text: string): Record<string, string> {
  const entries = text.split("\0").filter((entry) => entry.indexOf("=") > 0);
  return Object.fromEntries(
    entries.map((entry) => [
      entry.slice(0, entry.indexOf("=")),
      entry.slice(entry.indexOf("=") + 1),
    ]),
  );
}

/** Empty for a process that is gone. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

// struct passwd: pw_name, pw_passwd, pw_uid and pw_gid (4 bytes each), pw_gecos, pw_dir, pw_shell.
function userAt(entry: Pointer | null): User | null {
  if (entry === null) return null;
  const name = textAt(entry, 0);
  const gid = read.u32(entry, 20);
  return {
    name,
    uid: read.u32(entry, 16),
    gid,
    groups: groupsOf(name, gid),
    home: textAt(entry, 32),
    shell: textAt(entry, 40),
  };
}

function textAt(entry: Pointer, offset: number): string {
  return new CString(read.ptr(entry, offset) as Pointer).toString();
}

function groupsOf(name: string, gid: number): number[] {
  const groupsMax = 65536; // NGROUPS_MAX
  const nameBytes = cString(name);
  const groups = ownedBytes(groupsMax * 4);
  const count = ownedBytes(4);
  viewOf(count).setInt32(0, groupsMax, true);
  libc.getgrouplist(ptr(nameBytes), gid, ptr(groups), ptr(count));
  const found = viewOf(count).getInt32(0, true);
  return Array.from({ length: found }, (_, index) => viewOf(groups).getUint32(index * 4, true));
}
