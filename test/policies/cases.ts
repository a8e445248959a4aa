// What each starter policy must stop and what it must let through, as shell scripts. A script runs in a fresh folder that is
// also the workspace and the home, after `prepare`; `happened` tells from outside whether the forbidden operation took effect.

export interface PolicyCase {
  /** File name in policies/, without its ending. */
  readonly policy: string;
  readonly prepare?: string;
  readonly forbidden: string;
  readonly happened: string;
  readonly allowed: string;
  /** `notify`: the operation goes on and is told. */
  readonly isNotice?: true;
  /** The host's hooks must refuse; elsewhere the run does not start. */
  readonly needsHooks?: true;
}

const repository = `
git init -q -b main . && git init -q --bare -b main remote.git && git remote add origin ./remote.git
git commit -q --allow-empty -m first && git push -q -u origin main
git commit -q --amend --allow-empty -m rewritten`;
const rewrittenUpstream = '[ "$(git -C remote.git log -1 --format=%s)" = rewritten ]';

/**
 * Answers on the port and leaves the file `got` for each connection; waits until it listens, and ends with its folder. The
 * port may still be that of the server before.
 */
const server = (port: number) => `
/usr/bin/python3 -c '
import os, socket, time
for _ in range(200):
    try: listener = socket.create_server(("127.0.0.1", ${port})); break
    except OSError: time.sleep(0.05)
open("listening", "w")
listener.settimeout(0.1)
end = time.monotonic() + 50
while os.path.exists("listening") and time.monotonic() < end:
    try: connection = listener.accept()[0]
    except TimeoutError: continue
    open("got", "w"); connection.recv(4096)
    connection.sendall(b"HTTP/1.0 204 No Content\\r\\n\\r\\n"); connection.close()
' </dev/null >/dev/null 2>&1 &
for _ in {1..200}; do [ -e listening ] && break; sleep 0.05; done; [ -e listening ]`;
const curl = (port: number) => `curl -sS -o answer --max-time 5 http://127.0.0.1:${port}/`;

export const cases: readonly PolicyCase[] = [
  {
    policy: "run-tests-before-committing",
    prepare: `git init -q -b main . && mkdir src && printf 'test:\\n\\ttest -e src/code\\n' >Makefile`,
    forbidden:
      "echo 1 >src/code && make test && echo 2 >src/code && git commit -q --allow-empty -m stale",
    happened: "git rev-parse -q --verify HEAD",
    allowed: "echo 1 >src/code && make test && git commit -q --allow-empty -m tested",
  },
  {
    policy: "what-derives-from-env-files-never-reaches-the-network",
    prepare: `echo KEY=1 >.env; ${server(4771)}`,
    forbidden: `cp .env copy && cat copy >/dev/null && ${curl(4771)} -d @copy`,
    happened: "[ -e got ]",
    allowed: `cp .env copy && echo hello >other && ${curl(4771)} -d @other`,
  },
  {
    policy: "this-sub-agent-is-read-only",
    prepare: `echo text >file && printf '#!/bin/sh\\n"$@"\\n' >reviewer && chmod +x reviewer`,
    forbidden: "./reviewer rm file",
    happened: "[ ! -e file ]",
    allowed: "./reviewer grep -q text file && echo new >file",
    needsHooks: true,
  },
  {
    policy: "no-force-push",
    prepare: repository,
    forbidden: "git -C . push -qf origin main",
    happened: rewrittenUpstream,
    allowed: "git push -q origin main:another",
  },
  {
    policy: "no-force-push",
    prepare: repository,
    forbidden: "git push -fu origin main",
    happened: rewrittenUpstream,
    allowed: "git push -qu origin main:dashed-f",
  },
  {
    policy: "no-force-push",
    prepare: `${repository}; git push -q origin main:another`,
    forbidden: "git push -qd origin another",
    happened: "! git ls-remote --exit-code origin another >other",
    allowed: "git push -q --follow-tags origin main:third",
  },
  {
    policy: "no-force-push",
    prepare: repository,
    forbidden: "git push -q --mir origin",
    happened: rewrittenUpstream,
    allowed: "git push -q --dry-run origin main:third",
  },
  {
    policy: "no-force-push",
    prepare: repository,
    forbidden:
      '/usr/bin/python3 -c \'import os; os.execlp("git", "x", "push", "-q", "origin", "+main")\'',
    happened: rewrittenUpstream,
    allowed: "git commit -q --allow-empty -m 'push --force' && git push -q origin main:--force",
  },
  {
    policy: "only-the-package-manager-reaches-the-registry",
    prepare: `printf '#!/bin/sh\\n${curl(4873)}\\n' >npm && chmod +x npm; ${server(4873)}`,
    forbidden: curl(4873),
    happened: "[ -e got ]",
    allowed: "./npm && [ -e got ]",
  },
  {
    policy: "credentials-are-not-read",
    prepare: "mkdir .ssh && echo secret >.ssh/id_ed25519 && ln -s .ssh/id_ed25519 innocent",
    forbidden: "cat innocent >seen",
    happened: "[ -s seen ]",
    allowed: "ls -l .ssh && echo >.ssh/known_hosts && cat .ssh/known_hosts",
  },
  {
    policy: "credentials-are-not-read",
    prepare: "mkdir .aws && echo secret >.aws/credentials && cp /bin/cat aws",
    forbidden: "cp .aws/credentials seen",
    happened: "[ -s seen ]",
    allowed: "./aws .aws/credentials",
  },
  {
    policy: "the-agent-does-not-change-its-own-instructions",
    prepare: "echo 'version: 1' >actplane.yaml",
    forbidden: "echo none >new && mv new actplane.yaml",
    happened: "grep -q none actplane.yaml",
    allowed: "cat actplane.yaml && echo text >README.md",
    needsHooks: true,
  },
  {
    policy: "work-stays-in-the-workspace",
    forbidden: "echo >/run/actplane-$(basename $PWD)",
    happened: "[ -e /run/actplane-$(basename $PWD) ] && rm /run/actplane-$(basename $PWD)",
    allowed: "mkdir -p a/b && echo >a/b/c && mv a/b/c d && echo >/dev/null",
    needsHooks: true,
  },
  {
    policy: "rewriting-history-is-reported",
    prepare: repository,
    forbidden: "git commit -q --amend --allow-empty -m again",
    happened: '[ "$(git log -1 --format=%s)" = again ]',
    allowed: "git commit -q --allow-empty -m 'another --amend'",
    isNotice: true,
  },
  {
    policy: "servers-listen-on-the-loopback-only",
    forbidden: `/usr/bin/python3 -c 'import socket; socket.create_server(("", 0)); open("bound", "w")'`,
    happened: "[ -e bound ]",
    allowed: `/usr/bin/python3 -c 'import socket; socket.create_server(("127.0.0.1", 0))'`,
  },
  {
    policy: "cloud-metadata-is-out-of-reach",
    // Without a route to it the kernel answers ENETUNREACH, which is past the rule.
    forbidden: `/usr/bin/python3 -c '
import errno, socket
status = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(("169.254.169.254", 80))
if status != errno.EPERM: open("reached", "w")'`,
    happened: "[ -e reached ]",
    allowed: `/usr/bin/python3 -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 80))'`,
  },
  {
    policy: "nobody-becomes-another-user",
    prepare: "printf '#!/bin/sh\\n>became\\n' >sudo && chmod +x sudo",
    forbidden: "PATH=.:$PATH; sudo -n true",
    happened: "[ -e became ]",
    allowed: "id -u",
  },
];
