#!/bin/busybox sh
# First program of a VM: loads the modules that the host's file system is reached through, and
# goes on with guest-init.sh there. Everything else is left to that script.
set -eu

/bin/busybox mount -t proc proc /proc
for module in /modules/*.ko; do
  /bin/busybox insmod "$module"
done
/bin/busybox mount -t virtiofs -o ro host /host

# boot.sh passes the folder with its files as actplane.run=FOLDER.
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in
    actplane.run=*) run=${word#actplane.run=} ;;
  esac
done
/bin/busybox umount /proc
exec /bin/busybox switch_root /host /bin/bash "$run/guest-init.sh" "$run"
