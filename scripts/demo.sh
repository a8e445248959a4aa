#!/usr/bin/env bash
# `npm run demo`: the main job on real input (demo/demo.sh), after installing what is missing and building. Needs root to
# load programs into the kernel, and takes it by sudo where it must; needs no terminal.
#
#   npm run demo             on this machine's kernel
#   npm run demo -- --vm     in a virtual machine with Linux 6.12 and BPF LSM, fetched the first time
source "$(dirname "$0")/env.sh"

case "$*" in
  '' | --vm) ;;
  *) die "usage: npm run demo [-- --vm]" ;;
esac

bash scripts/setup.sh
bash scripts/build.sh
if [[ "${1:-}" == --vm ]]; then
  as_root bash scripts/vm-setup.sh 6.12
  as_root bash test/vm/boot.sh --kernel 6.12 -- bash "$root/demo/demo.sh"
else
  as_root bash demo/demo.sh
fi
