# Sourced by the other scripts: where things are and which tools are used. Changes nothing on the machine.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# Bun is pinned by package-lock.json and used from there; a bun on PATH may be another version.
bun="$root/node_modules/@oven/bun-linux-x64/bin/bun"

# clang 16 is the first whose BPF back end supports everything bpf/ uses. 19 comes first because the verifier was met with
# its code most; another version may lay loops out in another way.
clang_of_machine() {
  local version
  for version in 19 20 21 22 18 17 16; do
    if command -v "clang-$version" >/dev/null; then
      echo "clang-$version"
      return
    fi
  done
}

say() { echo "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "this needs root, and there is no sudo here: run it as root ($*)"
  fi
}
