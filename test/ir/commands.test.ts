// Which argument is the subcommand, command by command, through the whole compiler.

import { expect, setDefaultTimeout, test } from "bun:test";
import { commandTable, valueOptionsOf, withCommands } from "../../src/ir/commands.ts";
import { compileText, execClausesOf, places } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

/** Whether running `line` (words between blanks, `''` an empty one) is what the exec pattern describes. */
function check(pattern: string, line: string, expected: boolean): void {
  const compiled = compileText(`rule r: block exec ${pattern} because "x"`);
  const argv = line.split(" ").map((word) => (word === "''" ? "" : word));
  const found = execClausesOf(compiled, `/usr/bin/${argv[0]}`, argv);
  expect(`${line}: ${found.length === 1}`).toBe(`${line}: ${expected}`);
}

test("git goes by the name that it is called by", () => {
  const compiled = compileText('rule r: block exec "git" "push" "main" because "x"');
  const is = (argv0: string, ...rest: string[]) =>
    execClausesOf(compiled, "/usr/lib/git-core/git", [argv0, ...rest]).length === 1;
  expect(is("git-push", "origin", "main")).toBe(true);
  expect(is("/usr/lib/git-core/git-push", "main")).toBe(true);
  expect(is("git-push", "origin")).toBe(false);
  expect(is("git-pushes", "main")).toBe(false);
  expect(is("my-git-push", "main")).toBe(false);
  expect(is("/git-push/git", "main")).toBe(false);
});

function table(pattern: string, yes: readonly string[], no: readonly string[]): void {
  test(`exec ${pattern}`, () => {
    for (const line of yes) check(pattern, line, true);
    for (const line of no) check(pattern, line, false);
  });
}

table(
  '"git" "push"',
  [
    "git push",
    "git -C d push",
    "git -C push push",
    "git -c user.name=x -C d push origin",
    "git --git-dir d push",
    "git --git-dir=d push",
    "git --no-pager -p push",
    "git --work-tree '' push",
    "git -- push",
    "git -C  push push",
  ],
  [
    "git",
    "git -C push",
    "git -c push",
    "git commit -m push",
    "git log -- push",
    "git push2",
    "git pus",
    "git -push",
    "git --exec-path=push status",
    "git '' push",
    "git stash push",
  ],
);
table(
  '"git" "--force" "push"',
  ["git push --force", "git --force push"],
  ["git push", "git commit --force push"],
);
table(
  '"git" "push" "--force*"',
  ["git push --force", "git push origin --force-with-lease"],
  ["git push -f"],
);
table('"git" "push" "main"', ["git push origin main", "git -C main push"], ["git push origin dev"]);
table('"git" "{push,fetch}"', ["git push", "git fetch"], ["git pull", "git -C push pull"]);
table(
  '"git" "*"',
  ["git status", "git -C d x", "git ''"],
  ["git", "git -C d", "git --version", "git -"],
);
table('"git" "?ush"', ["git push"], ["git -ush", "git commit push"]);
table('"git" "-c"', ["git -c a=b status", "git commit -c x"], ["git status"]);
table('"/usr/bin/git" "push"', ["git -C d push"], ["git commit -m push"]);
table('"*" "push"', ["git push", "git commit -m push", "npm push"], ["git"]);
table('any "push"', ["git commit -m push"], ["git pull"]);
table(
  '"npm" "install"',
  ["npm install", "npm i", "npm add x", "npm inst", "npm isntall", "npm --prefix d i"],
  ["npm install-test", "npm it", "npm init", "npm run i", "npm uninstall", "npm ci"],
);
table('"npm" "i"', ["npm install"], ["npm init"]);
table('"npm" "publish"', ["npm pub", "npm publ"], ["npm p", "npm pu-", "npm unpublish"]);
table('"npm" "ci"', ["npm clean-install", "npm install-cl", "npm ic"], ["npm c", "npm i"]);
table('"pnpm" "remove"', ["pnpm rm x", "pnpm uninstall x"], ["pnpm remov x"]);
table('"cargo" "{build,test}"', ["cargo b", "cargo +nightly t"], ["cargo r", "cargo bu"]);
table(
  '"{npm,pnpm,yarn}" "publish"',
  ["npm publish", "pnpm -r publish", "yarn --cwd d publish"],
  ["npm run publish", "yarn run publish", "npx publish"],
);
table(
  '"npm" "publish"',
  [
    "npm publish",
    "npm --registry http://x publish",
    "npm --reg http://x publish",
    "npm --registry=http://x publish",
    "npm -C d publish",
    "npm --dry-run publish",
    "npm --dry-run false publish",
    "npm -gC d publish",
    "npm --foo publish",
  ],
  ["npm run publish", "npm --registry publish", "npm install publish", "npm -w publish"],
);
table(
  '"pnpm" "publish"',
  ["pnpm --filter x publish", "pnpm -F x publish", "pnpm -w publish", "pnpm -r publish"],
  ["pnpm run publish", "pnpm --filter publish"],
);
table(
  '"yarn" "publish"',
  ["yarn --cwd x publish", "yarn --silent publish"],
  ["yarn workspace publish", "yarn --cwd publish"],
);
table(
  '"cargo" "publish"',
  [
    "cargo publish",
    "cargo +nightly publish",
    "cargo --color always publish",
    "cargo -Zx publish",
    "cargo -Z x publish",
    "cargo -vZ x publish",
    "cargo -q publish",
  ],
  ["cargo run publish", "cargo -C publish", "cargo +publish", "cargo +nightly build publish"],
);
table(
  '"go" "install"',
  ["go install", "go -C d install", "go -C=d install"],
  ["go run install", "go -C install"],
);
table(
  '"docker" "push"',
  [
    "docker push",
    "docker -H tcp://x push",
    "docker -DH tcp://x push",
    "docker -Htcp://x push",
    "docker --context c push",
    "docker -D push",
    "docker -c c push",
  ],
  ["docker run push", "docker -H push", "docker image push", "docker --log-level push"],
);
table(
  '"kubectl" "delete"',
  [
    "kubectl delete pod x",
    "kubectl -n prod delete pod x",
    "kubectl -nprod delete pod x",
    "kubectl --namespace=prod delete",
    "kubectl --unknown value delete",
    "kubectl --insecure-skip-tls-verify delete",
    "kubectl -h delete",
    "kubectl --warnings-as-errors -v 9 delete",
    "kubectl - delete",
  ],
  [
    "kubectl get delete",
    "kubectl -n delete",
    "kubectl --unknown delete",
    "kubectl -- delete",
    "kubectl --help2 delete",
  ],
);
table(
  '"gh" "pr" "merge"',
  ["gh pr merge 1", "gh -R o/r pr merge", "gh --repo=o/r pr merge"],
  ["gh issue pr merge", "gh pr view", "gh -R pr merge"],
);
table(
  '"pip" "install"',
  [
    "pip install x",
    "pip --proxy p install x",
    "pip --prox p install",
    "pip -q install",
    "pip --cache-dir=d install",
  ],
  ["pip download install", "pip --proxy install", "pip3 install"],
);
table('"pip3" "install"', ["pip3 --timeout 9 install"], ["pip install"]);
table(
  '"make" "deploy"',
  [
    "make deploy",
    "make all deploy",
    "make -C d deploy",
    "make -kC d all deploy",
    "make CC=x deploy",
    "make -- deploy",
    "make -j4 deploy",
    "make --dir d deploy",
  ],
  [
    "make -C deploy",
    "make all",
    "make -fdeploy",
    "make --directory=deploy",
    "make -kC deploy",
    "make --file deploy",
    "make --makefi deploy",
  ],
);
table('"cp" "a" "b*"', ["cp a bc", "cp bc a", "cp -r x a b"], ["cp a", "a b", "cp ab"]);

test("a command's own name is not one of its arguments", () => check('"x" "x"', "x y", false));

test("an option is one argument as a whole", () => check('"rm" "-rf"', "rm -rfv x", false));

test("no name stands for two commands, and no option both takes a value and does not", () => {
  const names = commandTable.flatMap((command) => command.names);
  expect(new Set(names).size).toBe(names.length);
  for (const command of commandTable) {
    const values = valueOptionsOf(command);
    expect(command.flags.filter((flag) => values.has(flag))).toEqual([]);
    for (const option of [...command.valueOptions, ...command.flags])
      expect(option).toMatch(/^--?[^=\s]+$/);
  }
});

test("a document adds programs, and options to programs", () => {
  const added = new Map([
    ["terraform", ["-chdir"]],
    ["git", ["--new"]],
    ["gh", ["--help"]],
  ]);
  const commands = withCommands(commandTable, added);
  const holds = (pattern: string, line: string): boolean => {
    const compiled = compileText(`rule r: block exec ${pattern} because "x"`, {
      ...places,
      commands,
    });
    const argv = line.split(" ");
    return execClausesOf(compiled, `/bin/${argv[0]}`, argv).length === 1;
  };
  expect(holds('"terraform" "apply"', "terraform -chdir d apply")).toBe(true);
  expect(holds('"terraform" "apply"', "terraform plan apply")).toBe(false);
  expect(holds('"git" "push"', "git --new x -C d push")).toBe(true);
  expect(holds('"gh" "pr"', "gh --help x pr")).toBe(true);
});
