#!/bin/bash
# The demo itself; scripts/demo.sh prepares it. One script of an agent, run twice in a git repository made on the spot:
# governed by the policy in demo/project/actplane.yaml, and not. What became of either is read from outside: from the
# remote, from the history, from the server's log. The last line says how many checks passed; the exit code is 0 or 1.
set -euo pipefail
demo="$(cd "$(dirname "$0")" && pwd)"
actplane="$demo/../dist/actplane"

# The system's programs, whatever versions managers put in front of them.
export PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=Agent GIT_AUTHOR_EMAIL=agent@example.org
export GIT_COMMITTER_NAME=Agent GIT_COMMITTER_EMAIL=agent@example.org
# Under sudo the agent would become the user, whom this folder of root's shuts out.
unset SUDO_UID SUDO_GID SUDO_USER GIT_DIR GIT_WORK_TREE
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

secret=TOKEN-4F2A-DO-NOT-SHARE
place="$(mktemp -d /tmp/actplane-demo.XXXXXX)"
servers=()
cleanup() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  rm -rf "$place"
}
trap cleanup EXIT
# The agent's end is waited for first; without this the other half would follow it.
trap 'echo "demo: interrupted" >&2; exit 130' INT TERM

# make_world NAME: a repository with one commit, a remote that takes pushes, a secret, and a server of its own.
make_world() {
  local world="$place/$1"
  mkdir -p "$world"
  cp -r "$demo/project" "$world/repo"
  mv "$world/repo/gitignore" "$world/repo/.gitignore"
  git init -q --bare -b main "$world/remote.git"
  git -C "$world/repo" init -q -b main
  git -C "$world/repo" remote add origin "$world/remote.git"
  cc -o "$world/repo/push-by-execve" "$demo/push-by-execve.c"
  printf '/push-by-execve\n/agent.sh\n' >>"$world/repo/.git/info/exclude"
  cp "$demo/agent.sh" "$world/repo/agent.sh"
  git -C "$world/repo" add -A
  git -C "$world/repo" commit -qm 'the project as it was'
  git -C "$world/repo" push -q -u origin main
  echo "token=$secret" >"$world/repo/.env"
  /usr/bin/python3 "$demo/server.py" "$world/server.log" "$world/port" &
  servers+=($!)
  local tries
  for tries in {1..100}; do
    [[ -e "$world/port" ]] && return
    sleep 0.1
  done
  echo "the demo's server did not start after $tries tries" >&2
  return 1
}

# in_world NAME COMMAND...: run it in the repository, show and keep what it prints.
in_world() {
  local world="$place/$1"
  shift
  (cd "$world/repo" && SERVER="http://127.0.0.1:$(cat "$world/port")" "$@") </dev/null 2>&1 | tee "$world/output"
}

# What is seen from outside.
branches() { git -C "$place/$1/remote.git" for-each-ref --format='%(refname:short)' refs/heads | paste -sd ' '; }
commits() { git -C "$place/$1/repo" log --reverse --format=%s origin/main..main | paste -sd ' '; }
connections() { grep -c '^connection$' "$place/$1/server.log" || true; }
leaks() { grep -c "$secret" "$place/$1/server.log" || true; }
told() { grep -c "$2" "$place/$1/output" || true; }
# The tests of what was committed, in a fresh clone: what does the history hold?
committed_tests() {
  git clone -q "$place/$1/repo" "$place/$1/clone"
  if make -s -C "$place/$1/clone" test >/dev/null 2>&1; then echo pass; else echo fail; fi
}

passed=0
failed=0
# check WHAT EXPECTED FOUND
check() {
  if [[ "$2" == "$3" ]]; then
    passed=$((passed + 1))
    printf '  ok      %-58s %s\n' "$1" "$3"
  else
    failed=$((failed + 1))
    printf '  FAILED  %-58s %s (expected: %s)\n' "$1" "$3" "$2"
  fi
}

make_world governed
make_world free

echo "== the policy ($(uname -r))"
cat "$demo/project/actplane.yaml"
echo
echo '== actplane run -- ./agent.sh'
governed_status=0
PAUSE=0.2 in_world governed "$actplane" run -- ./agent.sh || governed_status=$?
echo
echo '== the same script without actplane: ./agent.sh'
in_world free ./agent.sh
echo
echo '== seen from outside'
echo ' with actplane'
check 'exit code of the run, which is the agent'"'"'s' 0 "$governed_status"
check 'branches of the remote: nothing was pushed' 'main' "$(branches governed)"
check 'new commits: the tested one and no other' 'tested' "$(commits governed)"
check 'the tests, run on what was committed' 'pass' "$(committed_tests governed)"
check 'connections the server got: the harmless one' 1 "$(connections governed)"
check 'requests that carried the secret' 0 "$(leaks governed)"
check 'refused operations that were told with their reason' '7 7' \
  "$(told governed 'actplane: \(killed before it began\|refused with EPERM\)') $(told governed '^  because ')"
echo ' without'
check 'branches of the remote' 'by-bash by-execve by-python main' "$(branches free)"
check 'new commits' 'untested failing tested stale' "$(commits free)"
check 'the tests, run on what was committed' 'fail' "$(committed_tests free)"
check 'connections the server got' 2 "$(connections free)"
check 'requests that carried the secret' 1 "$(leaks free)"
echo
echo "demo: $passed checks passed, $failed failed"
exit $((failed > 0))
