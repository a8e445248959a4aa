#!/usr/bin/env bash
# Compiles the C programs beside it into build/test/probes, statically: they start without a loader, which a slow machine notices.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
output=../../build/test/probes
mkdir -p "$output"
for source in *.c; do
  program="$output/${source%.c}"
  if [[ "$program" -nt "$source" || ! -w "$output" ]]; then continue; fi
  case "$source" in
    narrow.c) gcc -m32 -nostdlib -static -ffreestanding -fno-pic -fno-stack-protector -O1 -Wall -o "$program" "$source" ;;
    *) gcc -static -O1 -Wall -Wno-unused-result -o "$program" "$source" -lpthread ;;
  esac
done
