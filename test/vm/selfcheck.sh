#!/bin/bash
# Checks the VM harness itself: every set-up kernel boots with and without the BPF LSM, has what a
# test counts on, and hands exit codes, output and files back. Tests of actplane are elsewhere.
#
#   test/vm/selfcheck.sh           # every kernel that scripts/vm-setup.sh has set up
#   test/vm/selfcheck.sh 6.12      # only this one
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
readonly HERE CHECKOUT CACHE=${ACTPLANE_VM_CACHE:-/var/cache/actplane-vm}
readonly BOOT=$HERE/boot.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# check INTENT EXPECTED ACTUAL
check() {
  [[ $2 == "$3" ]] && return
  failures=$((failures + 1))
  printf '  FAILED: %s\n    expected: %s\n    actual:   %s\n' "$1" "$2" "$3"
}

# Runs in the guest. Every line it prints is a fault; facts go to the share.
in_guest() {
  uname -r >/mnt/share/release
  cat /sys/kernel/security/lsm >/mnt/share/lsm
  sha256sum <package.json >/mnt/share/package-hash
  while read -r type mountpoint; do
    findmnt --noheadings --types "$type" "$mountpoint" >/dev/null || echo "no $type on $mountpoint"
  done <<'MOUNTS'
proc /proc
sysfs /sys
securityfs /sys/kernel/security
bpf /sys/fs/bpf
tracefs /sys/kernel/tracing
cgroup2 /sys/fs/cgroup
devtmpfs /dev
devpts /dev/pts
tmpfs /dev/shm
tmpfs /tmp
tmpfs /run
ext4 /mnt/ext4
virtiofs /mnt/share
MOUNTS
  [[ -r /sys/kernel/btf/vmlinux ]] || echo 'no BTF of the kernel'
  echo hello >/mnt/ext4/file && [[ $(</mnt/ext4/file) == hello ]] || echo 'ext4 does not keep a file'
  ! touch /usr/touched 2>/dev/null || echo "the host's files can be written"
  mount -o remount,rw / 2>/dev/null
  ! touch /usr/touched 2>/dev/null || echo "the host's files can be written after a remount"
  modprobe overlay || echo 'modprobe does not find a module'
  (exec 3<>/dev/tcp/127.0.0.1/9) 2>&1 | grep -q refused || echo 'the loopback interface is down'
  for folder in dist build; do
    [[ ! -d $folder ]] || find "$folder" -type f -exec head -c 1 {} + >/dev/null || echo "$folder is unreadable"
  done
  echo to-stderr >/dev/stderr
  exit 7
}

# check_boot KERNEL MODE: one boot with everything, code 7.
check_boot() {
  local kernel=$1 mode=$2 options=() share=$scratch/$1-$2 started=$SECONDS code=0 has_bpf=no
  [[ $mode == bpf-lsm ]] || options=(--no-bpf-lsm)
  mkdir "$share"
  "$BOOT" --kernel "$kernel" "${options[@]}" --share "$share" \
    -- bash -c "$(declare -f in_guest); in_guest" >"$share/stdout" 2>"$share/stderr" || code=$?
  printf '%-5s %-10s %3d s  %-28s lsm=%s\n' "$kernel" "$mode" $((SECONDS - started)) \
    "$(cat "$share/release" || true)" "$(cat "$share/lsm" || true)"
  [[ ,$(cat "$share/lsm" || true), != *,bpf,* ]] || has_bpf=yes
  check 'the exit code passes' 7 "$code"
  check 'the guest finds no fault' '' "$(cat "$share/stdout")"
  check 'stderr comes back apart from stdout' to-stderr "$(cat "$share/stderr")"
  check 'the release is that of the set-up kernel' "$(cat "$CACHE/kernels/$kernel/release")" "$(cat "$share/release")"
  check 'bpf is active exactly when asked for' "$([[ $mode == bpf-lsm ]] && echo yes || echo no)" "$has_bpf"
  check 'the checkout is readable at its own path' "$(sha256sum <"$CHECKOUT/package.json")" "$(cat "$share/package-hash")"
}

# exit_code ARGS: the exit code of one boot whose output is of no interest.
exit_code() {
  local code=0
  "$BOOT" "$@" >/dev/null 2>&1 || code=$?
  echo "$code"
}

# What does not depend on the kernel: the ends a run can come to.
check_ends() {
  local kernel=$1 first second
  echo "ends of a run, on $kernel"
  exit_code --kernel "$kernel" -- true >"$scratch/first" &
  first=$!
  exit_code --kernel "$kernel" -- bash -c 'exit 42' >"$scratch/second" &
  second=$!
  wait "$first" "$second"
  check 'two at a time: the first' 0 "$(<"$scratch/first")"
  check 'two at a time: the second' 42 "$(<"$scratch/second")"
  check 'an argument with blanks and quotes stays one' 0 \
    "$(exit_code --kernel "$kernel" -- test "a 'b\" \$c" = "a 'b\" \$c")"
  check 'a panic' 121 "$(exit_code --kernel "$kernel" -- bash -c 'echo c >/proc/sysrq-trigger')"
  check 'a hang' 122 "$(exit_code --kernel "$kernel" --timeout 15 -- sleep 1000)"
  check 'a kernel that is not set up' 120 "$(exit_code --kernel 1.0 -- true)"
}

kernels=("$@")
if [[ $# -eq 0 ]]; then
  mapfile -t kernels < <(find "$CACHE/kernels" -mindepth 2 -maxdepth 2 -name release -printf '%h\n' | xargs -n 1 basename | sort -V)
fi
for kernel in "${kernels[@]}"; do
  check_boot "$kernel" bpf-lsm
  check_boot "$kernel" no-bpf-lsm
done
check_ends "${kernels[-1]}"

[[ $failures -eq 0 ]] || { echo "$failures checks failed" && exit 1; }
echo 'all checks passed'
