// Gates with the programs that people have: what opens them, and every way to change a file that shuts them again.

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allowed, type Case, earlyBlock, type Suite } from "../case.ts";

/** One gate a case, because gates last as long as the session. Terms of the gate, by its number. */
const terms: string[] = [];

interface GateCase {
  readonly name: string;
  /** `exec "..."` and what follows; SRC is the watched folder. */
  readonly after?: string;
  /** bash; TESTS, SHIP and SRC are replaced. `SHIP a` leaves the mark `a` where the gate is open. */
  readonly script: string;
  /** Marks where the rules hold, and without rules. */
  readonly held: readonly string[];
  readonly free: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly fault?: Case["fault"];
  readonly needs?: Case["needs"];
  readonly slow?: Case["slow"];
}

function gate({ name, after, script, held, free, files, fault, needs, slow }: GateCase): Case {
  const n = terms.length + 1;
  const words = (text: string) =>
    text
      .replaceAll('"TESTS"', `"gtests-${n}"`)
      .replaceAll("TESTS", `./gtests-${n}`)
      .replaceAll("SHIP", `./gship-${n}`)
      .replaceAll("SRC", `gsrc-${n}`);
  terms.push(words(after ?? `exec "gtests-${n}" exits 0 since write "{root}/cases/*/SRC/**"`));
  return {
    name,
    ...(held.length < free.length
      ? { rule: `real-gate-${n}`, expected: earlyBlock }
      : { expected: allowed }),
    prepare: (dir, bin) => {
      mkdirSync(join(dir, `gsrc-${n}`));
      writeFileSync(join(dir, `gsrc-${n}/a`), "before\n");
      writeFileSync(join(dir, `gtests-${n}`), "#!/bin/bash\nexit $1\n", { mode: 0o755 });
      copyFileSync(join(bin, "free"), join(dir, `gship-${n}`));
      for (const [path, text] of Object.entries(files ?? {})) {
        const file = join(dir, words(path));
        mkdirSync(join(file, ".."), { recursive: true });
        writeFileSync(file, words(text).replaceAll("{act}", join(bin, "act")), { mode: 0o755 });
      }
    },
    run: ["bash", "-c", `${words(script)}; true`],
    marks: { held, free },
    code: 0,
    ...(fault && { fault }),
    ...(needs && { needs }),
    ...(slow && { slow }),
  };
}

/** The change shuts the gate. */
function shuts(name: string, change: string, more: Partial<GateCase> = {}, before = ""): Case {
  const script = `${before}TESTS; ${change}; SHIP first`;
  return gate({ name: `shut by ${name}`, script, held: [], free: ["first"], ...more });
}

/** The gate stays open. */
function stays(name: string, script: string, more: Partial<GateCase> = {}): Case {
  return gate({ name, script: `${script}; SHIP first`, held: ["first"], free: ["first"], ...more });
}

/** It never opens. */
function never(name: string, script: string, more: Partial<GateCase> = {}): Case {
  return gate({ name, script: `${script}; SHIP first`, held: [], free: ["first"], ...more });
}

const python: Partial<GateCase> = {
  after: 'exec "TESTS" exits 0 since write "{root}/cases/*/SRC/**/*.py"',
};
const git = "git -c user.name=a -c user.email=b";

const changes: readonly Case[] = [
  shuts("a rename over a file", "echo after > new; mv new SRC/a"),
  shuts("a rename of the file away", "mv SRC/a away"),
  shuts("an exchange of two names", "echo after > new; {act} rename-exchange new SRC/a"),
  shuts("truncate", "{act} truncate SRC/a"),
  shuts("an open that truncates", ": > SRC/a"),
  shuts("a write into the middle", "echo after | dd of=SRC/a conv=notrunc status=none"),
  shuts("sed -i", "sed -i s/before/after/ SRC/a"),
  shuts("cp", "echo after > new; cp new SRC/a"),
  shuts("cp --reflink", "echo after > new; cp --reflink=auto new SRC/a"),
  shuts("python", 'python3 -c \'open("SRC/a", "r+").write("after")\''),
  shuts("a new file", "echo after > SRC/b"),
  shuts("a symbolic link", "ln -s /dev/null SRC/b"),
  shuts("a hard link", "echo after > new; ln new SRC/b"),
  shuts("a file without a name that gets one", "{act} tmpfile-link SRC/b"),
  shuts("a removal", "rm SRC/a"),
  shuts("a link to the file", "echo after > link", {}, "ln -s SRC/a link; "),
  shuts("a second name", "echo after > second", {}, "ln SRC/a second; "),
  shuts("the folder renamed and another in its place", "mkdir new; mv SRC old; mv new SRC"),
  shuts("a folder that replaces it", "rm -r SRC; mkdir -p new/deep; mv new SRC"),
  shuts("a folder renamed above a file of a pattern", "mv SRC/in SRC/out", {
    ...python,
    files: { "SRC/in/deep/a.py": "" },
    fault: {
      tiers: ["tracepoint"],
      why: "the tier cannot tell a folder from a file that was renamed",
    },
  }),
  shuts("a folder renamed to above a file of a pattern", "mv new SRC/in", {
    ...python,
    files: { "new/deep/a.py": "" },
    fault: {
      tiers: ["tracepoint"],
      why: "the tier cannot tell a folder from a file that was renamed",
    },
  }),
  stays(
    "a file of another pattern that is renamed does not shut it",
    "TESTS; mv SRC/a SRC/b",
    python,
  ),
  shuts(
    "git checkout",
    "git checkout -q other",
    {},
    `git init -q -b main .; git add SRC; ${git} commit -qm one; git checkout -q -b other; echo after > SRC/a; ${git} commit -qam two; git checkout -q main; `,
  ),
  shuts("a descriptor that was opened before", "echo after >&5", {}, "exec 5>>SRC/a; "),
  shuts("ftruncate of one", "{act} ftruncate-open 5", {}, "exec 5>>SRC/a; "),
  shuts(
    "a store into a mapping that was made before",
    "echo > go; wait",
    {},
    "mkfifo go; {act} map-store SRC/a go & until [ -e leak ]; do :; done; ",
  ),
  shuts(
    "a store into a mapping that was made to read and write later",
    "echo > go; wait",
    {},
    "mkfifo go; {act} map-protect-store SRC/a go & until [ -e leak ]; do :; done; ",
  ),
  stays(
    "a mapping that ended before the run does not shut it",
    "{act} map-store SRC/a <(:); TESTS",
  ),
  stays("a mapping made by the run itself does not shut it", "TESTS", {
    files: { TESTS: "#!/bin/bash\n{act} map-store SRC/a <(:)\n" },
  }),
  stays("a mapping to read does not shut it", "{act} map SRC/a; TESTS; {act} map SRC/a"),
  stays("chmod does not shut it", "TESTS; chmod 600 SRC/a"),
  stays("a file beside does not shut it", "TESTS; echo > beside; mkdir other; mv other elsewhere"),
];

const suite = (status: string) => `import unittest
class T(unittest.TestCase):
    def test(self): self.assertEqual(open("SRC/a").read(), "before\\n" if ${status} else "")
`;

const unittest: Partial<GateCase> = {
  slow: true,
  after: 'exec "python3" "-m" "unittest" exits 0 since write "{root}/cases/*/SRC/**"',
  files: {
    "tests/__init__.py": "",
    "tests/test_ok.py": suite("True"),
    "tests/test_no.py": suite("False"),
  },
};

const npmTest = `require('fs').writeFileSync('SRC/out', ''); process.exit(process.env.FAIL ? 1 : 0)`;
/** Emulated machines have a time limit: there it is run where cases are asked for by name. */
const isSlow = () =>
  process.env.ACTPLANE_E2E_SLOW !== undefined && !process.env.ACTPLANE_E2E_CASES
    ? "it takes long in an emulated machine"
    : null;
const npm: Partial<GateCase> = {
  needs: isSlow,
  slow: true,
  after: 'exec "npm" "test" exits 0 since write "{root}/cases/*/SRC/**"',
  files: {
    "package.json": JSON.stringify({
      name: "x",
      version: "1.0.0",
      scripts: { test: `node -e "${npmTest}"` },
    }),
  },
};

const runs: readonly Case[] = [
  never("python3 -m unittest that fails", "python3 -m unittest -q tests.test_no", {
    ...unittest,
    needs: isSlow,
  }),
  gate({
    name: "python3 -m unittest that passes, an edit",
    script: "python3 -m unittest -q tests.test_ok; SHIP first; echo > SRC/a; SHIP second",
    held: ["first"],
    free: ["first", "second"],
    ...unittest,
  }),
  gate({
    name: "a pytest that is a script: it fails, it passes, an edit while it runs",
    slow: true,
    after: 'exec "**/pytest" exits 0 since write "{root}/cases/*/SRC/**"',
    script:
      "bin/pytest -x fail; SHIP first; bin/pytest; SHIP second; mkfifo begun go; bin/pytest wait & read -r line < begun; echo > SRC/a; echo > go; wait; SHIP third",
    held: ["second"],
    free: ["first", "second", "third"],
    files: {
      "bin/pytest":
        '#!/usr/bin/python3\nimport sys\nopen("SRC/cache", "w").write("x")\nif "wait" in sys.argv:\n  open("begun", "w").write("\\n"); open("go").read()\nsys.exit(1 if "fail" in sys.argv else 0)\n',
    },
  }),
  gate({
    name: "make test: it fails, it passes, an edit",
    slow: true,
    after: 'exec "make" "test" exits 0 since write "{root}/cases/*/SRC/**"',
    script:
      "make -s FAIL=1 test; SHIP first; make -s test; SHIP second; make -s other; SHIP third; echo > SRC/a; SHIP fourth",
    held: ["second", "third"],
    free: ["first", "second", "third", "fourth"],
    files: {
      Makefile:
        "test:\n\t@echo > SRC/built\n\t@$(MAKE) -s inner\ninner:\n\t@test -z '$(FAIL)'\nother:\n\t@true\n",
    },
  }),
  never("npm test that fails", "FAIL=1 npm test --silent", npm),
  gate({
    name: "npm test that passes, an edit",
    script: "npm test --silent; SHIP first; echo > SRC/a; SHIP second",
    held: ["first"],
    free: ["first", "second"],
    ...npm,
  }),
  never("a run that was killed", "TESTS & kill -9 $!; wait", {
    files: { TESTS: "#!/bin/bash\nsleep 5\n" },
  }),
  never("a run that ran into its time limit", "timeout -s KILL 0.3 TESTS", {
    files: { TESTS: "#!/bin/bash\nsleep 5\n" },
  }),
  never("a run that crashed", "TESTS", { files: { TESTS: "#!/bin/bash\nkill -SEGV $$\n" } }),
  never("a run that ended by exit 1", "TESTS 1"),
  gate({
    name: "a run that has not ended",
    script: "TESTS & until [ -e begun ]; do :; done; SHIP first; echo > asked; wait",
    held: [],
    free: ["first"],
    files: { TESTS: "#!/bin/bash\necho > begun; until [ -e asked ]; do sleep 0.1; done\n" },
  }),
  never("a run with LD_PRELOAD", "LD_PRELOAD=libm.so.6 TESTS"),
  never("a run that is traced", "{act} traced exec TESTS"),
  never("a run by its loader", "/lib64/ld-linux-x86-64.so.2 /bin/bash TESTS"),
  stays("a run with PYTHONPATH", "PYTHONPATH=. TESTS"),
  stays("a run in a namespace of its own", "unshare -m TESTS", {
    fault: {
      tiers: ["tracepoint"],
      why: "the tier knows a script only by the path it was invoked by, which means little there",
    },
  }),
  gate({
    name: "a gate by a file that is read, until it changes",
    after: 'read "{root}/cases/*/SRC/a" since write "{root}/cases/*/SRC/a"',
    script: "SHIP first; read -r line < SRC/a; SHIP second; echo > SRC/a; SHIP third",
    held: ["second"],
    free: ["first", "second", "third"],
  }),
  gate({
    name: "a gate whose time is over",
    after: 'exec "TESTS" exits 0 within 1s',
    // Where starting the two takes a second, it is over before it begins.
    script: "for i in {1..40}; do TESTS; SHIP first && break; done; sleep 1.5; SHIP second",
    held: ["first"],
    free: ["first", "second"],
  }),
];

const policy = terms
  .map(
    (text, i) => `rule real-gate-${i + 1}:\n  block exec "gship-${i + 1}" unless after ${text}\n`,
  )
  .join("");

export const gates: Suite = { policy, cases: [...changes, ...runs] };
