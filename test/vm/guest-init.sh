#!/bin/bash
# Process 1 of a VM, on the host's root file system: mounts what a booted machine has, runs the
# one command that boot.sh left, and reports its exit code. Called as: guest-init.sh RUN
#
# There is no `set -e`: if process 1 ends the kernel panics, and a later step that fails names the
# trouble better. A mount that the tests count on is checked by selfcheck.sh.
set -uo pipefail

run=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount_system() {
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t securityfs securityfs /sys/kernel/security
  mount -t bpf bpf /sys/fs/bpf
  mount -t tracefs tracefs /sys/kernel/tracing
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount -t devtmpfs devtmpfs /dev
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  # udev would make these; without them bash has no <(...) and nothing opens /dev/stderr.
  ln -s /proc/self/fd /dev/fd
  ln -s /proc/self/fd/0 /dev/stdin
  ln -s /proc/self/fd/1 /dev/stdout
  ln -s /proc/self/fd/2 /dev/stderr
}

# The tmpfs mounts hide folders of the host. The ones in `keep` are mounted again where one of them
# was hidden, from a descriptor opened before.
mount_scratch() {
  local folder descriptor descriptors=() index
  # shellcheck disable=SC2154 # `keep` is one of the settings
  for folder in "${keep[@]}"; do
    exec {descriptor}<"$folder"
    descriptors+=("$descriptor")
  done
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/vm/bin
  cp "$run/command" /run/vm/command
  cp "$run/modprobe" /run/vm/bin/modprobe
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mkdir /tmp/home
  mount -t tmpfs -o mode=755 tmpfs /mnt
  for index in "${!keep[@]}"; do
    folder=${keep[index]} descriptor=${descriptors[index]}
    if [[ ! -d $folder ]]; then
      mkdir -p "$folder"
      # Not canonicalized: the path that /proc/self/fd names is the new, empty folder.
      mount --no-canonicalize --bind "/proc/self/fd/$descriptor" "$folder"
    fi
    exec {descriptor}<&-
  done
  mkdir /mnt/ext4 /mnt/share
  mount -t ext4 /dev/vda /mnt/ext4
  mount -t virtiofs share /mnt/share
}

# port NAME: the device of one of boot.sh's virtio-serial ports.
port() {
  local name
  for name in /sys/class/virtio-ports/*/name; do
    [[ $(<"$name") == "$1" ]] && basename "$(dirname "$name")"
  done
}

# Runs the command and sets `code`. Its output goes through a pipe, since a virtio port can be
# opened only once and a program may open /dev/stdout again.
run_command() {
  local stream relays=() waited
  for stream in stdout stderr; do
    mkfifo "/run/vm/$stream"
    cat "/run/vm/$stream" >"/dev/$(port "$stream")" &
    relays+=($!)
  done
  setsid bash /run/vm/command </dev/null >/run/vm/stdout 2>/run/vm/stderr
  code=$?
  # A process left behind may hold the pipe open: the output gets two seconds, then the VM ends.
  for ((waited = 0; waited < 20; waited++)); do
    kill -0 "${relays[@]}" 2>/dev/null || break
    sleep 0.1
  done
}

# shellcheck source=/dev/null # written by boot.sh
. "$run/settings"
mount_system
mount_scratch
# The host has the modules of its own kernel, if any; ours loads those of the running one.
echo /run/vm/bin/modprobe >/proc/sys/kernel/modprobe
ip link set lo up
run_command
umount /mnt/ext4
sync
echo "$code" >"/dev/$(port status)"
# Restarts at once; QEMU runs with -no-reboot and ends.
echo b >/proc/sysrq-trigger
sleep infinity
