#!/usr/bin/env bash
# Builds dist/actplane: libbpf as one shared object, the BPF objects of every tier, then the compiled executable that embeds both.
# Each step runs only when one of its inputs is newer than its output.
source "$(dirname "$0")/env.sh"

if [[ ! -x "$bun" || -z "$(clang_of_machine)" || ! -e /usr/include/bpf/libbpf.h ]] ||
  ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  bash scripts/setup.sh
fi
clang="$(clang_of_machine)"
llvm_strip="${clang/clang/llvm-strip}"

# stale OUTPUT INPUT...: whether OUTPUT is absent or older than any input. Folders count with all they hold, and
# with their own times, which a deletion changes.
stale() {
  local output="$1"
  shift
  [[ ! -e "$output" || -n "$(find "$@" -newer "$output" -print -quit)" ]]
}

# Two builds at once would write the same files.
mkdir -p build
exec {lock}>build/.lock
flock "$lock"

# An output is as old as the start of its build, so that an edit made meanwhile counts as newer.
started="$(mktemp)"
trap 'rm -f "$started"' EXIT
begin() {
  say "build: $1"
  touch "$started"
}
# finish TEMPORARY OUTPUT
finish() {
  touch -r "$started" "$1"
  mv "$1" "$2"
}

build_libbpf() {
  local output=build/libbpf-actplane.so
  stale "$output" packaging/libbpf bpf/abi.h scripts/build.sh || return 0
  begin "$output"
  bash packaging/libbpf/build.sh "$output.tmp"
  finish "$output.tmp" "$output"
}

# Linked statically, so that it runs on whatever C library the machine has.
build_attendants() {
  local output=build/attendants
  stale "$output" packaging/attendants scripts/build.sh || return 0
  begin "$output"
  gcc -O2 -static -Wall -Wextra -Werror -s packaging/attendants/attendants.c -o "$output.tmp"
  finish "$output.tmp" "$output"
}

# One object per bpf/*.bpf.c. llvm-strip drops DWARF and keeps BTF, which CO-RE and the ABI test need.
build_bpf_objects() {
  local source output
  mkdir -p build/bpf
  for source in bpf/*.bpf.c; do
    [[ -e "$source" ]] || continue
    output="build/bpf/$(basename "${source%.c}").o"
    stale "$output" bpf scripts/build.sh || continue
    begin "$output"
    "$clang" -target bpf -O2 -g -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Werror -I bpf -c "$source" -o "$output.tmp"
    "$llvm_strip" -g "$output.tmp"
    finish "$output.tmp" "$output"
  done
}

# Workers are entry points of their own: the compiled executable finds only what was bundled.
# The two --no-compile-autoload flags are security: without them the executable runs the `preload` of the current
# folder's bunfig.toml and reads its .env, so a file in an agent's checkout would run as root (test/kernel/executable.test.ts).
# What starts and ends within a tenth of a second does not earn back what compiling it would cost: src/main.ts ends the policy.
build_executable() {
  local output=dist/actplane
  local workers=()
  mapfile -t workers < <(find src -name '*.worker.ts' | sort)
  stale "$output" src build/libbpf-actplane.so build/attendants build/bpf package-lock.json tsconfig.json scripts/build.sh || return 0
  begin "$output"
  mkdir -p dist
  "$bun" build --compile --target=bun-linux-x64 --minify --bytecode --format=esm --splitting \
    --no-compile-autoload-bunfig --no-compile-autoload-dotenv --compile-jit-policy=32 \
    src/main.ts "${workers[@]}" --outfile "$output.tmp" >&2
  finish "$output.tmp" "$output"
}

build_libbpf
build_attendants
build_bpf_objects
build_executable
