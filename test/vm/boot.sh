#!/bin/bash
# Boots one kernel in QEMU with the host's root file system read-only, runs one command in it, and
# exits with that command's exit code. See README.md beside this file.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: test/vm/boot.sh --kernel NAME [options] [--] COMMAND [ARGUMENT...]

  --kernel NAME      a kernel set up by scripts/vm-setup.sh: 5.10, 6.1, 6.12, 7
  --no-bpf-lsm       boot without `bpf` in lsm=
  --share DIR        host folder, writable in the guest at /mnt/share (default: a temporary one)
  --cwd DIR          folder in the guest to start in (default: the checkout)
  --timeout SECONDS  end the VM after this time, boot included (default: 300)
  --smp COUNT        processors (default: 2)
  --memory MIB       memory (default: 2048)
  --append WORDS     more kernel parameters
  --console          print the kernel's messages to stderr at the end

exit code: that of the command, or
  120  the VM could not be started      121  the guest ended without an exit code (panic)
  122  the timeout passed
TEXT
}

readonly CODE_NOT_STARTED=120 CODE_GUEST_DIED=121 CODE_TIMEOUT=122
readonly CACHE=${ACTPLANE_VM_CACHE:-/var/cache/actplane-vm}
readonly TOOLS=$CACHE/tools
readonly LOADER=$TOOLS/lib64/ld-linux-x86-64.so.2
readonly LIBRARIES=$TOOLS/lib/x86_64-linux-gnu:$TOOLS/usr/lib/x86_64-linux-gnu
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
readonly HERE CHECKOUT

say() { printf 'vm: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit $CODE_NOT_STARTED
}

# --- Options -------------------------------------------------------------------------------

kernel='' share='' cwd=$CHECKOUT timeout_seconds=300 cpu_count=2 memory_mib=2048 append='' console=''
lsm=landlock,lockdown,yama,apparmor,bpf
while [[ $# -gt 0 ]]; do
  case $1 in
    --kernel | --share | --cwd | --timeout | --smp | --memory | --append)
      [[ $# -ge 2 ]] || fail "$1 needs a value"
      ;;&
    --kernel) kernel=$2 && shift 2 ;;
    --share) share=$2 && shift 2 ;;
    --cwd) cwd=$2 && shift 2 ;;
    --timeout) timeout_seconds=$2 && shift 2 ;;
    --smp) cpu_count=$2 && shift 2 ;;
    --memory) memory_mib=$2 && shift 2 ;;
    --append) append=$2 && shift 2 ;;
    --no-bpf-lsm) lsm=${lsm%,bpf} && shift ;;
    --console) console=yes && shift ;;
    --help) usage && exit 0 ;;
    --) shift && break ;;
    -*) usage >&2 && fail "unknown option $1" ;;
    *) break ;;
  esac
done
[[ -n $kernel && $# -gt 0 ]] || { usage >&2 && exit $CODE_NOT_STARTED; }
[[ $EUID -eq 0 ]] || fail 'needs root: virtiofsd serves the files of all users'
[[ -e $CACHE/kernels/$kernel/release && -e $TOOLS/ready && -e $CACHE/ext4.img ]] ||
  fail "kernel $kernel is not set up: run scripts/vm-setup.sh $kernel"
[[ -z $share || -d $share ]] || fail "--share: no folder $share"

# --- One run's folder and processes --------------------------------------------------------

# Always below /tmp and without blanks: the path goes into the kernel's command line, and that of
# a socket may have 107 bytes.
run=$(mktemp -d /tmp/actplane-vm.XXXXXX)

cleanup() {
  local code=$? running
  trap '' INT TERM HUP PIPE
  # What bash lists as running is a child of ours; a noted process id may be someone else's by now.
  running=$(jobs -pr)
  # shellcheck disable=SC2086 # a list of process ids
  [[ -z $running ]] || kill $running 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf --one-file-system "$run"
  exit "$code"
}
trap cleanup EXIT
# bash runs the EXIT trap after these; a bare signal would skip it.
trap 'exit 130' INT
trap 'exit 143' TERM HUP PIPE

# cached PROGRAM ARGS: becomes a program of the cache, with the libraries of the cache.
cached() {
  exec "$LOADER" --library-path "$LIBRARIES" "$TOOLS/$1" "${@:2}"
}

# --- Pieces --------------------------------------------------------------------------------

write_guest_files() {
  cp "$HERE/guest-init.sh" "$run/guest-init.sh"
  printf 'keep=(%q %q)\n' "$CHECKOUT" "$CACHE" >"$run/settings"
  {
    echo '#!/bin/bash'
    printf 'exec %q --argv0 modprobe --library-path %q %q -d %q "$@"\n' "$LOADER" "$LIBRARIES" \
      "$TOOLS/bin/kmod" "$CACHE/kernels/$kernel"
  } >"$run/modprobe"
  chmod 755 "$run/modprobe"
  {
    printf 'export PATH=/run/vm/bin:%q:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' "$PATH"
    echo 'export HOME=/tmp/home LANG=C.UTF-8 TERM=dumb CI=true'
    printf 'cd %q || exit %d\n' "$cwd" $CODE_NOT_STARTED
    printf 'exec'
    printf ' %q' "$@"
    echo
  } >"$run/command"
}

# The kernel unpacks several archives one after the other: the init script of this checkout, then
# the busybox and modules that vm-setup.sh packed.
write_initramfs() {
  mkdir "$run/init"
  cp "$HERE/initramfs-init.sh" "$run/init/init"
  chmod 755 "$run/init/init"
  (cd "$run/init" && echo init | "$TOOLS/bin/busybox" cpio -o -H newc 2>/dev/null) >"$run/initramfs"
  cat "$CACHE/kernels/$kernel/initramfs.gz" >>"$run/initramfs"
}

# serve_files TAG SOURCE OPTIONS: becomes a virtiofsd on the socket TAG.sock.
serve_files() {
  cached usr/lib/qemu/virtiofsd --socket-path="$run/$1.sock" \
    -o "source=$2" -o sandbox=chroot -o "$3" >"$run/$1.log" 2>&1
}

# The guest mounts its root read-only, but root in the guest could mount it again writable, and
# virtiofsd 7.2 has no option against that. So it serves a copy of the mount tree that is
# read-only on this side.
#
# The copy is seen in a private mount namespace only, and lies over /mnt rather than in the run's
# folder: that one is deleted at the end, and a deletion must never reach through to the host.
serve_root() {
  export -f serve_files cached
  export TOOLS LOADER LIBRARIES run
  exec unshare --mount bash -c '
    set -euo pipefail
    mount --rbind / /mnt
    # The guest mounts its own there.
    umount --lazy /mnt/proc /mnt/sys /mnt/dev 2>/dev/null || true
    findmnt --list --noheadings --output TARGET --submounts /mnt | while read -r target; do
      mount -o remount,bind,ro "$target"
    done
    serve_files root /mnt cache=always,announce_submounts
  ' >"$run/root.log" 2>&1
}

wait_for_socket() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [[ -S $run/$1.sock ]] && return
    kill -0 "$2" 2>/dev/null || break
    sleep 0.05
  done
  cat "$run/$1.log" >&2
  fail "virtiofsd did not start"
}

# Kernel messages go to the serial console, the command's output and exit code through virtio
# ports: these are fast, keep stdout and stderr apart, and no kernel message gets between. They
# end in files, because a slow reader of a pipe could cost the last lines.
#
# `max` offers everything that TCG can do, but for two things that cost time. Five-level page tables
# (la57): each page walk a step more. "Fast" string instructions (erms, fsrm, fzrm, fsrs, fsrc): TCG
# goes byte by byte, and guests that believe in them copy and clear memory so. Without them a run of
# many small programs takes a quarter less.
#
# Never one processor only (`maxcpus`): for a machine that can have no second one TCG does without memory barriers (Linux's is a
# locked addition to the stack, which becomes a plain one), and a notice to virtiofsd, a process beside it, is lost now and then.
# The guest's files then stop for good: 6.1 has been seen to wait for them in request_wait_answer.
#
# no_timer_check: on a busy host the guest's timer can seem not to work, and the kernel panics over it.
#
# `timeout` ends QEMU in time, whatever the guest does, and both end with this script, even when
# that one is killed with SIGKILL; virtiofsd ends with QEMU's connection.
start_qemu() {
  export QEMU_MODULE_DIR=$TOOLS/usr/lib/x86_64-linux-gnu/qemu
  exec setpriv --pdeathsig TERM timeout --kill-after=5 "$timeout_seconds" \
    "$LOADER" --library-path "$LIBRARIES" "$TOOLS/usr/bin/qemu-system-x86_64" \
    -L "$TOOLS/usr/share/qemu" -L "$TOOLS/usr/share/seabios" \
    -nodefaults -no-user-config -display none -monitor none -no-reboot \
    -machine pc -accel tcg,thread=multi -cpu max,la57=off,erms=off,fsrm=off,fzrm=off,fsrs=off,fsrc=off \
    -smp "$cpu_count,maxcpus=$((cpu_count > 1 ? cpu_count : 2))" -m "$memory_mib" \
    -object "memory-backend-memfd,id=memory,size=${memory_mib}M,share=on" -numa node,memdev=memory \
    -chardev "socket,id=root,path=$run/root.sock" -device vhost-user-fs-pci,chardev=root,tag=host \
    -chardev "socket,id=share,path=$run/share.sock" -device vhost-user-fs-pci,chardev=share,tag=share \
    -drive "file=$CACHE/ext4.img,format=raw,if=none,id=ext4,snapshot=on" -device virtio-blk-pci,drive=ext4 \
    -device virtio-serial-pci \
    -chardev "file,id=stdout,path=$run/stdout" -device virtserialport,chardev=stdout,name=stdout \
    -chardev "file,id=stderr,path=$run/stderr" -device virtserialport,chardev=stderr,name=stderr \
    -chardev "file,id=status,path=$run/status" -device virtserialport,chardev=status,name=status \
    -serial "file:$run/console" \
    -kernel "$CACHE/kernels/$kernel/vmlinuz" -initrd "$run/initramfs" \
    -append "console=ttyS0 quiet panic=-1 oops=panic no_timer_check lsm=$lsm actplane.run=$run $append" \
    </dev/null >"$run/qemu.log" 2>&1
}

# --- The run -------------------------------------------------------------------------------

write_guest_files "$@"
write_initramfs
if [[ -z $share ]]; then
  share=$run/share
  mkdir "$share"
fi

serve_root &
wait_for_socket root $!
serve_files share "$share" cache=auto &
wait_for_socket share $!

touch "$run/stdout" "$run/stderr" "$run/status" "$run/console"
start_qemu &
qemu=$!
# The streams are complete when QEMU is gone: tail looks once more after that and ends.
tail -f -c +1 -s 0.05 --pid="$qemu" "$run/stdout" 2>/dev/null &
tails=($!)
tail -f -c +1 -s 0.05 --pid="$qemu" "$run/stderr" >&2 2>/dev/null &
tails+=($!)
qemu_code=0
wait "$qemu" || qemu_code=$?
wait "${tails[@]}" || true

[[ -z $console ]] || cat "$run/console" >&2
status=$(tr -d '[:space:]' <"$run/status")
if [[ -n $status ]]; then
  grep -a -m 1 -E 'BUG:|WARNING:|Oops' "$run/console" >&2 && say 'the kernel warned, see --console'
  exit "$status"
fi
[[ -n $console ]] || tail -n 60 "$run/console" >&2
case $qemu_code in
  0)
    say "kernel $kernel: the guest ended without an exit code, its last messages are above"
    exit $CODE_GUEST_DIED
    ;;
  124 | 137)
    say "kernel $kernel: the timeout of $timeout_seconds s passed"
    exit $CODE_TIMEOUT
    ;;
  *)
    cat "$run/qemu.log" >&2
    fail "QEMU ended with code $qemu_code"
    ;;
esac
