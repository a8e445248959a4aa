#!/usr/bin/env bash
# Links libbpf, libelf and libz statically into one shared object: packaging/libbpf/build.sh OUTPUT.so
# The object must load on glibc 2.22 (the floor of Bun itself is 2.17; fmemopen in libbpf asks for 2.22), and is refused otherwise.
set -euo pipefail

output="$(realpath -m "$1")"
here="$(cd "$(dirname "$0")" && pwd)"
archives="/usr/lib/$(gcc -print-multiarch)"
glibc_max=2.22

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

for name in bpf elf z; do
  objcopy --redefine-sym stderr=actplane_stderr --redefine-sym fstat=actplane_fstat --redefine-sym fcntl64=actplane_fcntl64 \
    "$archives/lib$name.a" "$work/lib$name.a"
done
ar d "$work/libelf.a" elf_error.o

# Newer releases of libelf decompress zstd sections; older ones do not ask for it and the linker then takes nothing of it.
zstd=()
if [[ -f "$archives/libzstd.a" ]]; then zstd=("$archives/libzstd.a"); fi

for part in shims steps prune names; do gcc -O2 -fPIC -Wall -Werror -c "$here/$part.c" -o "$work/$part.o"; done
mkdir -p "$(dirname "$output")"
gcc -shared -o "$work/out.so" "$work/shims.o" "$work/steps.o" "$work/prune.o" "$work/names.o" \
  -Wl,--wrap=bpf_prog_load -Wl,--wrap=bpf_prog_bind_map -Wl,--wrap=bpf_map_freeze \
  -Wl,--whole-archive "$work/libbpf.a" -Wl,--no-whole-archive "$work/libelf.a" "$work/libz.a" "${zstd[@]}" \
  -Wl,--version-script="$here/exports.map" -Wl,-z,defs -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,-soname,libbpf-actplane.so -s

newest="$(objdump -T "$work/out.so" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -1)"
if [[ "$(printf '%s\nGLIBC_%s\n' "$newest" "$glibc_max" | sort -V | tail -1)" != "GLIBC_$glibc_max" ]]; then
  echo "error: $output would need $newest, more than glibc $glibc_max:" >&2
  objdump -T "$work/out.so" | grep -F "$newest" >&2
  exit 1
fi
mv "$work/out.so" "$output"
