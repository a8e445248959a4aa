// Running programs: who runs them, how, with which arguments, under which name.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { allowed, type Case, earlyBlock, earlyKill, noted, type Suite } from "../case.ts";
import { probes } from "../tool.ts";

const policy = `
rule no-push:
  block exec "git" "push"
  because "open a pull request instead"
rule no-forbidden:
  block exec "forbidden"
rule no-lethal:
  kill exec "lethal"
rule note-noted:
  notify exec "noted"
rule several-noted:
  notify exec "several"
rule several-blocked:
  block exec "several"
rule several-killed:
  kill exec "several" "now"
rule no-needle:
  block exec "haystack" "*needle*"
rule no-script:
  block exec "deploy.sh"
rule no-interpreter:
  block exec "fakesh"
rule no-applet:
  block exec "applet"
rule no-multicall:
  block exec "multicall"
rule only-in-allowed:
  block exec "placed" unless target "**/allowed/**"
rule only-by-launcher:
  block exec "guarded" unless lineage-includes exec "launcher"
rule no-loaded:
  block exec "loaded"
rule no-narrow-force:
  block exec "narrow" "--force"
rule no-truncate-applet:
  block exec "**/box/truncate"
rule no-python-push:
  block exec "publish" "--force"
`;

/** `script` as an executable file of the case's folder. */
function script(name: string, text: string) {
  return (dir: string, bin: string) => {
    writeFileSync(join(dir, name), text.replaceAll("{bin}", bin));
    chmodSync(join(dir, name), 0o755);
  };
}

/** Names of busybox, which does what it is called. */
function box(dir: string): void {
  mkdirSync(join(dir, "box"));
  for (const applet of ["truncate", "cp"])
    symlinkSync("/usr/bin/busybox", join(dir, "box", applet));
}

const python = "/usr/bin/python3";
const pushes = { rule: "no-push", expected: earlyBlock } as const;
const forbidden = { rule: "no-forbidden", expected: earlyBlock } as const;

/** Every way from one process to another. */
const manners: readonly Case[] = [
  ["fork"],
  ["double-fork"],
  ["setsid"],
  ["clone"],
  ["thread"],
  ["double-fork", "setsid", "thread"],
].map((manner) => ({
  ...forbidden,
  name: `a program run by ${manner.join(" and ")}`,
  run: ["{act}", ...manner, "exec", "{bin}/forbidden", "ran"],
  // What a daemon's exec came to is not in the exit code of the process that left it.
  code: manner.includes("setsid") ? 0 : -1,
}));

const cases: readonly Case[] = [
  { ...forbidden, name: "execve of the first program", run: ["{bin}/forbidden", "ran"] },
  ...manners,
  {
    ...forbidden,
    name: "vfork and exec",
    run: ["{act}", "vfork", "exec", "{bin}/forbidden", "ran"],
    code: -1,
  },
  {
    ...forbidden,
    name: "posix_spawn",
    run: ["{act}", "spawn", "exec", "{bin}/forbidden", "ran"],
    code: -1,
  },
  {
    ...forbidden,
    name: "execveat of a folder and a name",
    run: ["{act}", "execveat", "{bin}/forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "fexecve of a descriptor",
    run: ["{act}", "fexecve", "{bin}/forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "a name of the caller's choice does not hide a program",
    run: ["{act}", "exec-as", "{bin}/forbidden", "innocent", "ran"],
  },
  {
    name: "a name of the caller's choice does not make a program another",
    expected: allowed,
    run: ["{act}", "exec-as", "{bin}/free", "forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "exec -a in bash",
    run: ["bash", "-c", "exec -a innocent {bin}/forbidden ran"],
  },
  { ...forbidden, name: "a relative path", run: ["bash", "-c", "cd {bin} && ./forbidden ran"] },
  {
    ...forbidden,
    name: "a path with dots and doubled slashes",
    run: ["{act}", "exec", "{bin}/../bin//./forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "a path through /proc/self/root",
    run: ["{act}", "exec", "/proc/self/root{bin}/forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "a symbolic link with another name",
    prepare: (dir, bin) => symlinkSync(join(bin, "forbidden"), join(dir, "other")),
    run: ["{act}", "exec", "./other", "ran"],
  },
  {
    ...forbidden,
    name: "found through PATH by env",
    run: ["env", "PATH={bin}", "forbidden", "ran"],
  },
  {
    ...forbidden,
    name: "xargs",
    run: ["bash", "-c", "echo ran | xargs {bin}/forbidden"],
    code: -1,
  },
  {
    ...forbidden,
    name: "python3 subprocess",
    run: [
      python,
      "-ISc",
      "import subprocess, sys; sys.exit(subprocess.call(['{bin}/forbidden', 'ran']))",
    ],
    code: -1,
  },
  {
    ...forbidden,
    name: "node child_process",
    run: [
      "node",
      "-e",
      "process.exit(require('child_process').spawnSync('{bin}/forbidden', ['ran']).status ?? 1)",
    ],
    code: -1,
  },
  {
    ...forbidden,
    name: "make",
    prepare: (dir, bin) => writeFileSync(join(dir, "Makefile"), `all:\n\t${bin}/forbidden ran\n`),
    run: ["make", "-s"],
    code: -1,
  },

  {
    name: "a kill ends the process",
    rule: "no-lethal",
    expected: earlyKill,
    run: ["{act}", "exec", "{bin}/lethal", "ran"],
  },
  {
    name: "a kill ends the process and not its parent",
    rule: "no-lethal",
    expected: earlyKill,
    run: ["bash", "-c", "{bin}/lethal ran; exit 3"],
    code: 3,
  },
  { name: "a notify lets pass", rule: "note-noted", expected: noted, run: ["{bin}/noted", "ran"] },
  {
    name: "of several matches the strongest wins and all are named: block",
    rule: ["several-noted", "several-blocked"],
    expected: earlyBlock,
    run: ["{bin}/several", "ran"],
  },
  {
    name: "of several matches the strongest wins and all are named: kill",
    rule: ["several-noted", "several-blocked", "several-killed"],
    expected: earlyKill,
    run: ["{act}", "exec", "{bin}/several", "now"],
  },

  { ...pushes, name: "git push", run: ["{bin}/git", "push", "origin"] },
  { ...pushes, name: "git -C folder push", run: ["{bin}/git", "-C", "{dir}", "push"] },
  {
    ...pushes,
    name: "git with several options push",
    run: ["{bin}/git", "-c", "a.b=c", "--no-pager", "--git-dir", "x", "push"],
  },
  { ...pushes, name: "git push in the arguments of env", run: ["env", "A=b", "{bin}/git", "push"] },
  { name: "git commit -m push", expected: allowed, run: ["{bin}/git", "commit", "-m", "push"] },
  { name: "git log -- push", expected: allowed, run: ["{bin}/git", "log", "--", "push"] },
  { name: "git -C push status", expected: allowed, run: ["{bin}/git", "-C", "push", "status"] },
  { name: "git pull", expected: allowed, run: ["{bin}/git", "pull"] },
  {
    ...pushes,
    name: "the real git push through bash -c",
    run: ["bash", "-c", "cd {root}/work && git push -q origin HEAD:refs/heads/{name}; true"],
    code: 0,
    effect: (dir) => pushed(dir, "the-real-git-push-through-bash--c"),
  },
  {
    ...pushes,
    name: "the real git -C push",
    run: ["git", "-C", "{root}/work", "push", "-q", "origin", "HEAD:refs/heads/{name}"],
    effect: (dir) => pushed(dir, "the-real-git--C-push"),
  },
  {
    ...pushes,
    name: "the real git called git-push",
    run: [
      "bash",
      "-c",
      "cd {root}/work && (exec -a git-push git -q origin HEAD:refs/heads/{name}); true",
    ],
    code: 0,
    effect: (dir) => pushed(dir, "the-real-git-called-git-push"),
  },
  {
    name: "the real git commit -m push",
    expected: allowed,
    run: [
      "bash",
      "-c",
      "git -C {root}/work -c user.name=a -c user.email=b commit -q --allow-empty -m push && echo > mark",
    ],
  },

  {
    name: "a needle in the last of 256 KiB of arguments",
    rule: "no-needle",
    expected: earlyBlock,
    run: ["{act}", "exec-long", "{bin}/haystack", "261000", "a needle here"],
  },
  {
    name: "256 KiB of arguments without a needle",
    expected: allowed,
    run: ["{act}", "exec-long", "{bin}/haystack", "261000", "nothing"],
  },
  {
    name: "more arguments than are read count as matching",
    rule: "no-needle",
    expected: earlyBlock,
    strict: "arguments",
    run: ["{act}", "exec-long", "{bin}/haystack", "700000", "nothing"],
  },
  { name: "an argument that is empty", expected: allowed, run: ["{bin}/haystack", "", "x"] },
  {
    name: "a needle behind an empty argument",
    rule: "no-needle",
    expected: earlyBlock,
    run: ["{bin}/haystack", "", "needle"],
  },
  {
    name: "an option before the argument that a rule names",
    rule: "no-python-push",
    expected: earlyBlock,
    run: ["{bin}/publish", "all", "--force"],
  },

  {
    ...pushes,
    name: "a thread that rewrites the arguments while the program is started",
    run: [join(probes, "flip"), "{bin}/git", "push", "pull", "60"],
    code: 0,
    // It may be the forbidden word each time: then nothing ran.
    effect: (dir) =>
      existsSync(join(dir, "mark")) && readFileSync(join(dir, "mark"), "utf8").includes("push"),
  },

  {
    name: "a script by its name",
    rule: "no-script",
    expected: earlyBlock,
    prepare: script("deploy.sh", "#!/bin/sh\necho ran > mark\n"),
    run: ["{act}", "exec", "./deploy.sh"],
  },
  {
    name: "a script by its interpreter",
    rule: "no-interpreter",
    expected: earlyBlock,
    prepare: script("harmless", "#!{bin}/fakesh ran\n"),
    run: ["{act}", "exec", "./harmless"],
  },
  {
    name: "a script by its interpreter's interpreter",
    rule: "no-interpreter",
    expected: earlyBlock,
    prepare: (dir, bin) => {
      script("inner", "#!{bin}/fakesh\n")(dir, bin);
      script("outer", `#!${dir}/inner\n`)(dir, bin);
    },
    run: ["{act}", "exec", "./outer"],
  },
  {
    name: "a script of another name",
    expected: allowed,
    prepare: script("fine.sh", "#!/bin/sh\necho ran > mark\n"),
    run: ["{act}", "exec", "./fine.sh", "deploy.sh"],
  },
  {
    name: "an applet by the name of its link",
    rule: "no-applet",
    expected: earlyBlock,
    prepare: (dir, bin) => symlinkSync(join(bin, "free"), join(dir, "applet")),
    run: ["{act}", "exec", "./applet", "ran"],
  },
  {
    name: "an applet by the file behind its link",
    rule: "no-multicall",
    expected: earlyBlock,
    prepare: (dir, bin) => symlinkSync(join(bin, "multicall"), join(dir, "vi")),
    run: ["{act}", "exec", "./vi", "ran"],
  },

  {
    name: "an applet of busybox by the name of its link",
    rule: "no-truncate-applet",
    expected: earlyBlock,
    prepare: box,
    run: ["{act}", "exec", "box/truncate", "-s", "4", "mark"],
  },
  {
    name: "another applet of busybox",
    expected: allowed,
    prepare: box,
    run: ["{act}", "exec", "box/cp", "box/cp", "mark"],
  },

  {
    name: "a 32-bit program with its arguments",
    rule: "no-narrow-force",
    expected: earlyBlock,
    run: ["{bin}/narrow", "ran", "--force"],
  },
  { name: "a 32-bit program", expected: allowed, run: ["{bin}/narrow", "ran", "--forces"] },
  {
    ...forbidden,
    name: "a program run by a 32-bit program",
    run: ["{bin}/narrow", "exec", "{bin}/forbidden", "ran"],
  },
  {
    name: "another program run by a 32-bit program",
    expected: allowed,
    run: ["{bin}/narrow", "exec", "{bin}/free", "ran"],
  },
  {
    ...pushes,
    name: "git push run by a 32-bit program",
    run: ["{bin}/narrow", "exec", "{bin}/git", "-C", "x", "push"],
  },

  {
    name: "unless target: elsewhere",
    rule: "only-in-allowed",
    expected: earlyBlock,
    run: ["{act}", "exec", "{bin}/placed", "ran"],
  },
  {
    name: "unless target: there",
    expected: allowed,
    prepare: (dir, bin) => {
      mkdirSync(join(dir, "allowed"));
      copyFileSync(join(bin, "placed"), join(dir, "allowed/placed"));
    },
    run: ["{act}", "exec", "./allowed/placed", "ran"],
  },
  {
    name: "unless lineage-includes: without the launcher",
    rule: "only-by-launcher",
    expected: earlyBlock,
    run: ["{act}", "fork", "exec", "{bin}/guarded", "ran"],
    code: -1,
  },
  {
    name: "unless lineage-includes: below the launcher",
    expected: allowed,
    run: ["{bin}/launcher", "double-fork", "exec", "{act}", "fork", "exec", "{bin}/guarded", "ran"],
  },
  {
    name: "unless lineage-includes: beside the launcher",
    rule: "only-by-launcher",
    expected: earlyBlock,
    run: ["bash", "-c", "{bin}/launcher exec {bin}/free first; {bin}/guarded ran"],
    marks: { held: ["first"], free: ["first", "ran"] },
  },

  {
    name: "a program handed to its loader",
    rule: "no-loaded",
    expected: earlyBlock,
    run: ["/lib64/ld-linux-x86-64.so.2", "{bin}/loaded", "mark"],
  },
  {
    name: "another program handed to its loader",
    expected: allowed,
    run: ["/lib64/ld-linux-x86-64.so.2", "/usr/bin/touch", "mark"],
  },
];

function pushed(dir: string, name: string): boolean {
  return Bun.file(join(dir, "../../remote/refs/heads", name)).size > 0;
}

export const programs: Suite = { policy, cases };
